/// Which entry leaves a full cache: an order over slots 0..<capacity, kept in flat arrays.
///
/// A cache owns the slots, its policy only their order. The calls of one policy come from one owner at a time (a
/// shard's lock, or one thread); only `UseMarks.mark` may come from anywhere. Nothing allocates after `init`, and
/// every call is amortised O(1).
///
/// | event in the cache | call |
/// |---|---|
/// | an entry is served | `hit`, or without the owner `marks.mark(slot, upTo: marksMax)` where `hitsAreMarks` |
/// | the cache is full and needs a slot | `evict` once, and again while `owesEviction` |
/// | an entry takes a free slot | `insert` |
/// | an entry is deleted for another reason | `remove` |
///
/// The exact rules are at each policy; its hits on a trace are defined by them, with `evict` before `insert`.
public protocol EvictionPolicy: Sendable {
    /// Whether a hit only sets the slot's use mark, so that it needs no owner.
    static var hitsAreMarks: Bool { get }

    /// The highest use mark a hit may leave; zero where marks are not used.
    static var marksMax: UInt8 { get }

    /// No entries yet; `capacity` is 1 to 2^29, and `marks` has a byte for each slot and no other policy.
    init(capacity: Int, marks: UseMarks)

    /// Takes in a slot that is not held; `hash` stands for the key, the same at each insertion of it.
    mutating func insert(_ slot: Int32, hash: UInt64)

    /// Records that a held slot was used.
    mutating func hit(_ slot: Int32)

    /// Records several hits, oldest first; slots that are not `held` are left out, and so are negative numbers.
    mutating func hits(_ slots: UnsafeBufferPointer<Int32>, held: UnsafePointer<Bool>)

    /// Forgets a held slot.
    mutating func remove(_ slot: Int32)

    /// Chooses a slot and forgets it; traps where none is held.
    mutating func evict() -> Int32

    /// Whether the rules demand that one more entry leaves before the next insertion.
    ///
    /// Only S3-FIFO ever does; a cache that does not ask keeps working, with one entry more than the rules allow.
    var owesEviction: Bool { get }

    /// Traps unless the order is consistent and holds `count` slots; for tests.
    func checkInvariants(count: Int)
}

extension EvictionPolicy {
    /// Never, unless a policy says otherwise.
    public var owesEviction: Bool { false }

    /// One after another.
    public mutating func hits(_ slots: UnsafeBufferPointer<Int32>, held: UnsafePointer<Bool>) {
        for index in 0..<slots.count {
            let slot = unsafe slots[index]
            if slot >= 0, unsafe held[Int(slot)] { hit(slot) }
        }
    }
}

/// The policies a cache can be given by name.
public enum PolicyName: String, CaseIterable, Sendable {
    /// Exact least recently used.
    case lru
    /// Second chance: a queue that passes over used entries once.
    case clock
    /// A queue with a hand that stays where it evicted.
    case sieve
    /// Two queues and a memory of what left the first one.
    case s3fifo
    /// An LRU window before a segmented LRU, admission by estimated frequency.
    case wtinylfu
}
