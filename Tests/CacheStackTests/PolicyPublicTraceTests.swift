import CacheStack
import Foundation
import TestData
import Testing

/// Public traces, where the data folder is there; nothing of them is in the repository.
@Suite("Eviction policies: public traces")
struct PolicyPublicTraceTests {
    static let folder = RecordedData.folder("d_cache_traces").map { $0.path + "/" }
    static let isThere = folder != nil

    struct Trace: CustomTestStringConvertible, Sendable {
        let file: String
        let format: TraceFormat
        let requests: Int
        /// Hits of LRU, CLOCK, SIEVE and S3-FIFO in per cent with two decimals.
        var ratios: [(capacity: Int, percent: [Double])] = []
        /// Exact hits of LRU, by stack distance.
        var lru: [(capacity: Int, hits: Int)] = []

        var testDescription: String { file }

        func keys() throws -> [UInt64] {
            let path = try #require(PolicyPublicTraceTests.folder) + file
            let bytes = [UInt8](try RecordedData.unpacked(URL(fileURLWithPath: path)))
            return try format.keys(in: bytes)
        }
    }

    static func lirs(
        _ name: String, _ requests: Int, _ ratios: [(Int, [Double])] = [], lru: [(Int, Int)]
    ) -> Trace {
        Trace(file: "lirs/\(name).trace.gz", format: .lirs, requests: requests, ratios: ratios, lru: lru)
    }

    static let traces: [Trace] = [
        Trace(
            file: "arc_OLTP.lis.zst", format: .arc, requests: 914_145,
            ratios: [
                (250, [16.47, 16.88, 11.81, 21.70]), (500, [23.45, 24.08, 20.62, 32.64]),
                (1000, [32.83, 33.27, 32.56, 40.84]), (2000, [42.47, 43.03, 41.19, 47.01]),
                (5000, [53.65, 53.83, 51.89, 55.88]), (10000, [60.70, 60.98, 60.47, 62.64]),
            ],
            lru: [(1000, 300_122), (2000, 388_235), (5000, 490_443), (10_000, 554_906), (15_000, 590_851)]),
        Trace(
            file: "web07.trace.xz", format: .int32be, requests: 76_118,
            ratios: [
                (300, [41.90, 42.54, 45.02, 46.65]), (1000, [50.41, 50.99, 53.25, 54.11]),
                (3000, [58.54, 59.06, 60.55, 60.43]),
            ],
            lru: [(500, 34_693), (1000, 38_368), (2000, 42_245), (5000, 47_702)]),
        Trace(
            file: "w106.trace.xz", format: .int32le, requests: 5_292_456,
            ratios: [(27_500, [91.77, 91.62, 91.64, 92.17])],
            lru: [(10_000, 4_435_394), (50_000, 4_940_050), (100_000, 4_961_878), (200_000, 4_979_452)]),
        Trace(
            file: "orm-night.trace.xz", format: .int32be, requests: 5_000_000,
            lru: [(1000, 3_365_780), (2000, 3_488_287), (5000, 4_392_413), (10_000, 4_702_964)]),
        Trace(
            file: "trace_vaultservice.gz", format: .int64be, requests: 135_702,
            lru: [(500, 45_234), (1000, 45_234), (5000, 45_234), (20_000, 45_234)]),
        lirs(
            "multi1", 15_858,
            [
                (250, [42.86, 44.00, 45.10, 48.08]), (500, [46.51, 47.38, 49.27, 48.90]),
                (1000, [48.23, 48.58, 49.74, 57.82]),
            ],
            lru: [(100, 2881), (500, 7375), (1000, 7648), (2000, 13_196)]),
        lirs(
            "multi2", 26_311,
            [
                (500, [35.98, 36.75, 35.76, 49.17]), (1000, [47.80, 48.02, 50.71, 49.80]),
                (2000, [49.00, 50.38, 50.94, 65.72]),
            ],
            lru: [(100, 1772), (500, 9466), (1000, 12_577), (2000, 12_892)]),
        lirs(
            "multi3", 30_241,
            [
                (500, [32.65, 33.72, 33.14, 37.50]), (1000, [37.70, 37.78, 39.16, 45.37]),
                (2000, [44.59, 46.14, 46.69, 55.23]),
            ],
            lru: [(100, 1978), (500, 9875), (1000, 11_401), (2000, 13_485)]),
        lirs(
            "sprite", 133_996,
            [
                (200, [39.88, 40.81, 42.42, 46.64]), (500, [78.30, 78.35, 72.59, 78.87]),
                (1000, [90.64, 90.30, 86.97, 89.35]),
            ],
            lru: [(100, 28_917), (500, 104_922), (1000, 121_452), (2000, 125_255)]),
        lirs(
            "2_pools", 100_000,
            [
                (100, [21.95, 23.87, 47.90, 44.60]), (250, [41.71, 45.19, 50.62, 50.62]),
                (450, [50.27, 51.21, 51.60, 51.64]),
            ],
            lru: [(100, 21_946), (500, 51_062), (1000, 54_415), (2000, 59_326)]),
        lirs(
            "gli", 6_015,
            [
                (250, [0.91, 0.91, 1.38, 1.21]), (500, [0.95, 1.18, 1.38, 16.13]),
                (1000, [11.21, 11.31, 31.34, 35.05]), (2000, [57.41, 57.41, 57.41, 52.14]),
            ],
            lru: [(100, 55), (500, 57), (1000, 674), (2000, 3453)]),
        lirs(
            "cs", 6_781,
            [
                (250, [1.83, 1.83, 1.83, 1.83]), (500, [1.83, 1.83, 1.83, 1.83]), (1000, [1.83, 1.83, 1.83, 36.48]),
            ],
            lru: [(100, 124), (500, 124), (1000, 124), (2000, 5372)]),
        lirs(
            "loop", 505_500, [(256, [0, 0, 0, 0]), (512, [0, 0, 0, 0]), (1000, [0, 0, 0, 89.62])],
            lru: [(100, 0), (500, 0), (1000, 0), (2000, 504_489)]),
        lirs("cpp", 9_047, lru: [(100, 6307), (500, 7670), (1000, 7817), (2000, 7824)]),
        lirs("ps", 10_448, lru: [(100, 770), (500, 5072), (1000, 5072), (2000, 7364)]),
        lirs("scan", 50_025, lru: [(100, 0), (500, 0), (1000, 0), (2000, 0)]),
        lirs("zigzag", 52_001, lru: [(100, 2475), (500, 12_475), (1000, 24_975), (2000, 49_975)]),
        lirs("backf", 9_000, lru: [(100, 1100), (500, 5500), (1000, 8249), (2000, 8249)]),
    ]

