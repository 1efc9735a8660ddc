import CacheStack
import TestData
import Testing

/// A cache of keys with the same rules, in plain arrays and words of the rules.
protocol NaiveCache {
    init(capacity: Int)
    var keys: Set<UInt64> { get }
    mutating func request(_ key: UInt64) -> Bool
    mutating func remove(_ key: UInt64)
}

struct NaiveLRU: NaiveCache {
    let capacity: Int
    var queue: [UInt64] = []

    init(capacity: Int) { self.capacity = capacity }
    var keys: Set<UInt64> { Set(queue) }

    mutating func request(_ key: UInt64) -> Bool {
        let isHit = queue.contains(key)
        if isHit { remove(key) } else if queue.count == capacity { queue.removeFirst() }
        queue.append(key)
        return isHit
    }

    mutating func remove(_ key: UInt64) { queue.removeAll { $0 == key } }
}

struct NaiveClock: NaiveCache {
    let capacity: Int
    var queue: [(key: UInt64, bit: Bool)] = []

    init(capacity: Int) { self.capacity = capacity }
    var keys: Set<UInt64> { Set(queue.map(\.key)) }

    mutating func request(_ key: UInt64) -> Bool {
        if let at = queue.firstIndex(where: { $0.key == key }) {
            queue[at].bit = true
            return true
        }
        if queue.count == capacity {
            while queue[0].bit { queue.append((queue.removeFirst().key, false)) }
            queue.removeFirst()
        }
        queue.append((key, false))
        return false
    }

    mutating func remove(_ key: UInt64) { queue.removeAll { $0.key == key } }
}

struct NaiveSieve: NaiveCache {
    let capacity: Int
    /// From the tail to the head.
    var queue: [(key: UInt64, bit: Bool)] = []
    var hand: UInt64?

    init(capacity: Int) { self.capacity = capacity }
    var keys: Set<UInt64> { Set(queue.map(\.key)) }

    mutating func request(_ key: UInt64) -> Bool {
        if let at = queue.firstIndex(where: { $0.key == key }) {
            queue[at].bit = true
            return true
        }
        if queue.count == capacity {
            var at = queue.firstIndex { $0.key == hand } ?? 0
            while queue[at].bit {
                queue[at].bit = false
                at = (at + 1) % queue.count
            }
            hand = at + 1 < queue.count ? queue[at + 1].key : nil
            queue.remove(at: at)
        }
        queue.append((key, false))
        return false
    }

    mutating func remove(_ key: UInt64) {
        guard let at = queue.firstIndex(where: { $0.key == key }) else { return }
        if hand == key { hand = at + 1 < queue.count ? queue[at + 1].key : nil }
        queue.remove(at: at)
    }
}

struct NaiveS3FIFO: NaiveCache {
    let capacity: Int
    let smallTarget: Int
    let mainTarget: Int
    var small: [UInt64] = []
    var main: [UInt64] = []
    var ghosts: [UInt64] = []
    var counter: [UInt64: Int] = [:]

    init(capacity: Int) {
        self.capacity = capacity
        smallTarget = max(1, capacity / 10)
        mainTarget = capacity - smallTarget
    }

    var keys: Set<UInt64> { Set(small + main) }

    mutating func request(_ key: UInt64) -> Bool {
        if let count = counter[key] {
            counter[key] = min(3, count + 1)
            return true
        }
        while small.count + main.count >= capacity {
            if small.count >= smallTarget || main.isEmpty { evictSmall() } else { evictMain() }
        }
        counter[key] = 0
        if let at = ghosts.firstIndex(of: key) {
            ghosts.remove(at: at)
            main.append(key)
        } else {
            small.append(key)
        }
        return false
    }

    mutating func evictSmall() {
        while !small.isEmpty {
            let key = small.removeFirst()
            guard counter[key, default: 0] > 1 else {
                counter[key] = nil
                ghosts.append(key)
                if ghosts.count > mainTarget { ghosts.removeFirst() }
                return
            }
            counter[key] = 0
            main.append(key)
            if main.count > mainTarget { evictMain() }
        }
    }

    mutating func evictMain() {
        while true {
            let key = main.removeFirst()
            guard let count = counter[key], count > 0 else {
                counter[key] = nil
                return
            }
            counter[key] = count - 1
            main.append(key)
        }
    }

    mutating func remove(_ key: UInt64) {
        small.removeAll { $0 == key }
        main.removeAll { $0 == key }
        counter[key] = nil
    }
}

