/// Which rows of a table changed since the last drain: a bit per row, and the changed rows in order of first change.
struct DirtySet {
    private var marks: [UInt64] = []
    private(set) var rows: [UInt32] = []

    /// Makes room for marks of rows below `count`.
    mutating func grow(to count: Int) {
        let words = (count + 63) / 64
        if words > marks.count { marks.append(contentsOf: repeatElement(0, count: words - marks.count)) }
    }

    /// Notes that a row changed; a second time costs one bit test.
    mutating func mark(_ row: Int) {
        let bit: UInt64 = 1 << UInt64(row & 63)
        guard marks[row >> 6] & bit == 0 else { return }
        marks[row >> 6] |= bit
        rows.append(UInt32(truncatingIfNeeded: row))
    }

    /// Forgets all marks; the list keeps its memory.
    mutating func clear() {
        for row in rows { marks[Int(row >> 6)] &= ~(1 << UInt64(row & 63)) }
        rows.removeAll(keepingCapacity: true)
    }
}
