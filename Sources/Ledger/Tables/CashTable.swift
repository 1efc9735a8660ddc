import Market

/// Cash balances by account number in one flat array that grows to a stated capacity.
struct CashTable: ~Copyable {
    private var rows: [CashBalance]
    private let capacity: Int
    private(set) var dirty = DirtySet()

    /// A table for accounts numbered below `capacity`; the house's accounts and `reserve` more get memory now.
    init(capacity: Int, reserve: Int) {
        self.capacity = capacity
        rows = []
        grow(toInclude: Int(AccountID.firstClient.rawValue) + reserve - 1)
    }

    /// Accounts with memory.
    var count: Int { rows.count }

    /// The balance of an account; zero beyond the accounts with memory.
    subscript(account: AccountID) -> CashBalance {
        let index = Int(account.rawValue)
        return index < rows.count ? rows[index] : .zero
    }

    /// Adds to an account's parts, notes the change and returns the new balance.
    mutating func add(
        _ account: AccountID, available: Money, frozen: Money = .zero, unsettled: Money = .zero
    ) -> CashBalance {
        let index = Int(account.rawValue)
        if index >= rows.count { grow(toInclude: index) }
        rows[index].available += available
        rows[index].frozen += frozen
        rows[index].unsettled += unsettled
        // A hold moves money between two pockets of one account: what the account owns is the same.
        if available + frozen != .zero || unsettled != .zero { dirty.mark(index) }
        return rows[index]
    }

    /// Replaces a row without noting a change: recovery.
    mutating func restore(_ account: AccountID, _ balance: CashBalance) {
        grow(toInclude: Int(account.rawValue))
        rows[Int(account.rawValue)] = balance
    }

    /// Gives an account (and all below it) memory; doubles, up to the capacity.
    mutating func grow(toInclude index: Int) {
        precondition(index < capacity, "accounts are checked against the range first")
        guard index >= rows.count else { return }
        let count = min(capacity, max(index + 1, rows.count * 2))
        rows.reserveCapacity(count)
        rows.append(contentsOf: repeatElement(.zero, count: count - rows.count))
        dirty.grow(to: count)
    }

    /// Ends the day of every account: nothing is unsettled afterwards. Returns how many rows changed.
    mutating func settle() -> Int {
        var changed = 0
        for index in rows.indices where rows[index].unsettled != .zero {
            rows[index].unsettled = .zero
            dirty.mark(index)
            changed += 1
        }
        return changed
    }

    /// Forgets which rows changed.
    mutating func clearDirty() { dirty.clear() }
}
