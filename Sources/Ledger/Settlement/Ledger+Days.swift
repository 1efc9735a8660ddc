public import Market

extension Ledger {
    /// Ends a day: shares bought become sellable, proceeds may leave, and the next day's rates come into force.
    ///
    /// Running it again for the same or an earlier day changes nothing, rates included. O(accounts + positions).
    ///
    /// - Parameters:
    ///   - date: The day that has ended.
    ///   - nextFees: Rates of the day that begins; the present ones where left out.
    /// - Returns: The rows that changed; refused with `holdsOpen` while an order still holds something.
    public mutating func rollDay(_ date: TradingDate, nextFees: FeeSchedule? = nil) -> Result<Int, LedgerRefusal> {
        if let settledThrough, date <= settledThrough { return .success(0) }
        guard sums.frozenCash == .zero, sums.frozenShares == .zero else { return .failure(.holdsOpen) }
        let changed = cash.settle() + positions.settle()
        settledThrough = date
        if let nextFees { fees = nextFees }
        return .success(changed)
    }
}
