internal import CacheStack
internal import Foundation
internal import Market
internal import PostgresTier
internal import Services

/// Compares what clients were told with what PostgreSQL holds.
struct AckCheck {
    /// What a client was told about one of its requests.
    private struct Acknowledgement {
        var kind: Substring
        var execType: Substring
        var order: OrderID
    }

    private struct ClientKey: Hashable {
        var session: SessionID
        var id: String
    }

    var acknowledged = 0
    var durable = 0
    /// The first acknowledgement that L3 does not bear out.
    var firstLost: String?
    var lost = 0
    /// Rows nobody was told about: allowed after a crash, at most once each.
    var unacknowledged = 0

    /// Reads the load generator's log of acknowledgements and all orders in L3.
    static func run(log: String, durable tier: PostgresTier) async throws -> AckCheck {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        var told: [ClientKey: Acknowledgement] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count >= 5, let session = SeedPlan.session(compID: fields[0]) else { continue }
            told[ClientKey(session: session, id: String(fields[1]))] = Acknowledgement(
                kind: fields[2], execType: fields[3], order: OrderID(fields[4]) ?? 0)
        }
        let orders = try await TradingAudit.orders(in: tier)
        var rows: [ClientKey: OrderRow] = [:]
        var canceled: [ClientKey: OrderRow] = [:]
        for row in orders {
            if let id = row.clientOrderID { rows[ClientKey(session: row.session, id: id.description)] = row }
            guard row.status == .canceled, let id = row.endedByID else { continue }
            canceled[ClientKey(session: row.session, id: id.description)] = row
        }
        var check = AckCheck()
        check.durable = orders.count
        for (key, acknowledgement) in told { check.compare(key, acknowledgement, rows, canceled) }
        check.unacknowledged = rows.keys.count { told[$0] == nil }
        return check
    }

    private mutating func compare(
        _ key: ClientKey, _ told: Acknowledgement, _ rows: [ClientKey: OrderRow], _ canceled: [ClientKey: OrderRow]
    ) {
        let row: OrderRow?
        switch told.kind {
        case "cancel":
            // A refused cancel changes nothing and leaves no row.
            guard told.execType == "4" else { return }
            row = canceled[key]
        case "replace":
            guard told.execType == "5" else { return }
            row = rows[key]
        default: row = rows[key]
        }
        acknowledged += 1
        // Refusals without an order number were never sequenced (the store was away, or a queue was full).
        if told.order == 0 { return }
        guard row == nil || row?.order != told.order else { return }
        lost += 1
        firstLost = firstLost ?? "session \(key.session) \(key.id): \(told.kind) \(told.execType) order \(told.order)"
    }
}
