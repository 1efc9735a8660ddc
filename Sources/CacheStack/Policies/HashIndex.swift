/// Finds the slot of a hash: open addressing, linear probing, at most half full, no allocation after `init`.
struct HashIndex {
    /// Slot of each place, -1 where it is empty; a power of two of places.
    private var places: [Int32]
    private var hashes: [UInt64]
    private let shift: Int
    private(set) var count = 0

    /// Empty, for slots 0..<capacity.
    init(capacity: Int) {
        var width = 2
        while 1 << width < capacity * 2 { width += 1 }
        places = Array(repeating: -1, count: 1 << width)
        hashes = Array(repeating: 0, count: capacity)
        shift = 64 - width
    }

    @inline(__always)
    private func home(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> UInt64(shift))
    }

    /// The hash a held slot was inserted with.
    @inline(__always)
    func hash(_ slot: Int32) -> UInt64 { hashes[Int(slot)] }

    /// The slot held under `hash`; -1 where there is none.
    @inline(__always)
    func find(_ hash: UInt64) -> Int32 {
        let mask = places.count - 1
        var place = home(hash)
        while true {
            let slot = places[place]
            if slot < 0 || hashes[Int(slot)] == hash { return slot }
            place = (place + 1) & mask
        }
    }

    /// Adds a slot that is not held under a hash that is not held.
    mutating func insert(_ slot: Int32, _ hash: UInt64) {
        let mask = places.count - 1
        var place = home(hash)
        while places[place] >= 0 { place = (place + 1) & mask }
        places[place] = slot
        hashes[Int(slot)] = hash
        count += 1
    }

    /// Removes a held slot by backward shift: no tombstones.
    mutating func remove(_ slot: Int32) {
        let mask = places.count - 1
        var hole = home(hashes[Int(slot)])
        while places[hole] != slot {
            precondition(places[hole] >= 0, "the slot is held")
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while places[next] >= 0 {
            if ((next &- home(hashes[Int(places[next])])) & mask) >= ((next &- hole) & mask) {
                places[hole] = places[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        places[hole] = -1
        count -= 1
    }

    /// Traps unless every held slot is found by its hash.
    func checkInvariants() {
        for slot in places where slot >= 0 { precondition(find(hashes[Int(slot)]) == slot, "each slot is found") }
        precondition(places.count { $0 >= 0 } == count && count * 2 <= places.count, "count of places")
    }
}
