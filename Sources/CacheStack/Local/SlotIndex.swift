public import Synchronization

/// Finds the slot of a key: places of four bytes, by open addressing and linear probing, at most two thirds full.
///
/// A place holds a slot's number and, in the bits that the number does not need, a tag of the key's hash; an empty one
/// is zero. Sixteen places are a cache line, and rows are read in no order, so small places are what keeps the index
/// in the processor's caches. The key itself is in the slot: a tag only spares most looks at wrong ones. A shard of
/// 2^29 slots has two bits of tag left, one of 2^15 has sixteen.
///
/// A deletion shifts places back, so there are no tombstones; readers learn of it by the index's sequence
/// (`SlotMemory`). Places are written by the holder of the shard's lock only. The memory is the tier's.
@safe
@usableFromInline
struct SlotIndex: @unchecked Sendable {
    @usableFromInline typealias Place = Atomic<UInt32>

    /// Places, and the bits of one that are the slot's number.
    @usableFromInline let count: UInt64
    private let numberBits: UInt32
    @usableFromInline let numberMask: UInt32
    @usableFromInline let places: UnsafeMutablePointer<Place>

    /// Places for so many slots, a multiple of 32.
    static func places(_ capacity: Int) -> Int { (capacity * 3 / 2 + 32) / 32 * 32 }

    /// An empty index at `start`, which has room for its places.
    init(capacity: Int, at start: UnsafeMutableRawPointer) {
        let places = Self.places(capacity)
        count = UInt64(places)
        // Numbers are stored from 1 on.
        numberBits = UInt32(Int.bitWidth - capacity.leadingZeroBitCount)
        numberMask = UInt32(truncatingIfNeeded: (UInt64(1) << UInt64(numberBits)) - 1)
        unsafe self.places = start.bindMemory(to: Place.self, capacity: places)
        for place in 0..<places { unsafe (self.places + place).initialize(to: Place(0)) }
    }

    /// Where the probe for a hash begins.
    @inlinable @inline(__always)
    func home(_ mixed: UInt64) -> Int { Int(truncatingIfNeeded: ((mixed & 0xFFFF_FFFF) &* count) &>> 32) }

    /// The number of places.
    @inlinable @inline(__always)
    var end: Int { Int(truncatingIfNeeded: count) }

    /// The place after another.
    @inline(__always)
    func next(_ place: Int) -> Int {
        let next = place &+ 1
        return next == Int(truncatingIfNeeded: count) ? 0 : next
    }

    /// What a place holds.
    @inlinable @inline(__always)
    func word(at place: Int) -> UInt32 { unsafe places[place].load(ordering: .acquiring) }

    /// Begins to load a place.
    @inline(__always)
    func prefetch(_ place: Int) { unsafe Processor.prefetch(places + place) }

    /// The tag of a hash, at its bits in a place. It shares no bits with `home`'s, as far as there are others.
    @inlinable @inline(__always)
    func tag(_ mixed: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: mixed &>> 24) & ~numberMask }

    /// The slot a place names, if it is in use and has that tag; else a number from `emptiest` on.
    @inlinable @inline(__always)
    func slot(_ word: UInt32, tag: UInt32) -> UInt32 { (word ^ tag) &- 1 }

    /// The first number that is no slot's.
    @inlinable @inline(__always)
    var emptiest: UInt32 { numberMask }

    /// Whether a place that is in use has that tag.
    @inline(__always)
    func has(_ word: UInt32, tag: UInt32) -> Bool { (word ^ tag) <= numberMask }

    /// The slot a place in use names.
    @inline(__always)
    func slot(_ word: UInt32) -> Int32 { Int32(bitPattern: word & numberMask) &- 1 }

    // MARK: For the lock's holder

    /// Names a slot.
    func insert(_ slot: Int32, _ mixed: UInt64) {
        var place = home(mixed)
        while word(at: place) != 0 { place = next(place) }
        unsafe places[place].store(tag(mixed) | UInt32(slot + 1), ordering: .releasing)
    }

    /// Forgets a slot by shifting back those after it; `mixed` gives the hash of a slot's key.
    func remove(_ slot: Int32, mixed: (Int32) -> UInt64) {
        var hole = home(mixed(slot))
        while self.slot(word(at: hole)) != slot { hole = next(hole) }
        var place = next(hole)
        while true {
            let moved = word(at: place)
            if moved == 0 { break }
            if distance(home(mixed(self.slot(moved))), place) >= distance(hole, place) {
                unsafe places[hole].store(moved, ordering: .releasing)
                hole = place
            }
            place = next(place)
        }
        unsafe places[hole].store(0, ordering: .releasing)
    }

    private func distance(_ from: Int, _ to: Int) -> Int { to >= from ? to - from : to - from + Int(count) }

    /// Places in use; for checks.
    var placesInUse: Int { (0..<Int(count)).count { word(at: $0) != 0 } }
}
