// What readers and L3 feel when L2 dies under load and comes back empty: 20,000 bounded reads a second on a whole stack
// (Redis Cluster of three with tracking, durable PostgreSQL), Zipf over 100,000 rows, then kill -9 of every Redis node
// and, after a while, their restart without a key.
//
// Prints p99 of the reads, and queries of L3 and rows loaded by them, second by second, and how the outage and the
// return compare with the steady state. The steady state begins when entries of L2 expire as fast as they are renewed,
// which takes more than their 60 s of life. The argument is the number of rows L1 holds (default: its own, more than
// there are): with fewer, L3 must serve in the outage what L1 has evicted, whatever the cache does.
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
let warmSeconds = 75
let steadySeconds = 10
let outageSeconds = 20
let returnSeconds = 25

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
    var queries = 0.0
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

/// Starts killed Redis nodes again: with what they knew of the cluster, without a key.
func restart(_ redis: RedisNodes) throws -> [ChildProcess] {
    try redis.nodes.map { node in
        let directory = node.process.directory
        let known = try String(contentsOfFile: "\(directory)/nodes.conf", encoding: .utf8)
        let own = known.split(separator: "\n").first { $0.contains("myself") } ?? ""
        let bus = own.split(separator: " ").dropFirst().first?.split(separator: "@").last?.split(separator: ",").first
        let arguments = [
            "redis-server", "--port", "\(node.port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", directory, "--cluster-enabled", "yes", "--cluster-port", String(bus ?? "0"),
            "--cluster-node-timeout", "2000",
        ]
        return try ChildProcess.start(arguments, log: "\(directory)/log")
    }
}

func run(_ stack: LocalStack, entries: Int?) async throws {
    let conninfo = stack.postgres.connection
    let create = try TableDefinition.createStatement(accounts)
    _ = try await DatabaseScript.run(
        "\(create); INSERT INTO bench_accounts SELECT k, 0, false, k, 0, 0, 0 FROM generate_series(0, \(rows - 1)) k",
        on: conninfo, until: .now + .seconds(60))
    let registry = MetricsRegistry()
    let shared = RedisTier(
        RedisTier.Configuration(.cluster(seeds: stack.redis.addresses.compactMap { RedisAddress($0) })),
        metrics: registry)
    let tracking = RedisTracking(shared, metrics: registry)
    shared.start()
    defer { shared.shutdown() }
    try await shared.waitUntilHealthy(until: .now + .seconds(10))
    let durable = try PostgresTier(.init(conninfo: conninfo), schemas: [accounts])
    var configuration = CacheStack.Configuration()
    if let entries { configuration.local.entriesMax = entries }
    let cache = CacheStack(
        configuration, schemas: [accounts], shared: shared, durable: durable, invalidations: tracking, metrics: registry
    )
    let following = Task { try await cache.run() }
    defer { following.cancel() }
    let recorder = Recorder()
    let total = warmSeconds + steadySeconds + outageSeconds + returnSeconds
    let reading = Task { await drive(cache, recorder, seconds: total) }
    let seconds = try await watch(stack.redis, registry, recorder, seconds: total)
    await reading.value
    print("L1 holds up to \(configuration.local.entriesMax) of \(rows) rows")
    summarise(seconds, registry)
    await durable.close()
}

/// Takes one line a second, and kills and restarts Redis when their time has come.
func watch(
    _ redis: RedisNodes, _ registry: MetricsRegistry, _ recorder: Recorder, seconds total: Int
) async throws -> [Second] {
    var seconds: [Second] = []
    var (loaded, queries) = (0.0, 0.0)
    var children: [ChildProcess] = []
    print("second  p50 ms  p99 ms  queries of L3  rows from L3  errors")
    for second in 0..<total {
        if second == warmSeconds + steadySeconds {
            print("-- kill -9 of every Redis node")
            for node in redis.nodes { node.process.kill() }
        }
        if second == warmSeconds + steadySeconds + outageSeconds {
            print("-- Redis starts again, empty")
            children = try restart(redis)
        }
        try await Task.sleep(for: .seconds(1))
        let (seen, errors) = recorder.take()
        let (queriesNow, rowsNow) = (queriesOfL3(registry), rowsFromL3(registry))
        let one = Second(
            p50: Double(seen.value(atPercentile: 50)) / 1e6, p99: Double(seen.value(atPercentile: 99)) / 1e6,
            queries: queriesNow - queries, loaded: rowsNow - loaded, errors: errors)
        (loaded, queries) = (rowsNow, queriesNow)
        seconds.append(one)
        print(
            String(
                format: "%6d %7.2f %7.2f %14.0f %13.0f %7d", second, one.p50, one.p99, one.queries, one.loaded,
                one.errors))
    }
    for child in children { child.signal(SIGKILL) }
    return seconds
}

