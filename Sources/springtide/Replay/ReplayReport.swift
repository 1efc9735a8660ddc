internal import Foundation
internal import Market
internal import Services

/// What a replay produced.
struct ReplayOutcome {
    var result: ReplayResult
    var audit: AuditReport
    var seconds: Double
}

/// The trades of one instrument against those the exchange made.
struct TradeComparison {
    /// What is compared: the two orders, the price and the quantity.
    private struct Trade: Hashable {
        var buy: UInt64
        var sell: UInt64
        var price: Int64
        var quantity: Int64
    }

    var continuous = 0
    var auction = 0
    /// The first difference, nil where continuous trades are equal in sequence and auction trades as a multiset.
    var difference: String?

    init(_ trades: [ReplayedTrade], expected csv: String) throws {
        var expected: (continuous: [Trade], auction: [Trade]) = ([], [])
        for (number, line) in csv.split(separator: "\n").enumerated().dropFirst() {
            let fields = line.split(separator: ",")
            guard fields.count >= 7, let buy = UInt64(fields[2]), let sell = UInt64(fields[3]),
                let price = Int64(fields[5]), let quantity = Int64(fields[6])
            else { throw ConfigurationError(description: "expected trades, line \(number + 1): cannot be read") }
            let trade = Trade(buy: buy, sell: sell, price: price, quantity: quantity)
            if fields[4] == "N" { expected.auction.append(trade) } else { expected.continuous.append(trade) }
        }
        var made: (continuous: [Trade], auction: [Trade]) = ([], [])
        for trade in trades {
            let plain = Trade(
                buy: trade.buyOrder, sell: trade.sellOrder, price: trade.price.milli, quantity: trade.quantity.shares)
            if trade.aggressor == nil { made.auction.append(plain) } else { made.continuous.append(plain) }
        }
        continuous = expected.continuous.count
        auction = expected.auction.count
        if made.continuous != expected.continuous {
            let index = zip(made.continuous, expected.continuous).enumerated().first { $1.0 != $1.1 }?.offset
            difference =
                "continuous trade \(index ?? min(made.continuous.count, expected.continuous.count)) differs "
                + "(\(made.continuous.count) made, \(expected.continuous.count) expected)"
        } else if Self.counts(made.auction) != Self.counts(expected.auction) {
            difference = "auction trades differ (\(made.auction.count) made, \(expected.auction.count) expected)"
        }
    }

    private static func counts(_ trades: [Trade]) -> [Trade: Int] {
        trades.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}

/// A replay's outputs: CSV, JSON and text.
struct ReplayReport {
    var flows: [RecordedFlow]
    var outcome: ReplayOutcome
    var comparisons: [TradeComparison]

    /// Whether every invariant holds and every comparison is equal.
    var isSound: Bool { outcome.audit.isSound && comparisons.allSatisfy { $0.difference == nil } }

    var tradesCSV: String {
        let isSingle = flows.count == 1
        var lines = ["seq,time_ms,buy_order_id,sell_order_id,aggressor,price_milli,qty" + (isSingle ? "" : ",symbol")]
        for (index, trade) in outcome.result.trades.enumerated() {
            let aggressor = trade.aggressor.map { $0 == .buy ? "B" : "S" } ?? "N"
            var fields = [
                "\(index + 1)", "\(trade.time)", "\(trade.buyOrder)", "\(trade.sellOrder)", aggressor,
                "\(trade.price.milli)", "\(trade.quantity.shares)",
            ]
            if !isSingle { fields.append("\(flows[trade.flow].symbol)") }
            lines.append(fields.joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    func json() throws -> Data {
        let result = outcome.result
        let symbols = flows.enumerated().map { index, flow -> [String: Any] in
            let trades = result.trades.filter { $0.flow == index }
            var entry: [String: Any] = [
                "symbol": "\(flow.symbol)", "events": flow.events.count, "trades": trades.count,
                "auction_trades": trades.count { $0.aggressor == nil },
                "previous_close_milli": flow.previousClose.milli,
                "volume": trades.reduce(0) { $0 + $1.quantity.shares },
                "turnover_milli": trades.reduce(0) { $0 + $1.price.milli * $1.quantity.shares },
            ]
            if index < comparisons.count {
                entry["equals_expected"] = comparisons[index].difference == nil
                entry["difference"] = comparisons[index].difference ?? ""
            }
            return entry
        }
        let document: [String: Any] = [
            "schema_version": 1, "symbols": symbols, "accepted": result.accepted, "canceled": result.canceled,
            "expired": result.expired, "cancel_rejects": result.cancelRejects,
            "rejected_by_rule": Dictionary(uniqueKeysWithValues: result.rejected.map { ("\($0.key)", $0.value) }),
            "batches": result.batches, "seconds": outcome.seconds, "sound": isSound,
            "invariants": outcome.audit.findings.map {
                ["number": $0.number, "claim": $0.claim, "verdict": $0.verdict.rawValue, "detail": $0.detail]
            },
        ]
        return try JSONSerialization.data(withJSONObject: document, options: [.prettyPrinted, .sortedKeys])
    }

    var text: String {
        let result = outcome.result
        let events = flows.reduce(0) { $0 + $1.events.count }
        var lines = [
            "\(events) events in \(String(format: "%.1f", outcome.seconds)) s "
                + "(\(Int(Double(events) / max(outcome.seconds, 0.001)))/s, \(result.batches) commits)",
            "\(result.accepted) accepted, \(result.canceled) canceled, \(result.expired) expired, "
                + "\(result.rejected.values.reduce(0, +)) rejected, \(result.cancelRejects) cancels refused",
        ]
        for (index, flow) in flows.enumerated() {
            let trades = result.trades.filter { $0.flow == index }
            var line = "\(flow.symbol): \(trades.count) trades, \(trades.count { $0.aggressor == nil }) in auctions"
            if index < comparisons.count {
                line += comparisons[index].difference.map { "; DIFFERS: \($0)" } ?? "; equal to the exchange's"
            }
            lines.append(line)
        }
        for finding in outcome.audit.findings {
            lines.append(
                "\(finding.number.padded(to: 4)) \(finding.verdict.rawValue.padded(to: 15)) \(finding.claim) (\(finding.detail))"
            )
        }
        return lines.joined(separator: "\n")
    }
}
