/// An open-addressing index from 64-bit keys to dense row numbers: linear probing, power of two, load at most 3/4.
///
/// A slot holds 32 bits of the key's hash beside the row, so a probe touches the rows of a table only where those
/// agree, and the index grows without reading any row. Rows are never removed. The caller compares the full keys.
///
/// The hash is Fibonacci multiplication with a fold: deterministic, unlike `Dictionary`'s.
struct KeyIndex {
    /// Hash in the upper half, row + 1 in the lower; 0 is free.
    private var slots: [UInt64]
    private var mask: UInt32
    private(set) var count = 0

    /// A walk over the rows whose keys have the same hash.
    struct Probe {
        fileprivate let hash: UInt32
        fileprivate var slot: Int
    }

    /// An empty index with room for `reserve` keys.
    init(reserve: Int = 0) {
        var capacity = 64
        while capacity * 3 / 4 < reserve { capacity *= 2 }
        slots = Array(repeating: 0, count: capacity)
        mask = UInt32(capacity - 1)
    }

    /// Starts the walk for `key`.
    func probe(_ key: UInt64) -> Probe {
        let hash = Self.hash(key)
        return Probe(hash: hash, slot: Int(hash & mask))
    }

    /// The next row that may have the key, or nil at the end of the walk.
    func next(_ probe: inout Probe) -> Int? {
        while true {
            let slot = slots[probe.slot]
            guard slot != 0 else { return nil }
            probe.slot = (probe.slot + 1) & Int(mask)
            if UInt32(truncatingIfNeeded: slot >> 32) == probe.hash {
                return Int(UInt32(truncatingIfNeeded: slot)) - 1
            }
        }
    }

    /// Enters a key that is not in the index; its row is the number of keys before it.
    mutating func insert(_ key: UInt64) -> Int {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let row = count
        count += 1
        place(UInt64(Self.hash(key)) << 32 | UInt64(row + 1))
        return row
    }

    private mutating func place(_ entry: UInt64) {
        var slot = Int(UInt32(truncatingIfNeeded: entry >> 32) & mask)
        while slots[slot] != 0 { slot = (slot + 1) & Int(mask) }
        slots[slot] = entry
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        mask = UInt32(slots.count - 1)
        for entry in old where entry != 0 { place(entry) }
    }

    private static func hash(_ key: UInt64) -> UInt32 {
        let product = (key ^ key >> 32) &* 0x9E37_79B9_7F4A_7C15
        return UInt32(truncatingIfNeeded: (product ^ product >> 29) &* 0xBF58_476D_1CE4_E5B9 >> 32)
    }
}
