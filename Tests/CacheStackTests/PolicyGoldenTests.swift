import CacheStack
import Foundation
import TestData
import Testing

/// Hit counts that were measured elsewhere, under the same rules.
@Suite("Eviction policies: golden hit counts")
struct PolicyGoldenTests {
    /// The self-made traces: count, first keys and FNV-1a tell whether the generator is the agreed one.
    enum SelfMade: String, CaseIterable {
        case zipfLike = "Z"
        case scans = "S"
        case shifts = "H"
        case loop = "L"

        static func skew(_ random: inout SplitMix64) -> UInt64 {
            var product = random.next() >> 32
            for _ in 0..<2 { product = (product &* (random.next() >> 32)) >> 32 }
            return (product &* 20_000) >> 32
        }

        var keys: [UInt64] {
            switch self {
            case .zipfLike:
                var random = SplitMix64(seed: 1)
                return (0..<200_000).map { _ in Self.skew(&random) }
            case .scans:
                var random = SplitMix64(seed: 2)
                return (0..<160).flatMap { round in
                    (0..<1_000).map { _ in Self.skew(&random) } + (0..<250).map { 1 << 40 + UInt64(round * 250 + $0) }
                }
            case .shifts:
                var random = SplitMix64(seed: 3)
                return (0..<200_000).map { UInt64($0 / 20_000 * 5_000) + Self.skew(&random) }
            case .loop: return (0..<120_000).map { UInt64($0 % 1_200) }
            }
        }

        var checksum: UInt64 {
            switch self {
            case .zipfLike: 0xE6AA_6CC4_50FB_2FEB
            case .scans: 0xE5D4_F132_6BFF_FEDA
            case .shifts: 0xD7B1_7E83_C97D_6782
            case .loop: 0xE56D_5DF4_FC1E_A0E5
            }
        }

        /// Hits of LRU, CLOCK, SIEVE and S3-FIFO by capacity.
        var hits: [(capacity: Int, hits: [Int])] {
            switch self {
            case .zipfLike:
                [
                    (100, [5829, 5960, 14246, 15351]), (500, [27051, 28305, 47208, 46727]),
                    (2000, [84274, 87733, 106033, 103548]),
                ]
            case .scans:
                [
                    (100, [4440, 4524, 11100, 12282]), (500, [17678, 18538, 36554, 38042]),
                    (2000, [54735, 58492, 82415, 83351]),
                ]
            case .shifts:
                [
                    (100, [5859, 5956, 6466, 12355]), (500, [26619, 27797, 20484, 38480]),
                    (2000, [80670, 82991, 45214, 79790]),
                ]
            case .loop:
                [
                    (600, [0, 0, 0, 0]), (1199, [0, 0, 0, 112651]), (1200, [118800, 118800, 118800, 118800]),
                ]
            }
        }
    }

    static let policies: [PolicyName] = [.lru, .clock, .sieve, .s3fifo]

    @Test(
        "The self-made traces give the golden hit counts of LRU, CLOCK, SIEVE and S3-FIFO", arguments: SelfMade.allCases
    )
    func selfMade(trace: SelfMade) {
        let keys = trace.keys
        #expect(keys.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ $1) &* 0x100_0000_01B3 } == trace.checksum)
        for row in trace.hits {
            let hits = Self.policies.map { $0.hits(of: keys, capacity: row.capacity) }
            #expect(hits == row.hits, "\(trace.rawValue) at \(row.capacity)")
        }
    }

    @Test("Sixteen shards hit within a percentage point of one, under every policy", arguments: PolicyName.allCases)
    func sharded(policy: PolicyName) {
        for trace in [SelfMade.zipfLike, .scans] {
            let keys = trace.keys
            let (one, sixteen) = (
                policy.hits(of: keys, capacity: 2000), policy.hits(of: keys, capacity: 2000, shards: 16)
            )
            #expect(abs(one - sixteen) * 100 <= keys.count, "\(trace.rawValue): \(one) and \(sixteen)")
        }
    }

    @Test("W-TinyLFU beats LRU on skew and on scans, and its window follows a shift of popularity")
    func tinyLFU() {
        for trace in [SelfMade.zipfLike, .scans] {
            let keys = trace.keys
            for row in trace.hits {
                #expect(PolicyName.wtinylfu.hits(of: keys, capacity: row.capacity) > row.hits[0] * 115 / 100)
            }
        }
        let keys = SelfMade.shifts.keys
        func hits(isAdaptive: Bool) -> Int {
            var cache = PolicyCache(capacity: 500, policy: TinyLFUPolicy(capacity: 500, isAdaptive: isAdaptive))
            return keys.count { cache.request($0) }
        }
        #expect(hits(isAdaptive: true) > 26_619, "the exact LRU's count on this trace")
    }
}
