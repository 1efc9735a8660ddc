/// Exact least recently used: a hit makes the slot the newest, the oldest leaves.
///
/// The order is a log of uses, oldest first, in which only each slot's last entry counts: `last[slot]` says where that
/// is. A hit appends an entry and forgets the slot's old one without touching it, so it costs one random access, to
/// four bytes, where a linked list costs four. The log is a ring of three times the slots and a little more. Once it
/// holds two entries a slot it is swept: from the newest entry of that moment to the oldest, entries that count are
/// moved together towards the newer ones, four with each hit, so that no call ever waits for a whole sweep; then all
/// before them is free.
public struct LRUPolicy: EvictionPolicy {
    public static let hitsAreMarks = false
    public static let marksMax: UInt8 = 0

    /// Most hits told at once, and four of them are spare room in the log.
    private static let batch = 64

    private var log: [Int32]
    /// Of each slot: the place of its last use in the log; -1 where it is not held.
    private var last: [Int32]
    /// The oldest entry, and the place after the newest.
    private var (oldest, end): (Int, Int) = (0, 0)
    /// Entries from `oldest` to `end`.
    private var entries = 0
    /// Entries of the log not swept yet, from `oldest` on; zero: no sweep is under way.
    private var unswept = 0
    /// The place before which the next swept entry that counts is moved.
    private var target = 0

    public init(capacity: Int, marks: UseMarks) {
        precondition((1...1 << 29).contains(capacity), "a cache has 1 to 2^29 slots")
        log = Array(repeating: -1, count: 3 * capacity + 4 * Self.batch)
        last = Array(repeating: -1, count: capacity)
    }

    @inline(__always)
    public mutating func insert(_ slot: Int32, hash: UInt64) { append(slot) }

    @inline(__always)
    public mutating func hit(_ slot: Int32) { append(slot) }

    /// Hits in great numbers, `batch` at a time; what is held, the policy knows itself.
    public mutating func hits(_ slots: UnsafeBufferPointer<Int32>, held: UnsafePointer<Bool>) {
        var rest = unsafe slots[...]
        while unsafe !rest.isEmpty {
            let part = unsafe UnsafeBufferPointer(rebasing: rest.prefix(Self.batch))
            let before = end
            unsafe log.withUnsafeMutableBufferPointer { log in
                unsafe last.withUnsafeMutableBufferPointer { last in
                    var place = before
                    for index in 0..<part.count {
                        let slot = unsafe part[index]
                        if unsafe slot < 0 || last[Int(slot)] < 0 { continue }
                        unsafe log[place] = slot
                        unsafe last[Int(slot)] = Int32(truncatingIfNeeded: place)
                        place = place + 1 == log.count ? 0 : place + 1
                    }
                    end = place
                }
            }
            appended(end >= before ? end - before : end - before + log.count)
            unsafe rest = rest.dropFirst(Self.batch)
        }
    }

    @inline(__always)
    public mutating func remove(_ slot: Int32) { last[Int(slot)] = -1 }

    public mutating func evict() -> Int32 {
        while entries > 0 {
            let (slot, place) = (log[oldest], oldest)
            oldest = after(oldest)
            entries -= 1
            if unswept > 0 {
                unswept -= 1
                if unswept == 0 { endSweep() }
            }
            if last[Int(slot)] == Int32(place) {
                last[Int(slot)] = -1
                return slot
            }
        }
        preconditionFailure("the policy holds a slot")
    }

    @inline(__always)
    private func after(_ place: Int) -> Int { place + 1 == log.count ? 0 : place + 1 }

    private mutating func append(_ slot: Int32) {
        log[end] = slot
        last[Int(slot)] = Int32(end)
        end = after(end)
        appended(1)
    }

    /// Counts new entries, and sweeps four for each or begins to.
    ///
    /// A sweep begins with at most 2 n + `batch` entries and so ends within n / 2 uses and two batches, long before the
    /// ring is full.
    private mutating func appended(_ count: Int) {
        entries += count
        if unswept > 0 {
            sweep(min(4 * count, unswept))
        } else if entries > 2 * last.count {
            (unswept, target) = (entries, end)
        }
    }

    private mutating func sweep(_ count: Int) {
        var (place, target) = (oldest + unswept, target)
        if place >= log.count { place -= log.count }
        unsafe log.withUnsafeMutableBufferPointer { log in
            unsafe last.withUnsafeMutableBufferPointer { last in
                for _ in 0..<count {
                    place = (place == 0 ? log.count : place) - 1
                    // Whether an entry counts is as good as random, so nothing branches on it: one that does not is
                    // written before the target too, where the next that counts is written over it.
                    let slot = unsafe log[place]
                    let use = unsafe last[Int(slot)]
                    let before = (target == 0 ? log.count : target) &- 1
                    unsafe log[before] = slot
                    let counts = use == Int32(truncatingIfNeeded: place)
                    unsafe last[Int(slot)] = counts ? Int32(truncatingIfNeeded: before) : use
                    target = counts ? before : target
                }
            }
        }
        self.target = target
        unswept -= count
        if unswept == 0 { endSweep() }
    }

    /// What lies before the swept entries is free.
    private mutating func endSweep() {
        entries -= target >= oldest ? target - oldest : target - oldest + log.count
        oldest = target
    }

    public func checkInvariants(count: Int) {
        var (found, place) = (0, oldest)
        for _ in 0..<entries {
            precondition(log[place] >= 0, "an entry names a slot")
            if last[Int(log[place])] == Int32(place) { found += 1 }
            place = after(place)
        }
        precondition(place == end && entries < log.count, "the log ends after its entries")
        precondition(found == count, "each held slot has one entry that counts")
        precondition(last.count { $0 >= 0 } == count, "held slots")
    }
}