    @Test(
        "Public traces give the golden hits: LRU exactly, all others to the second decimal",
        .enabled(if: isThere, "SPRINGTIDE_DATA does not name a data folder with cache traces"), arguments: traces)
    func golden(trace: Trace) throws {
        let keys = try trace.keys()
        #expect(keys.count == trace.requests)
        for row in trace.lru { #expect(PolicyName.lru.hits(of: keys, capacity: row.capacity) == row.hits) }
        for row in trace.ratios {
            for (policy, percent) in zip(PolicyGoldenTests.policies, row.percent) {
                let hits = policy.hits(of: keys, capacity: row.capacity)
                let found = Double(hits) / Double(keys.count) * 100
                #expect(abs(found - percent) <= 0.005 + 1e-9, "\(policy) at \(row.capacity): \(hits) hits")
            }
        }
    }

    /// SIEVE and W-TinyLFU are left free upwards: sixteen hands, or sixteen windows that climb on a sixteenth of the
    /// sample, adapt sooner than one does (SIEVE gains 1.9 points on OLTP at 5000).
    @Test(
        "Sixteen shards lose at most a percentage point against one, and LRU, CLOCK and S3-FIFO gain no more either",
        .enabled(if: isThere, "SPRINGTIDE_DATA does not name a data folder with cache traces"),
        arguments: [("arc_OLTP.lis.zst", 5000), ("web07.trace.xz", 3000), ("w106.trace.xz", 27_500)])
    func sharded(file: String, capacity: Int) throws {
        let keys = try #require(Self.traces.first { $0.file == file }).keys()
        for policy in PolicyName.allCases {
            let one = policy.hits(of: keys, capacity: capacity)
            let gain = policy.hits(of: keys, capacity: capacity, shards: 16) - one
            #expect(gain * 100 >= -keys.count, "\(policy): \(one) and \(one + gain)")
            guard [.lru, .clock, .s3fifo].contains(policy) else { continue }
            #expect(gain * 100 <= keys.count, "\(policy): \(one) and \(one + gain)")
        }
    }

    /// In per cent: what Caffeine 2.6.2, whose window stays at a hundredth, hit on the same traces with its executor on
    /// the caller's thread. Its sketch and hash differ from ours, hence the tolerance.
    @Test(
        "With a window that stays W-TinyLFU hits what Caffeine does, within 0.6 points",
        .enabled(if: isThere, "SPRINGTIDE_DATA does not name a data folder with cache traces"),
        arguments: [
            (
                "arc_OLTP.lis.zst",
                [(250, 22.63), (500, 29.14), (1000, 35.58), (2000, 42.02), (5000, 52.64), (10_000, 59.42)]
            ),
            ("lirs/sprite.trace.gz", [(200, 49.32), (500, 74.69), (1000, 83.49)]),
            ("lirs/2_pools.trace.gz", [(100, 48.40), (250, 50.62), (450, 51.64)]),
            ("lirs/loop.trace.gz", [(256, 24.57), (512, 49.92), (1000, 97.15)]),
        ])
    func caffeine(file: String, rows: [(capacity: Int, percent: Double)]) throws {
        let keys = try #require(Self.traces.first { $0.file == file }).keys()
        for row in rows {
            let policy = TinyLFUPolicy(capacity: row.capacity, isAdaptive: false)
            var cache = PolicyCache(capacity: row.capacity, policy: policy)
            let found = Double(keys.count { cache.request($0) }) / Double(keys.count) * 100
            #expect(abs(found - row.percent) <= 0.6, "\(found) at \(row.capacity)")
        }
    }
}
