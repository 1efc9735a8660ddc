/// The eviction policy of a shard behind one virtual call: chosen by name, specialised for each policy.
///
/// Not thread-safe: the shard's lock guards it; only the marks are shared with readers.
class Evictor {
    let marks: UseMarks
    /// The highest mark a hit leaves; zero where hits are recorded in order instead.
    let marksMax: UInt8

    fileprivate init(marks: UseMarks, marksMax: UInt8) {
        self.marks = marks
        self.marksMax = marksMax
    }

    /// An empty policy of that name for the slots 0..<capacity.
    static func make(_ name: PolicyName, capacity: Int) -> Evictor {
        switch name {
        case .lru: PolicyEvictor<LRUPolicy>(capacity: capacity)
        case .clock: PolicyEvictor<ClockPolicy>(capacity: capacity)
        case .sieve: PolicyEvictor<SievePolicy>(capacity: capacity)
        case .s3fifo: PolicyEvictor<S3FIFOPolicy>(capacity: capacity)
        case .wtinylfu: PolicyEvictor<TinyLFUPolicy>(capacity: capacity)
        }
    }

    func insert(_ slot: Int32, hash: UInt64) { preconditionFailure("a policy inserts") }
    func hit(_ slot: Int32) { preconditionFailure("a policy counts hits") }
    /// Several hits, oldest first; those of slots that are not held are left out.
    func hits(_ slots: UnsafeBufferPointer<Int32>, held: UnsafePointer<Bool>) { preconditionFailure("a policy counts") }
    func remove(_ slot: Int32) { preconditionFailure("a policy removes") }
    func evict() -> Int32 { preconditionFailure("a policy evicts") }
    var owesEviction: Bool { preconditionFailure("a policy knows what it owes") }
    func checkInvariants(count: Int) { preconditionFailure("a policy checks itself") }
}

private final class PolicyEvictor<Policy: EvictionPolicy>: Evictor {
    private var policy: Policy

    init(capacity: Int) {
        let marks = UseMarks(capacity: capacity)
        policy = Policy(capacity: capacity, marks: marks)
        super.init(marks: marks, marksMax: Policy.hitsAreMarks ? Policy.marksMax : 0)
    }

    override func insert(_ slot: Int32, hash: UInt64) { policy.insert(slot, hash: hash) }
    override func hit(_ slot: Int32) { policy.hit(slot) }
    override func hits(_ slots: UnsafeBufferPointer<Int32>, held: UnsafePointer<Bool>) {
        unsafe policy.hits(slots, held: held)
    }
    override func remove(_ slot: Int32) { policy.remove(slot) }
    override func evict() -> Int32 { policy.evict() }
    override var owesEviction: Bool { policy.owesEviction }
    override func checkInvariants(count: Int) { policy.checkInvariants(count: count) }
}