/// The sum of the series whose line begins and contains so.
func sum(_ registry: MetricsRegistry, _ isWanted: (Substring) -> Bool) -> Double {
    registry.text().split(separator: "\n").reduce(0) { sum, line in
        isWanted(line) ? sum + (line.split(separator: " ").last.flatMap { Double($0) } ?? 0) : sum
    }
}

/// Rows loaded from L3 so far.
func rowsFromL3(_ registry: MetricsRegistry) -> Double {
    sum(registry) {
        $0.hasPrefix("cache_requests_total{") && $0.contains("tier=\"l3\"") && !$0.contains("error")
    }
}

/// Queries that loaded rows from L3 so far; the stream's are not counted, they are as many at all times.
func queriesOfL3(_ registry: MetricsRegistry) -> Double {
    sum(registry) { $0.hasPrefix("cache_operation_duration_seconds_count{") && $0.contains("tier=\"l3\"") }
}

func summarise(_ seconds: [Second], _ registry: MetricsRegistry) {
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    let outageStart = warmSeconds + steadySeconds
    let steady = seconds[warmSeconds..<outageStart]
    let p99 = median(steady.map(\.p99))
    func mean(_ part: ArraySlice<Second>, _ value: (Second) -> Double) -> Double {
        part.map(value).reduce(0, +) / Double(part.count)
    }
    let (queries, loads) = (mean(steady, \.queries), mean(steady, \.loaded))
    print(String(format: "steady: p99 %.2f ms, %.0f queries of L3 a second, %.0f rows", p99, queries, loads))
    let parts = [
        ("L2 dead", seconds[outageStart..<outageStart + outageSeconds]),
        ("L2 back", seconds[(outageStart + outageSeconds)...]),
    ]
    for (name, part) in parts {
        let slow = part.filter { $0.p99 > 2 * p99 }.count
        let (queriesNow, rowsNow) = (mean(part, \.queries), mean(part, \.loaded))
        let most = (part.map(\.queries).max() ?? 0, part.map(\.loaded).max() ?? 0)
        print(
            String(
                format: "%@: p99 above twice the steady one in %d of %d seconds, worst %.2f ms: %@", name, slow,
                part.count, part.map(\.p99).max() ?? 0, slow <= 5 ? "within 5 s" : "NOT within 5 s"))
        print(
            String(
                format:
                    "%@: queries of L3 %.0f a second (%.2fx), rows %.0f (%.2fx); most in one second %.0f and %.0f: %@",
                name, queriesNow, queriesNow / queries, rowsNow, rowsNow / loads, most.0, most.1,
                queriesNow <= 2 * queries && rowsNow <= 2 * loads ? "within twice" : "NOT within twice"))
    }
    print("failed reads: \(seconds.reduce(0) { $0 + $1.errors })")
    for line in registry.text().split(separator: "\n")
    where line.hasPrefix("cache_local_renewals_total{") || line.hasPrefix("cache_refills_total{") { print(line) }
}

let stack = try LocalStack(redis: .cluster(masters: 3), durability: .full)
let migrations = Migrations(directory: "Schemas", .init(conninfo: stack.postgres.connection))
_ = try await migrations.apply(until: .now + .seconds(30))
do {
    try await run(stack, entries: CommandLine.arguments.dropFirst().first.flatMap { Int($0) })
} catch {
    stack.stop()
    print("failed: \(error)")
    exit(1)
}
stack.stop()
