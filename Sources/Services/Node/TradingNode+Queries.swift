public import CacheStack
internal import Ledger
public import Market
internal import Matching

/// Questions of sessions and operators, answered beside the order path.
extension TradingNode {
    /// Number of the rule that stands for "a limit of the node is reached".
    public static var capacityRule: UInt8 { OrderReports.capacityRule }

    /// The symbols of all instruments.
    public var symbols: [InstrumentID: UInt32] {
        Dictionary(instruments.map { ($0.value, $0.key) }) { first, _ in first }
    }

    /// The state of a session's order: from the sequencer while it is open, else from its row.
    ///
    /// Never ahead of what is durable for orders that ended; for an open one it is the sequencer's present state.
    public func status(session: SessionID, id: ClientOrderID, side: Side) async -> ExecutionReport {
        let now = EventClock.now()
        let found = await inspect { partition -> (row: OrderRow?, order: OrderID)? in
            guard let entry = partition.clients.find(session, id) else { return nil }
            return (entry.slot >= 0 ? partition.slots[entry.slot].row : nil, entry.order)
        }
        if let row = found??.row { return OrderReports.status(row, origin: 0, now: now) }
        if let number = found??.order, let row = await order(number) {
            return OrderReports.status(row, origin: 0, now: now)
        }
        return unknown(session, id, side, now)
    }

    /// An order's durable row, nil where there is none or L3 does not answer.
    public func order(_ order: OrderID) async -> OrderRow? {
        let value = try? await cache.read(OrderRow.key(order), .strict)
        return value?.payload.map { OrderRow(id: order, payload: $0[...]) }
    }

    /// An account's cash as the sequencer has it now: available, held by open orders, of today's sales.
    public func cash(_ account: AccountID) async -> (available: Money, frozen: Money, unsettled: Money)? {
        let balance = await inspect { $0.ledger.cashBalance(of: account) }
        return balance.map { ($0.available, $0.frozen, $0.unsettled) }
    }

    /// An account's profile as the order path may see it (at most 10 s old), with the tier it came from.
    public func profile(_ account: AccountID) async -> (profile: AccountProfile, level: CacheLevel)? {
        guard let value = try? await cache.read(AccountProfile.key(account), .bounded()),
            let payload = value.payload
        else { return nil }
        var profile = AccountProfile(id: UInt64(account.rawValue), payload: payload[...])
        profile.version = value.version.rawValue
        return (profile, value.level)
    }

    /// Replaces an account's profile if it still has the version that was read: how operators change limits.
    public func change(_ profile: AccountProfile) async -> CommitOutcome {
        var writes = WriteSet()
        writes.append(AccountProfile.key(profile.id)) { profile.encode(into: &$0) }
        let expectation = Transaction.Expectation(AccountProfile.key(profile.id), at: Ticket(profile.version))
        return await cache.commit(Transaction(expectations: [expectation], writes: writes))
    }

    /// The `levels` best prices of both sides of a book, best first.
    public func depth(_ instrument: InstrumentID, levels: Int) async -> (bids: [PriceDepth], offers: [PriceDepth])? {
        let depth = await inspect { partition -> (bids: [PriceDepth], offers: [PriceDepth])? in
            guard let book = partition.book(instrument) else { return nil }
            let bids = book.depth(.buy, levels: levels).map { PriceDepth(price: $0.price, quantity: $0.quantity) }
            let offers = book.depth(.sell, levels: levels).map { PriceDepth(price: $0.price, quantity: $0.quantity) }
            return (bids, offers)
        }
        return depth ?? nil
    }

    private func unknown(
        _ session: SessionID, _ id: ClientOrderID, _ side: Side, _ now: Int64
    ) -> ExecutionReport {
        let request = OrderRequest(
            kind: .new, session: session, account: AccountID(0), instrument: OrderRequest.unknownInstrument,
            clientOrderID: id, side: side, quantity: .zero, transactTime: now, receiveTime: now, sendingTime: now)
        var report = ExecutionReport(
            type: .status, status: .rejected, order: 0, execution: 0, request: request, time: now)
        report.rejectReason = 5
        return report
    }
}

/// One price level of a book.
public struct PriceDepth: Sendable, Hashable {
    public var price: Price
    public var quantity: Quantity
}
