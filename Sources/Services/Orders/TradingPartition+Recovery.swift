internal import CacheStack
internal import Ledger
internal import Market
internal import Matching
internal import Risk

/// Why stored rows do not make a partition that may accept orders.
public struct RecoveryError: Error, CustomStringConvertible, Sendable {
    /// What does not fit, with the numbers of the rows.
    public let description: String

    init(_ description: String) { self.description = description }
}

extension TradingPartition {
    /// Takes over the rows of one L3 snapshot; afterwards the partition stands where the last durable batch left it.
    ///
    /// Open orders return to their books in the order of their priority. The check of all invariants follows: a
    /// partition whose money does not balance never accepts an order.
    package func restore(_ image: PartitionImage) throws(RecoveryError) {
        if let row = image.partition {
            lastSequence = row.lastSequence
            lastExecution = row.lastExecution
            lastTrade = row.lastTrade
            phase = row.phase
        }
        try restoreBalances(image)
        for row in image.orders where !row.status.isOpen { try remember(row, slot: -1) }
        let open = image.orders.filter(\.status.isOpen).sorted { ($0.priority, $0.order) < ($1.priority, $1.order) }
        for row in open { try restore(row) }
        for trade in image.trades.sorted(by: { $0.trade < $1.trade }) { restore(trade) }
        restoreMessages(image.orders)
        try checkRestored(open)
    }

    private func restoreBalances(_ image: PartitionImage) throws(RecoveryError) {
        var cashHeld: [AccountID: Money] = [:]
        var sharesHeld: [UInt64: Quantity] = [:]
        for order in image.orders where order.status.isOpen {
            if order.side == .buy {
                cashHeld[order.account, default: .zero] += Money(milli: order.frozen)
            } else {
                sharesHeld[PositionRow.key(order.account, order.instrument).id, default: .zero] += Quantity(
                    order.frozen)
            }
        }
        for row in image.cash {
            let held = cashHeld[row.account] ?? .zero
            let balance = CashBalance(available: row.balance - held, frozen: held, unsettled: row.unsettled)
            if let refusal = ledger.restoreCash(row.account, balance) {
                throw RecoveryError("the cash row of account \(row.account.rawValue): \(refusal)")
            }
        }
        for row in image.positions {
            let held = sharesHeld[PositionRow.key(row.account, row.instrument).id] ?? .zero
            let position = Position(settled: row.settled, unsettled: row.unsettled, frozen: held)
            if let refusal = ledger.restorePosition(row.account, row.instrument, position) {
                throw RecoveryError(
                    "the position of account \(row.account.rawValue) in \(row.instrument.rawValue): \(refusal)")
            }
        }
    }

    private func restore(_ row: OrderRow) throws(RecoveryError) {
        guard let book = book(row.instrument), let instrument = instrument(row.instrument) else {
            throw RecoveryError("order \(row.order) is for an unknown instrument")
        }
        guard !slots.isFull else { throw RecoveryError("more than \(slots.limit) open orders") }
        let valuation = row.type == .limit ? row.price : instrument.limitUp
        guard
            case .success(let hold) = ledger.restoredHold(
                account: row.account, instrument: row.instrument, side: row.side, price: valuation,
                open: row.leaves, cumulativeQuantity: row.cumulative, cumulativeValue: row.turnover)
        else { throw RecoveryError("the hold of order \(row.order) cannot be rebuilt") }
        var record = OrderRecord(row: row, hold: hold, valuation: valuation, isWritten: true)
        guard record.frozen == row.frozen else {
            throw RecoveryError("order \(row.order) froze \(row.frozen), its fills say \(record.frozen)")
        }
        record.row.status = row.cumulative > .zero ? .partiallyFilled : .new
        let slot = slots.insert(record)
        let placement = book.restore(
            IncomingOrder(
                id: row.order, handle: UInt32(slot), owner: row.account, side: row.side, price: row.price,
                quantity: row.leaves))
        guard placement.outcome == .rested else { throw RecoveryError("order \(row.order) does not fit its book") }
        slots[slot].reference = placement.reference
        try remember(row, slot: slot)
        risk.state.accepted(riskOrder(slot), quantity: row.leaves)
    }

    private func remember(_ row: OrderRow, slot: Int32) throws(RecoveryError) {
        guard let id = row.clientOrderID else { throw RecoveryError("order \(row.order) has no client id") }
        let kind: RequestKind = row.replaces == 0 ? .new : .replace
        let entry = ClientOrderEntry(
            order: row.order, bodyHash: row.bodyHash, slot: slot, account: row.account, kind: kind, status: row.status)
        guard clients.set(row.session, id, entry) else {
            throw RecoveryError("more than \(clients.limit) client order ids today")
        }
        guard row.status == .canceled, let canceled = row.endedByID else { return }
        let cancel = ClientOrderEntry(
            order: row.order, bodyHash: row.endedByHash, slot: -1, account: row.account, kind: .cancel,
            status: row.status)
        _ = clients.set(row.session, canceled, cancel)
    }

    /// The day's volume counts against the limits of both sides.
    private func restore(_ trade: TradeRow) {
        let value = Money.value(trade.price, trade.quantity) ?? .zero
        risk.state.restored(
            account: trade.buyAccount, instrument: trade.instrument, side: .buy, quantity: trade.quantity, value: value)
        risk.state.restored(
            account: trade.sellAccount, instrument: trade.instrument, side: .sell, quantity: trade.quantity,
            value: value)
        risk.state.traded(trade.instrument, price: trade.price, quantity: trade.quantity, time: trade.time)
    }

    /// What every account has sent today counts against its limit: accepted orders, replaces and cancels.
    private func restoreMessages(_ orders: [OrderRow]) {
        var messages: [AccountID: UInt32] = [:]
        for row in orders where row.day == configuration.day.rawValue && row.status != .rejected {
            messages[row.account, default: 0] += row.status == .canceled && row.endedByID != nil ? 2 : 1
        }
        for (account, count) in messages { risk.state.restored(account: account, messages: count) }
    }

    private func checkRestored(_ open: [OrderRow]) throws(RecoveryError) {
        if let violation = ledger.checkInvariants().first { throw RecoveryError("the ledger: \(violation)") }
        if let violation = ledger.checkHolds(slots.holds).first { throw RecoveryError("the holds: \(violation)") }
        for case let book? in books {
            if let fault = book.checkInvariants(inCall: phase.isCall) { throw RecoveryError("a book: \(fault)") }
        }
    }
}

/// The rows of one partition, all of one L3 snapshot.
package struct PartitionImage: Sendable {
    package var partition: PartitionRow?
    package var cash: [CashRow] = []
    package var positions: [PositionRow] = []
    package var orders: [OrderRow] = []
    package var trades: [TradeRow] = []

    /// An image without rows: of a partition that never traded.
    package init() {}
}
