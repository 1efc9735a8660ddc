import Market

/// Positions by (account, instrument): dense rows behind an open-addressing index.
///
/// Rows are never removed within a ledger's life, so a row number stays valid; `OrderHold` keeps it.
struct PositionTable: ~Copyable {
    /// The most rows any table can have.
    static let rowsLimit = 1 << 30

    /// Account in the upper half of `key`, instrument in the lower.
    private struct Row {
        let key: UInt64
        var position: Position
    }

    private var index: KeyIndex
    private var rows: [Row] = []
    private let capacity: Int
    private(set) var dirty = DirtySet()

    /// An empty table for at most `capacity` rows with memory for `reserve`.
    init(capacity: Int, reserve: Int) {
        self.capacity = capacity
        index = KeyIndex(reserve: reserve)
        rows.reserveCapacity(reserve)
        dirty.grow(to: reserve)
    }

    /// Rows in use.
    var count: Int { rows.count }

    /// The position in a row.
    subscript(row: Int) -> Position { rows[row].position }

    /// The account and instrument of a row.
    func owner(_ row: Int) -> (account: AccountID, instrument: InstrumentID) {
        let key = rows[row].key
        return (AccountID(UInt32(key >> 32)), InstrumentID(UInt32(truncatingIfNeeded: key)))
    }

    /// The row of a pair, or nil where it never had shares.
    func row(_ account: AccountID, _ instrument: InstrumentID) -> Int? {
        let key = Self.key(account, instrument)
        var probe = index.probe(key)
        while let row = index.next(&probe) {
            if rows[row].key == key { return row }
        }
        return nil
    }

    /// The row of a pair, made where there is none; nil where the table is full.
    mutating func ensureRow(_ account: AccountID, _ instrument: InstrumentID) -> Int? {
        if let row = row(account, instrument) { return row }
        guard rows.count < capacity else { return nil }
        let key = Self.key(account, instrument)
        let row = index.insert(key)
        rows.append(Row(key: key, position: .zero))
        dirty.grow(to: row + 1)
        return row
    }

    /// Adds to a row's parts, notes the change and returns the new position.
    mutating func add(
        _ row: Int, settled: Quantity = .zero, unsettled: Quantity = .zero, frozen: Quantity = .zero
    ) -> Position {
        rows[row].position.settled += settled
        rows[row].position.unsettled += unsettled
        rows[row].position.frozen += frozen
        if settled != .zero || unsettled != .zero { dirty.mark(row) }
        return rows[row].position
    }

    /// Replaces a row without noting a change: recovery.
    mutating func restore(_ row: Int, _ position: Position) { rows[row].position = position }

    /// Ends the day of every row: what was bought today is settled. Returns how many rows changed.
    mutating func settle() -> Int {
        var changed = 0
        for row in rows.indices where rows[row].position.unsettled != .zero {
            rows[row].position.settled += rows[row].position.unsettled
            rows[row].position.unsettled = .zero
            dirty.mark(row)
            changed += 1
        }
        return changed
    }

    /// Forgets which rows changed.
    mutating func clearDirty() { dirty.clear() }

    private static func key(_ account: AccountID, _ instrument: InstrumentID) -> UInt64 {
        UInt64(account.rawValue) << 32 | UInt64(instrument.rawValue)
    }
}
