/// Where a batch has staged a row: open addressing by id, cleared with each batch, no allocation in the steady state.
struct RowIndex {
    private var ids: [UInt64] = []
    private var slots: [Int32] = []
    private var count = 0

    private static let empty: Int32 = -1

    mutating func clear() {
        guard count > 0 else { return }
        for index in slots.indices { slots[index] = Self.empty }
        count = 0
    }

    /// The slot staged for `id`, or nil.
    func slot(of id: UInt64) -> Int32? {
        guard count > 0 else { return nil }
        let slot = slots[position(id)]
        return slot == Self.empty ? nil : slot
    }

    /// Notes that `id` is staged in `slot` (>= 0).
    mutating func set(_ id: UInt64, _ slot: Int32) {
        if (count + 1) * 2 > slots.count { grow() }
        let index = position(id)
        if slots[index] == Self.empty { count += 1 }
        ids[index] = id
        slots[index] = slot
    }

    /// The place of `id`, or the free place where it belongs. There is always one: the table is at most half full.
    private func position(_ id: UInt64) -> Int {
        let mask = slots.count - 1
        // Fibonacci hashing: the high bits of the product are well mixed.
        var index = Int(truncatingIfNeeded: (id &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while slots[index] != Self.empty, ids[index] != id { index = (index + 1) & mask }
        return index
    }

    private mutating func grow() {
        let (oldIDs, oldSlots) = (ids, slots)
        let capacity = max(64, oldSlots.count * 2)
        ids = Array(repeating: 0, count: capacity)
        slots = Array(repeating: Self.empty, count: capacity)
        count = 0
        for (id, slot) in zip(oldIDs, oldSlots) where slot != Self.empty { set(id, slot) }
    }
}
