/// An entry of a `SegmentedTable`; the zero entry means "empty slot".
protocol SegmentedEntry {
    associatedtype Key
    /// The empty slot.
    static var empty: Self { get }
    /// Whether this is the empty slot.
    var isEmpty: Bool { get }
    /// The hash of this entry's key.
    var hash: UInt64 { get }
    /// The key, well mixed: the top byte and the low bits are used.
    static func hash(_ key: Key) -> UInt64
    /// A fresh entry of the key.
    init(key: Key)
    /// Whether this entry has the key.
    func matches(_ key: Key) -> Bool
    /// Whether the entry may be dropped when its segment is full.
    func isStale(at time: Int64) -> Bool
}

extension SegmentedEntry {
    func isStale(at time: Int64) -> Bool { false }
}

/// An open-addressing table with linear probing in 256 segments, each growing by itself.
///
/// The top byte of the hash chooses the segment. A segment doubles at three quarters full, so the pause of a growth
/// is that of a table 256 times smaller: tens of microseconds at a million entries. Removal shifts the followers of the
/// chain back, so there are no tombstones. The number of entries has a hard limit.
struct SegmentedTable<Entry: SegmentedEntry> {
    /// A place in the table, valid until the next insertion or removal.
    struct Slot {
        let segment: Int
        let index: Int
    }

    private var segments: [[Entry]]
    private var counts: [Int]
    private(set) var count = 0
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        segments = (0..<256).map { _ in [Entry](repeating: .empty, count: 8) }
        counts = [Int](repeating: 0, count: 256)
    }

    /// Bytes of all slots.
    var byteCount: Int { segments.reduce(0) { $0 + $1.count } * MemoryLayout<Entry>.stride }

    subscript(slot: Slot) -> Entry {
        get { segments[slot.segment][slot.index] }
        _modify { yield &segments[slot.segment][slot.index] }
    }

    /// The entry of a key, nil where there is none.
    func find(_ key: Entry.Key) -> Slot? {
        let hash = Entry.hash(key)
        let segment = Int(hash >> 56)
        let index = probe(key, hash, segment)
        return segments[segment][index].isEmpty ? nil : Slot(segment: segment, index: index)
    }

    /// Whether a key has an entry or could get one; `slot` is what `find` said.
    func hasRoom(for slot: Slot?) -> Bool { slot != nil || count < capacity }

    /// Drops what is stale in the key's segment where the table is full; O(segment) then, otherwise free.
    mutating func makeRoom(for key: Entry.Key, time: Int64) {
        guard count == capacity else { return }
        let segment = Int(Entry.hash(key) >> 56)
        replace(segment, slots: segments[segment].count) { !$0.isEmpty && !$0.isStale(at: time) }
    }

    /// The entry of a key, made where there is none; nil where the table is full.
    ///
    /// Amortised O(1). A full segment first drops what is stale at `time`, then doubles if that freed less than half.
    mutating func findOrInsert(_ key: Entry.Key, time: Int64 = 0) -> Slot? {
        let hash = Entry.hash(key)
        let segment = Int(hash >> 56)
        var index = probe(key, hash, segment)
        guard segments[segment][index].isEmpty else { return Slot(segment: segment, index: index) }
        if (counts[segment] + 1) * 4 > segments[segment].count * 3 || count == capacity {
            rebuild(segment, time: time)
            index = probe(key, hash, segment)
        }
        guard count < capacity else { return nil }
        segments[segment][index] = Entry(key: key)
        counts[segment] += 1
        count += 1
        return Slot(segment: segment, index: index)
    }

    /// Removes an entry and closes the gap in its probe chain.
    mutating func remove(_ slot: Slot) {
        let segment = slot.segment
        let mask = segments[segment].count - 1
        var gap = slot.index
        var next = (gap + 1) & mask
        while !segments[segment][next].isEmpty {
            let home = Int(truncatingIfNeeded: segments[segment][next].hash) & mask
            if (next - home) & mask >= (next - gap) & mask {
                segments[segment][gap] = segments[segment][next]
                gap = next
            }
            next = (next + 1) & mask
        }
        segments[segment][gap] = .empty
        counts[segment] -= 1
        count -= 1
    }

    /// Changes every entry; an entry that becomes empty is dropped.
    ///
    /// O(slots), for the change of day.
    mutating func update(_ change: (inout Entry) -> Void) {
        for segment in segments.indices {
            for index in segments[segment].indices where !segments[segment][index].isEmpty {
                change(&segments[segment][index])
            }
            replace(segment, slots: segments[segment].count) { !$0.isEmpty }
        }
    }

    private func probe(_ key: Entry.Key, _ hash: UInt64, _ segment: Int) -> Int {
        let mask = segments[segment].count - 1
        var index = Int(truncatingIfNeeded: hash) & mask
        while !segments[segment][index].isEmpty && !segments[segment][index].matches(key) { index = (index + 1) & mask }
        return index
    }

    private mutating func rebuild(_ segment: Int, time: Int64) {
        let live = segments[segment].reduce(0) { $0 + ($1.isEmpty || $1.isStale(at: time) ? 0 : 1) }
        let slots = segments[segment].count
        replace(segment, slots: live * 8 > slots * 3 ? slots * 2 : slots) { !$0.isEmpty && !$0.isStale(at: time) }
    }

    private mutating func replace(_ segment: Int, slots: Int, keeping isKept: (Entry) -> Bool) {
        let old = segments[segment]
        segments[segment] = [Entry](repeating: .empty, count: slots)
        count -= counts[segment]
        counts[segment] = 0
        let mask = slots - 1
        for entry in old where isKept(entry) {
            var index = Int(truncatingIfNeeded: entry.hash) & mask
            while !segments[segment][index].isEmpty { index = (index + 1) & mask }
            segments[segment][index] = entry
            counts[segment] += 1
        }
        count += counts[segment]
    }
}

/// Mixes a word so that all bits of it reach all bits of the result (the finaliser of SplitMix64).
func mixed(_ word: UInt64) -> UInt64 {
    var hash = word
    hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
    return hash ^ (hash >> 31)
}
