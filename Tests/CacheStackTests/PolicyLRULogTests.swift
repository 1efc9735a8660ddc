import CacheStack
import TestData
import Testing

/// The log of the exact LRU against a plain list, over so many uses that the log is swept and goes round often.
@Suite("LRU as a log of uses")
struct PolicyLRULogTests {
    /// The list, oldest first, and the policy beside it.
    private struct Pair {
        var policy: LRUPolicy
        var list: [Int32] = []
        var held: [Bool]
        let capacity: Int

        init(capacity: Int) {
            self.capacity = capacity
            policy = LRUPolicy(capacity: capacity, marks: UseMarks(capacity: capacity))
            held = Array(repeating: false, count: capacity)
        }

        mutating func promote(_ slot: Int32) {
            list.removeAll { $0 == slot }
            list.append(slot)
        }

        mutating func insert(_ slot: Int32) {
            policy.insert(slot, hash: UInt64(slot))
            held[Int(slot)] = true
            list.append(slot)
        }

        mutating func remove(_ slot: Int32) {
            policy.remove(slot)
            forget(slot)
        }

        mutating func forget(_ slot: Int32) {
            held[Int(slot)] = false
            list.removeAll { $0 == slot }
        }

        mutating func hits(_ slots: [Int32]) {
            slots.withUnsafeBufferPointer { slots in
                held.withUnsafeBufferPointer { held in
                    if let held = held.baseAddress { policy.hits(slots, held: held) }
                }
            }
            for slot in slots where slot >= 0 && held[Int(slot)] { promote(slot) }
        }
    }

    @Test(
        "Evictions are in the order of last use, whatever came between",
        arguments: [1, 2, 3, 7, 64, 100], [1, 2] as [UInt64])
    func model(capacity: Int, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var pair = Pair(capacity: capacity)
        var evictions = 0
        for step in 0..<8_000 {
            let slot = Int32(random.below(capacity))
            switch random.below(100) {
            case 0..<30:
                if pair.held[Int(slot)] {
                    pair.policy.hit(slot)
                    pair.promote(slot)
                } else {
                    pair.insert(slot)
                }
            case 30..<60:
                // Numbers of slots that are not held, and empty records, are among them.
                pair.hits((0..<random.below(200)).map { _ in Int32(random.below(capacity + 1)) - 1 })
            case 60..<62: if pair.held[Int(slot)] { pair.remove(slot) }
            case 62..<66:
                if !pair.list.isEmpty {
                    let oldest = pair.list[0]
                    #expect(pair.policy.evict() == oldest, "step \(step)")
                    pair.forget(oldest)
                    evictions += 1
                }
            case 66:
                while random.below(8) > 0, !pair.list.isEmpty {
                    let oldest = pair.list[0]
                    #expect(pair.policy.evict() == oldest, "step \(step)")
                    pair.forget(oldest)
                }
            default: if !pair.held[Int(slot)] { pair.insert(slot) }
            }
            if step % 500 == 0 { pair.policy.checkInvariants(count: pair.list.count) }
        }
        #expect(evictions > 50)
        pair.policy.checkInvariants(count: pair.list.count)
        while !pair.list.isEmpty { #expect(pair.policy.evict() == pair.list.removeFirst()) }
        pair.policy.checkInvariants(count: 0)
    }

    @Test("A sweep that evictions end early leaves room for all uses that follow", arguments: [1, 5, 300])
    func sweepCutShort(capacity: Int) {
        var pair = Pair(capacity: capacity)
        for slot in 0..<Int32(capacity) { pair.insert(slot) }
        for round in 0..<50 {
            // Up to the beginning of a sweep, then a few uses more.
            let uses = capacity * 2 + round * capacity / 25
            pair.hits((0..<uses).map { Int32($0 * 7 % capacity) })
            let leaving = capacity * (round % 5) / 5
            for _ in 0..<leaving {
                let oldest = pair.list[0]
                #expect(pair.policy.evict() == oldest)
                pair.forget(oldest)
            }
            for slot in 0..<Int32(capacity) where !pair.held[Int(slot)] { pair.insert(slot) }
            pair.policy.checkInvariants(count: capacity)
        }
    }
}
