public import Market

extension Ledger {
    /// Accounts whose cash changed since the last drain.
    public var dirtyAccountCount: Int { cash.dirty.rows.count }

    /// Positions that changed since the last drain.
    public var dirtyPositionCount: Int { positions.dirty.rows.count }

    /// Hands out every row whose owned amount changed since the last drain, once, as it is now, and forgets the changes.
    ///
    /// A hold or its release moves money or shares between available and frozen of one row: what is owned stays, the
    /// row does not count as changed, and a store that keeps holds in order rows need not write it.
    ///
    /// O(changed), no allocation. Rows come in order of first change. House rows are among them:
    /// the fee accounts, and `HouseAccount.external` with what it owes the world.
    public mutating func drainDirty(
        accounts: (AccountID, CashBalance) -> Void, positions visit: (AccountID, InstrumentID, Position) -> Void
    ) {
        for row in cash.dirty.rows { accounts(AccountID(row), cash[AccountID(row)]) }
        for row in positions.dirty.rows {
            let owner = positions.owner(Int(row))
            visit(owner.account, owner.instrument, positions[Int(row)])
        }
        cash.clearDirty()
        positions.clearDirty()
    }

    /// Visits every account that ever had memory with a balance other than zero, ascending.
    public func forEachCash(_ visit: (AccountID, CashBalance) -> Void) {
        for number in 0..<UInt32(cash.count) where cash[AccountID(number)] != .zero {
            visit(AccountID(number), cash[AccountID(number)])
        }
    }

    /// Visits every position row, in the order the rows were made.
    public func forEachPosition(_ visit: (AccountID, InstrumentID, Position) -> Void) {
        for row in 0..<positions.count {
            let owner = positions.owner(row)
            visit(owner.account, owner.instrument, positions[row])
        }
    }
}
