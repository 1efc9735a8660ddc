internal import Ledger
internal import Market
internal import Matching

/// An order as the sequencer owns it while it is open: its row, its hold and its place in the book.
package struct OrderRecord {
    package var row: OrderRow
    /// nil for orders that were rejected.
    var hold: OrderHold?
    /// Where it rests, `.none` when it does not.
    var reference = OrderReference.none
    /// Worst price it is reckoned at by the risk state.
    var valuation = Price.zero
    /// What the order still freezes: milli-yuan for a buy, shares for a sell.
    var frozen: Int64 {
        guard let hold else { return 0 }
        return hold.side == .buy ? hold.frozenCash.milli : hold.frozenShares.shares
    }

    /// Whether it changed since the last batch.
    var isDirty = false
    /// Whether a durable batch has written its row.
    var isWritten = false

    /// The record of an order that rests nowhere yet.
    init(row: OrderRow, hold: OrderHold?, valuation: Price, isWritten: Bool = false) {
        self.row = row
        self.hold = hold
        self.valuation = valuation
        self.isWritten = isWritten
    }

    /// The record of a row without a hold.
    package init(row: OrderRow) { self.init(row: row, hold: nil, valuation: .zero) }
}

/// The open orders of a partition in numbered slots; a slot's number is the order's handle in the books.
///
/// Capacity is fixed when it is made, so that it never moves: growing would stop the sequencer. Freed slots are used
/// again, last in first out.
package struct OrderSlots {
    private var records: [OrderRecord] = []
    private var free: [Int32] = []
    /// Most orders at a time.
    let limit: Int

    package init(limit: Int) {
        self.limit = limit
        records.reserveCapacity(limit)
    }

    /// Whether another order fits.
    package var isFull: Bool { free.isEmpty && records.count >= limit }

    /// Orders in slots, those included that ended but are not durable yet.
    package var count: Int { records.count - free.count }

    /// Puts `record` into a free slot; there must be one.
    package mutating func insert(_ record: OrderRecord) -> Int32 {
        if let slot = free.popLast() {
            records[Int(slot)] = record
            return slot
        }
        precondition(records.count < limit, "no free slot")
        records.append(record)
        return Int32(records.count - 1)
    }

    /// Gives a slot back; its record must not be used afterwards.
    package mutating func remove(_ slot: Int32) {
        records[Int(slot)].hold = nil
        free.append(slot)
    }

    /// The holds of all orders in slots; slots given back hold nothing.
    var holds: [OrderHold] { records.compactMap(\.hold) }

    /// The record in a slot that is in use.
    package subscript(slot: Int32) -> OrderRecord {
        _read { yield records[Int(slot)] }
        _modify { yield &records[Int(slot)] }
    }
}
