/// A set of keys under an eviction policy: what a trace hits, without values, threads or time.
///
/// Each request is get-or-load of one unit. Keys are told apart by a one-to-one hash, so counts are exact.
public struct PolicyCache<Policy: EvictionPolicy>: Sendable {
    /// Most keys held.
    public let capacity: Int
    package private(set) var policy: Policy
    private var index: HashIndex
    /// Slots that are free, a stack.
    private var free: [Int32]

    /// Empty, for 1 to 2^29 keys.
    public init(capacity: Int) {
        self.init(capacity: capacity, policy: Policy(capacity: capacity, marks: UseMarks(capacity: capacity)))
    }

    /// Empty, under a policy that was made for `capacity` slots and holds none.
    public init(capacity: Int, policy: Policy) {
        precondition((1...1 << 29).contains(capacity), "a cache has 1 to 2^29 slots")
        self.capacity = capacity
        self.policy = policy
        index = HashIndex(capacity: capacity)
        free = (0..<Int32(capacity)).reversed()
    }

    /// Keys held.
    public var count: Int { index.count }

    /// Asks for a key and loads it where it is missing; returns whether it was held.
    public mutating func request(_ key: UInt64) -> Bool { request(hash: LocalHash.mix(key)) }

    @inline(__always)
    mutating func request(hash: UInt64) -> Bool {
        let held = index.find(hash)
        if held >= 0 {
            policy.hit(held)
            return true
        }
        if free.isEmpty {
            repeat {
                let slot = policy.evict()
                index.remove(slot)
                free.append(slot)
            } while policy.owesEviction
        }
        let slot = free.removeLast()
        index.insert(slot, hash)
        policy.insert(slot, hash: hash)
        return false
    }

    /// Deletes a key; returns whether it was held.
    @discardableResult
    public mutating func remove(_ key: UInt64) -> Bool {
        let slot = index.find(LocalHash.mix(key))
        guard slot >= 0 else { return false }
        policy.remove(slot)
        index.remove(slot)
        free.append(slot)
        return true
    }

    /// Whether a key is held; not a use of it.
    public func holds(_ key: UInt64) -> Bool { index.find(LocalHash.mix(key)) >= 0 }

    /// Traps unless index, policy and free slots agree; for tests.
    public func checkInvariants() {
        index.checkInvariants()
        precondition(index.count + free.count == capacity, "each slot is held or free")
        policy.checkInvariants(count: index.count)
    }
}

extension PolicyName {
    /// Hits of a trace of get-or-load requests of one unit each, on `capacity` entries in all.
    ///
    /// - Parameters:
    ///   - capacity: `shards` or more; where it does not divide evenly, the first shards hold one entry more.
    ///   - shards: a power of two from 1 to 256; the highest bits of a key's hash choose its shard, as in `LocalTier`.
    public func hits(of trace: [UInt64], capacity: Int, shards: Int = 1) -> Int {
        switch self {
        case .lru: Self.hits(LRUPolicy.self, trace, capacity, shards)
        case .clock: Self.hits(ClockPolicy.self, trace, capacity, shards)
        case .sieve: Self.hits(SievePolicy.self, trace, capacity, shards)
        case .s3fifo: Self.hits(S3FIFOPolicy.self, trace, capacity, shards)
        case .wtinylfu: Self.hits(TinyLFUPolicy.self, trace, capacity, shards)
        }
    }

    private static func hits<Policy: EvictionPolicy>(
        _: Policy.Type, _ trace: [UInt64], _ capacity: Int, _ shards: Int
    ) -> Int {
        precondition((1...256).contains(shards) && shards & (shards - 1) == 0, "shards are a power of two up to 256")
        precondition(capacity >= shards, "every shard holds an entry")
        // More room than requests is never filled, so it is not allocated.
        var caches = (0..<shards).map { shard in
            let share = capacity / shards + (shard < capacity % shards ? 1 : 0)
            return PolicyCache<Policy>(capacity: min(share, max(1, trace.count)))
        }
        let shift = UInt64(64 - shards.trailingZeroBitCount)
        var hits = 0
        for key in trace {
            let hash = LocalHash.mix(key)
            // A shift by 64 gives zero in Swift: one shard.
            if caches[Int(truncatingIfNeeded: hash >> shift)].request(hash: hash) { hits += 1 }
        }
        return hits
    }
}