/// Real policies against naive ones over random requests and deletions.
@Suite("Eviction policies: against naive models")
struct PolicyModelTests {
    /// Requests skewed to small keys with runs of new ones and deletions, on capacities from one entry on.
    static func compare<Policy: EvictionPolicy, Naive: NaiveCache>(
        _: Policy.Type, _: Naive.Type, capacity: Int, seed: UInt64, steps: Int = 4_000
    ) {
        var random = SplitMix64(seed: seed)
        var (cache, naive) = (PolicyCache<Policy>(capacity: capacity), Naive(capacity: capacity))
        let range = UInt64(capacity) * 3 + 2
        var fresh: UInt64 = 1 << 50
        for step in 0..<steps {
            let phase = UInt64(step / 1_000) * range / 2
            var key = phase + min(random.next() % range, random.next() % range)
            if random.next() % 16 == 0 {
                fresh += 1
                key = fresh
            }
            if random.next() % 20 == 0 {
                cache.remove(key)
                naive.remove(key)
            } else {
                let (found, expected) = (cache.request(key), naive.request(key))
                guard found == expected else {
                    Issue.record("\(Policy.self), capacity \(capacity), seed \(seed), step \(step): hit \(found)")
                    return
                }
            }
            guard step % 16 == 0 else { continue }
            cache.checkInvariants()
            let keys = naive.keys
            guard cache.count == keys.count, keys.allSatisfy({ cache.holds($0) }) else {
                Issue.record("\(Policy.self), capacity \(capacity), seed \(seed), step \(step): other keys are held")
                return
            }
        }
    }

    static let capacities = [1, 2, 3, 5, 9, 10, 11, 20, 37, 64, 101, 200]

    @Test("LRU holds and hits what the model does", arguments: capacities)
    func lru(capacity: Int) {
        for seed in 0..<5 { Self.compare(LRUPolicy.self, NaiveLRU.self, capacity: capacity, seed: UInt64(seed)) }
    }

    @Test("CLOCK holds and hits what the model does", arguments: capacities)
    func clock(capacity: Int) {
        for seed in 0..<5 { Self.compare(ClockPolicy.self, NaiveClock.self, capacity: capacity, seed: UInt64(seed)) }
    }

    @Test("SIEVE holds and hits what the model does", arguments: capacities)
    func sieve(capacity: Int) {
        for seed in 0..<5 { Self.compare(SievePolicy.self, NaiveSieve.self, capacity: capacity, seed: UInt64(seed)) }
    }

    @Test("S3-FIFO holds and hits what the model does", arguments: capacities)
    func s3fifo(capacity: Int) {
        for seed in 0..<5 { Self.compare(S3FIFOPolicy.self, NaiveS3FIFO.self, capacity: capacity, seed: UInt64(seed)) }
    }

    @Test("W-TinyLFU holds and hits what the model does", arguments: capacities)
    func tinyLFU(capacity: Int) {
        for seed in 0..<5 {
            Self.compare(
                TinyLFUPolicy.self, NaiveTinyLFU.self, capacity: capacity, seed: UInt64(seed), steps: 12_000)
        }
    }

    @Test("A policy that is asked for entries before the cache is full gives each one once, until none is left")
    func drained() {
        func drain<Policy: EvictionPolicy>(_: Policy.Type) {
            var random = SplitMix64(seed: 7)
            let marks = UseMarks(capacity: 100)
            var policy = Policy(capacity: 100, marks: marks)
            for slot in 0..<Int32(60) { policy.insert(slot, hash: UInt64(slot)) }
            for _ in 0..<200 { policy.hit(Int32(random.next() % 60)) }
            var left: Set<Int32> = []
            for held in stride(from: 60, to: 0, by: -1) {
                policy.checkInvariants(count: held)
                left.insert(policy.evict())
            }
            policy.checkInvariants(count: 0)
            #expect(left == Set(0..<60), "\(Policy.self)")
            policy.insert(3, hash: 3)
            #expect(policy.evict() == 3)
        }
        drain(LRUPolicy.self)
        drain(ClockPolicy.self)
        drain(SievePolicy.self)
        drain(S3FIFOPolicy.self)
        drain(TinyLFUPolicy.self)
    }

    @Test("A cache that ignores owed evictions keeps a consistent S3-FIFO")
    func ignoredDebt() {
        var random = SplitMix64(seed: 11)
        var policy = S3FIFOPolicy(capacity: 50, marks: UseMarks(capacity: 50))
        for slot in 0..<Int32(50) { policy.insert(slot, hash: UInt64(slot)) }
        var debts = 0
        for step in 0..<5_000 {
            for _ in 0..<40 { policy.hit(Int32(random.next() % 50)) }
            let slot = policy.evict()
            if policy.owesEviction { debts += 1 }
            policy.insert(slot, hash: random.next() % 150)
            if step % 50 == 0 { policy.checkInvariants(count: 50) }
        }
        #expect(debts > 0, "the case occurs")
    }
}
