import CacheStack
import TestData
import Testing

/// W-TinyLFU in plain arrays and dictionaries, after the words at `TinyLFUPolicy` and `FrequencySketch`.
struct NaiveTinyLFU: NaiveCache {
    static let seeds: [UInt64] = [
        0xC3A5_C85C_97CB_3127, 0xB492_B66F_BE98_F273, 0x9AE1_6A3B_2F90_404F, 0xCBF2_9CE4_8422_2325,
    ]

    struct Counter: Hashable {
        let word: UInt64
        let place: UInt64
    }

    let capacity: Int
    var isAdaptive = true
    var window: [UInt64] = []
    var probation: [UInt64] = []
    var protected: [UInt64] = []
    var windowMax: Int
    var protectedMax: Int
    var counters: [Counter: Int] = [:]
    var increments = 0
    var uses = 0
    var hits = 0
    var hitsBefore = 0
    var step: Int

    init(capacity: Int) {
        self.capacity = capacity
        windowMax = max(1, capacity / 100)
        protectedMax = (capacity - windowMax) * 4 / 5
        step = -(capacity * 1024 / 16)
    }

    var keys: Set<UInt64> { Set(window + probation + protected) }

    // The cache's one-to-one hash of a key.
    func hash(_ key: UInt64) -> UInt64 {
        let x = (key ^ key >> 32) &* 0x9E37_79B9_7F4A_7C15
        return x ^ x >> 29
    }

    func counters(of key: UInt64) -> [Counter] {
        var width: UInt64 = 3
        while 1 << width < capacity { width += 1 }
        let hash = hash(key)
        return Self.seeds.enumerated().map { row, seed in
            Counter(word: ((hash ^ hash >> 32) &* seed) >> (64 - width), place: (hash % 4) * 4 + UInt64(row))
        }
    }

    func frequency(_ key: UInt64) -> Int { counters(of: key).map { counters[$0, default: 0] }.min() ?? 0 }

    mutating func count(_ key: UInt64) {
        let below = counters(of: key).filter { counters[$0, default: 0] < 15 }
        for counter in below { counters[counter, default: 0] += 1 }
        if below.isEmpty { return }
        increments += 1
        guard increments == capacity * 10 else { return }
        let odd = counters.values.count { $0 % 2 == 1 }
        counters = counters.mapValues { $0 / 2 }
        increments = (increments - odd / 4) / 2
    }

    mutating func request(_ key: UInt64) -> Bool {
        if keys.contains(key) {
            count(key)
            if window.contains(key) {
                remove(key)
                window.append(key)
            } else {
                remove(key)
                protected.append(key)
                settle()
            }
            climb(isHit: true)
            return true
        }
        if keys.count == capacity { evict() }
        count(key)
        window.append(key)
        settle()
        climb(isHit: false)
        return false
    }

    mutating func evict() {
        guard let victim = (probation + protected).first else {
            window.removeFirst()
            return
        }
        if window.count >= windowMax {
            let candidate = window.removeFirst()
            guard frequency(candidate) > frequency(victim) else { return }
            probation.append(candidate)
        }
        remove(victim)
    }

    mutating func settle() {
        while window.count > windowMax { probation.append(window.removeFirst()) }
        while protected.count > protectedMax { probation.append(protected.removeFirst()) }
    }

    mutating func climb(isHit: Bool) {
        guard isAdaptive else { return }
        uses += 1
        hits += isHit ? 1 : 0
        guard uses == capacity * 10 else { return }
        let change = hits - hitsBefore
        let amount = change >= 0 ? step : -step
        if abs(change) * 20 >= uses {
            step = (amount >= 0 ? 1 : -1) * (capacity * 1024 / 16)
        } else {
            step = amount * 98 / 100
        }
        (hitsBefore, hits, uses) = (hits, 0, 0)
        let entries = amount > 0 ? min(amount / 1024, protectedMax) : -min(-amount / 1024, windowMax - 1)
        windowMax += entries
        protectedMax -= entries
        settle()
        for _ in 0..<max(0, entries) where window.count < windowMax {
            guard let next = (probation + protected).first else { break }
            remove(next)
            window.append(next)
        }
    }

    mutating func remove(_ key: UInt64) {
        window.removeAll { $0 == key }
        probation.removeAll { $0 == key }
        protected.removeAll { $0 == key }
    }
}

@Suite("W-TinyLFU")
struct PolicyTinyLFUTests {
    @Test("With a window that stays it hits what the model does", arguments: [1, 7, 50, 300])
    func fixedWindow(capacity: Int) {
        var random = SplitMix64(seed: UInt64(capacity))
        var cache = PolicyCache(capacity: capacity, policy: TinyLFUPolicy(capacity: capacity, isAdaptive: false))
        var naive = NaiveTinyLFU(capacity: capacity)
        naive.isAdaptive = false
        for step in 0..<20_000 {
            let range = UInt64(capacity) * 4 + 1
            let key = random.next() % range * (random.next() % range) / range
            let (found, expected) = (cache.request(key), naive.request(key))
            guard found == expected else {
                Issue.record("capacity \(capacity), step \(step): hit \(found)")
                return
            }
        }
        #expect(cache.policy.windowMax == max(1, capacity / 100))
        cache.checkInvariants()
    }

    @Test("The window grows where recency decides and shrinks again where frequency does")
    func climbing() {
        var cache = PolicyCache<TinyLFUPolicy>(capacity: 1_000)
        // Each key four times within 800 requests, then never again: only recency helps.
        for step in 0..<UInt64(400_000) { _ = cache.request(1 << 32 + step / 800 * 200 + step % 200) }
        let grown = cache.policy.windowMax
        #expect(grown >= 100, "\(grown) of 1000, from 10 on")
        var random = SplitMix64(seed: 5)
        var fresh: UInt64 = 1 << 40
        // 900 favourites among keys that come once: only frequency helps.
        for _ in 0..<1_500_000 {
            fresh += 1
            _ = cache.request(random.next() % 3 == 0 ? random.next() % 900 : fresh)
        }
        #expect(cache.policy.windowMax < grown / 2, "\(cache.policy.windowMax) after \(grown)")
        cache.checkInvariants()
    }
}
