// What readers feel when L2 dies under load: 20,000 bounded reads a second on a whole stack (Redis Cluster of three,
// durable PostgreSQL), Zipf over 100,000 rows, then kill -9 of every Redis node.
//
// Prints p99 of the reads and rows loaded from L3, second by second, and how they compare with the steady state.
import CacheStack
import Foundation
import Glibc
import LocalStack
import PostgresTier
import RedisTier
import Synchronization
import Telemetry

let rows = 100_000
let readsPerSecond = 20_000
let batch = 20
let warmSeconds = 20
let steadySeconds = 10
let outageSeconds = 20

let accounts = SpaceSchema(
    space: SpaceID(rawValue: 1), table: "bench_accounts", key: .id("account"),
    fields: [.init("cash", .int64), .init("held", .int64), .init("bought", .int64), .init("sold", .int64)])

/// Zipf with exponent 0.99 over `count` ranks by inversion of the cumulative weights, ranks spread over the keys.
struct Zipf {
    private let cumulative: [Double]
    private var state: UInt64

    init(count: Int, seed: UInt64) {
        var sum = 0.0
        cumulative = (1...count).map { rank in
            sum += pow(Double(rank), -0.99)
            return sum
        }
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        let wanted = Double(mixed >> 11) * 0x1p-53 * (cumulative.last ?? 0)
        var (low, high) = (0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return UInt64(low) &* 7_919 % UInt64(cumulative.count)
    }
}

/// One second of the run.
struct Second {
    var p50 = 0.0
    var p99 = 0.0
    var loaded = 0.0
    var errors = 0
}

/// What the readers measured since it was last asked.
final class Recorder: Sendable {
    private let times = Mutex(HDRHistogram.latency())
    private let errors = Atomic(0)

    func record(_ took: Duration, failed: Bool) {
        times.withLock { $0.record(Int64(took / .nanoseconds(1))) }
        if failed { errors.add(1, ordering: .relaxed) }
    }

    func take() -> (times: HDRHistogram, errors: Int) {
        let seen = times.withLock { histogram in
            defer { histogram = .latency() }
            return histogram
        }
        return (seen, errors.exchange(0, ordering: .relaxed))
    }
}

/// Reads at a fixed pace from four tasks until `end`; durations count from the time each batch was due.
func drive(_ cache: CacheStack, _ recorder: Recorder, seconds: Int) async {
    await withTaskGroup(of: Void.self) { group in
        let start = ContinuousClock.now
        for task in 0..<4 {
            group.addTask {
                var zipf = Zipf(count: rows, seed: UInt64(task) + 1)
                let step = Duration.seconds(Double(4 * batch) / Double(readsPerSecond))
                var due = start + step * Double(task) / 4
                while due < start + .seconds(seconds) {
                    try? await Task.sleep(until: due, clock: .continuous)
                    let keys = (0..<batch).map { _ in CacheKey(accounts.space, zipf.next()) }
                    let values = try? await cache.read(keys)
                    recorder.record(ContinuousClock.now - due, failed: values == nil)
                    due += step
                }
            }
        }
    }
}

func run(_ stack: LocalStack) async throws {
    let conninfo = stack.postgres.connection
    let create = try TableDefinition.createStatement(accounts)
    _ = try await DatabaseScript.run(
        "\(create); INSERT INTO bench_accounts SELECT k, 0, false, k, 0, 0, 0 FROM generate_series(0, \(rows - 1)) k",
        on: conninfo, until: .now + .seconds(60))
    let registry = MetricsRegistry()
    let shared = RedisTier(
        RedisTier.Configuration(.cluster(seeds: stack.redis.addresses.compactMap { RedisAddress($0) })),
        metrics: registry)
    shared.start()
    defer { shared.shutdown() }
    try await shared.waitUntilHealthy(until: .now + .seconds(10))
    let durable = try PostgresTier(.init(conninfo: conninfo), schemas: [accounts])
    let cache = CacheStack(schemas: [accounts], shared: shared, durable: durable, metrics: registry)
    let following = Task { try await cache.run() }
    defer { following.cancel() }
    let recorder = Recorder()
    let total = warmSeconds + steadySeconds + outageSeconds
    let reading = Task { await drive(cache, recorder, seconds: total) }
    var seconds: [Second] = []
    var loaded = 0.0
    print("second  p50 ms  p99 ms  rows from L3  errors")
    for second in 0..<total {
        if second == warmSeconds + steadySeconds {
            print("-- kill -9 of every Redis node")
            for node in stack.redis.nodes { node.process.kill() }
        }
        try await Task.sleep(for: .seconds(1))
        let (seen, errors) = recorder.take()
        let rowsNow = loadedRows(registry)
        let one = Second(
            p50: Double(seen.value(atPercentile: 50)) / 1e6, p99: Double(seen.value(atPercentile: 99)) / 1e6,
            loaded: rowsNow - loaded, errors: errors)
        loaded = rowsNow
        seconds.append(one)
        print(String(format: "%6d %7.2f %7.2f %13.0f %7d", second, one.p50, one.p99, one.loaded, one.errors))
    }
    await reading.value
    summarise(seconds)
    await durable.close()
}

/// Rows loaded from L3 so far.
func loadedRows(_ registry: MetricsRegistry) -> Double {
    registry.text().split(separator: "\n").reduce(0) { sum, line in
        guard line.hasPrefix("cache_requests_total{"), line.contains("tier=\"l3\""), !line.contains("error") else {
            return sum
        }
        return sum + (line.split(separator: " ").last.flatMap { Double($0) } ?? 0)
    }
}

func summarise(_ seconds: [Second]) {
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    let steady = seconds[warmSeconds..<warmSeconds + steadySeconds]
    let outage = seconds[(warmSeconds + steadySeconds)...]
    let p99 = median(steady.map(\.p99))
    let loads = steady.map(\.loaded).reduce(0, +) / Double(steadySeconds)
    let slow = outage.filter { $0.p99 > 2 * p99 }.count
    let after = outage.map(\.loaded).reduce(0, +) / Double(outageSeconds)
    print(
        String(
            format: "steady p99 %.2f ms; L2 dead: above twice that in %d of %d seconds, worst %.2f ms", p99, slow,
            outageSeconds, outage.map(\.p99).max() ?? 0))
    print(
        String(
            format: "rows from L3: %.0f a second steady, %.0f with L2 dead, most in one second %.0f", loads, after,
            outage.map(\.loaded).max() ?? 0))
    print("failed reads: \(seconds.reduce(0) { $0 + $1.errors })")
}

let stack = try LocalStack(redis: .cluster(masters: 3), durability: .full)
let migrations = Migrations(directory: "Schemas", .init(conninfo: stack.postgres.connection))
_ = try await migrations.apply(until: .now + .seconds(30))
do {
    try await run(stack)
} catch {
    stack.stop()
    print("failed: \(error)")
    exit(1)
}
stack.stop()
