/// The set of non-empty levels of one side: three layers of 64-way words over up to 262,144 slots.
///
/// A bit of a layer is set where the word below it is not zero, so the first slot, the next slot and the last slot
/// cost at most one word a layer, however sparse the side is.
struct LevelBitmap: BitwiseCopyable {
    /// Slots that three layers can address: 64 x 64 x 64.
    static let slotsMax = 262_144
    /// Answer of a search that found nothing; above every slot.
    static let none = 1 << 40

    private let leaves: HeapBlock<UInt64>
    private let middle: HeapBlock<UInt64>
    private var root: UInt64 = 0

    /// An empty set over `slots` slots, 0...`slotsMax`.
    init(slots: Int) {
        precondition(slots >= 0 && slots <= Self.slotsMax, "too many levels")
        leaves = HeapBlock(repeating: 0, count: (slots + 63) >> 6)
        middle = HeapBlock(repeating: 0, count: (slots + 4095) >> 12)
    }

    /// Frees the words.
    func deallocate() {
        leaves.deallocate()
        middle.deallocate()
    }

    @inline(__always)
    private static func bit(_ position: Int) -> UInt64 { 1 &<< UInt64(truncatingIfNeeded: position) }

    @inline(__always)
    func contains(_ slot: Int) -> Bool { leaves[slot >> 6] & Self.bit(slot) != 0 }

    @inline(__always)
    mutating func insert(_ slot: Int) {
        leaves[slot >> 6] |= Self.bit(slot)
        middle[slot >> 12] |= Self.bit(slot >> 6)
        root |= Self.bit(slot >> 12)
    }

    @inline(__always)
    mutating func remove(_ slot: Int) {
        leaves[slot >> 6] &= ~Self.bit(slot)
        guard leaves[slot >> 6] == 0 else { return }
        middle[slot >> 12] &= ~Self.bit(slot >> 6)
        guard middle[slot >> 12] == 0 else { return }
        root &= ~Self.bit(slot >> 12)
    }

    /// The lowest slot above `slot` (-1 asks for the lowest of all), or `none`.
    @inline(__always)
    func next(after slot: Int) -> Int {
        let start = slot + 1
        guard start >> 6 < leaves.count else { return Self.none }
        let here = leaves[start >> 6] & ~(Self.bit(start) &- 1)
        if here != 0 { return start & ~63 | here.trailingZeroBitCount }
        return firstOfWord(after: start >> 6)
    }

    /// The lowest slot of the first non-empty leaf word above `word`, or `none`.
    private func firstOfWord(after word: Int) -> Int {
        let start = word + 1
        guard start >> 6 < middle.count else { return Self.none }
        var summary = middle[start >> 6] & ~(Self.bit(start) &- 1)
        var group = start >> 6
        if summary == 0 {
            guard group < 63 else { return Self.none }
            let groups = root & ~(Self.bit(group + 1) &- 1)
            guard groups != 0 else { return Self.none }
            group = groups.trailingZeroBitCount
            summary = middle[group]
        }
        let leaf = group << 6 | summary.trailingZeroBitCount
        return leaf << 6 | leaves[leaf].trailingZeroBitCount
    }

    /// The highest slot, or `none`.
    var last: Int {
        guard root != 0 else { return Self.none }
        let group = 63 - root.leadingZeroBitCount
        let leaf = group << 6 | (63 - middle[group].leadingZeroBitCount)
        return leaf << 6 | (63 - leaves[leaf].leadingZeroBitCount)
    }

    /// Whether every bit of the upper layers agrees with the words below it.
    var isConsistent: Bool {
        for index in 0..<leaves.count {
            let summary = middle[index >> 6] & Self.bit(index) != 0
            guard summary == (leaves[index] != 0) else { return false }
        }
        for index in 0..<middle.count {
            guard (root & Self.bit(index) != 0) == (middle[index] != 0) else { return false }
        }
        return true
    }

    /// Makes the layers disagree, or agree again: see `OrderBook.damage`.
    mutating func disturb() { root ^= 1 }
}
