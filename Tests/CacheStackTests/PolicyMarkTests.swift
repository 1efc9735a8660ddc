import CacheStack
import Foundation
import TestData
import Testing

@Suite("Use marks")
struct PolicyMarkTests {
    @Test("A mark rises to its maximum, is set and is cleared, each slot for itself")
    func limits() {
        let marks = UseMarks(capacity: 3)
        for _ in 0..<5 { marks.mark(1, upTo: 3) }
        marks.mark(2, upTo: 1)
        marks.mark(2, upTo: 1)
        #expect([0, 1, 2].map { marks.read($0) } == [0, 3, 1])
        marks.set(1, to: 2)
        marks.clear(2)
        #expect([0, 1, 2].map { marks.read($0) } == [0, 2, 0])
        marks.mark(1, upTo: 1)
        #expect(marks.read(1) == 2, "never lowered by a mark")
    }

    /// Another thread marks slots at random for as long as the owner works; then the order must still be whole.
    static func race<Policy: EvictionPolicy>(_: Policy.Type) {
        let capacity = 64
        let marks = UseMarks(capacity: capacity)
        let group = DispatchGroup()
        let isDone = UseMarks(capacity: 1)
        for seed in 0..<2 {
            DispatchQueue.global().async(group: group) {
                var random = SplitMix64(seed: UInt64(seed))
                while isDone.read(0) == 0 {
                    marks.mark(Int32(random.next() % 64), upTo: Policy.marksMax)
                }
            }
        }
        var policy = Policy(capacity: capacity, marks: marks)
        var cache: [Int32: UInt64] = [:]
        var free = (0..<Int32(capacity)).map { $0 }
        for key in 0..<UInt64(50_000) {
            if free.isEmpty {
                repeat {
                    let slot = policy.evict()
                    #expect(cache.removeValue(forKey: slot) != nil, "a held slot leaves")
                    free.append(slot)
                } while policy.owesEviction
            }
            let slot = free.removeLast()
            policy.insert(slot, hash: key % 500)
            cache[slot] = key
            if key % 1_000 == 0 { policy.checkInvariants(count: cache.count) }
        }
        isDone.set(0, to: 1)
        group.wait()
        policy.checkInvariants(count: cache.count)
        for slot in 0..<Int32(capacity) { #expect(marks.read(slot) <= Policy.marksMax) }
    }

    @Test("Readers that mark while the owner evicts leave the order whole, and no mark above its maximum")
    func races() {
        Self.race(ClockPolicy.self)
        Self.race(SievePolicy.self)
        Self.race(S3FIFOPolicy.self)
    }
}
