import CacheStack
import Glibc
import LocalStack
import PostgresTier

// Measures L3 on a private, fully durable PostgreSQL (fsync, synchronous commit and checksums on), or on the database of
// the connection string given as first argument, whose tables bench_* it replaces:
//
//   rows committed per second by batch size, orders inserted and balances upserted half and half, beside the
//   one-row-one-transaction figure that pgbench would show; CPU of this process a row; the same order rows beside raw
//   COPY BINARY and raw pipelined INSERTs, 500 rows a transaction, in alternating rounds; loads; a full scan.

let orders = SpaceSchema(
    space: SpaceID(rawValue: 1), table: "bench_orders", key: .id("sequence"),
    fields: [
        .init("account", .int32), .init("instrument", .int32), .init("side", .int16), .init("status", .int16),
        .init("price", .int64), .init("quantity", .int64), .init("cumulative", .int64), .init("at", .int64),
        .init("client_id", .text(max: 20)),
    ], isShared: false)
let balances = SpaceSchema(
    space: SpaceID(rawValue: 2), table: "bench_balances", key: .id("account"),
    fields: [
        .init("cash", .int64), .init("held", .int64), .init("bought", .int64), .init("sold", .int64),
        .init("fees", .int64),
    ])

/// Writes batches of a made-up trading day.
struct Workload {
    var sequence: UInt64 = 0
    var seed: UInt64 = 1
    let accounts: UInt64 = 100_000

    mutating func next() -> UInt64 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return seed >> 33
    }

    mutating func fill(_ writes: inout WriteSet, rows: Int, upserts: Bool = true) {
        writes.clear()
        let inserts = (rows + 1) / 2
        for _ in 0..<inserts {
            sequence += 1
            let (number, random) = (sequence, next())
            writes.append(CacheKey(orders.space, number), .insert) { bytes in
                put(UInt32(truncatingIfNeeded: random), &bytes)
                put(UInt32(random % 2_000), &bytes)
                put(UInt16(random & 1), &bytes)
                put(UInt16(0), &bytes)
                for value in [random, random & 0xFFFF, 0, number] { put(value, &bytes) }
                bytes.append(12)
                for digit in 0..<20 { bytes.append(digit < 12 ? 48 + UInt8(digit % 10) : 0) }
            }
        }
        guard upserts else { return }
        // Distinct accounts: a stride that is prime to the number of accounts.
        let first = next() % accounts
        for index in 0..<UInt64(rows - inserts) {
            let value = sequence
            writes.append(CacheKey(balances.space, (first + index * 7_919) % accounts), .upsert) { bytes in
                for field in 0..<UInt64(5) { put(value + field, &bytes) }
            }
        }
    }

    private func put<T: FixedWidthInteger>(_ value: T, _ bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Seconds of CPU this process has used.
func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func elapsed(since start: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return Double(seconds) + Double(attoseconds) / 1e18
}

func column(_ value: some CustomStringConvertible, _ width: Int) -> String {
    let text = value.description
    return String(repeating: " ", count: max(1, width - text.count)) + text
}

func rounded(_ value: Double, _ digits: Double = 10) -> Double { (value * digits).rounded() / digits }

/// Commits batches of `rows` rows for `seconds`; prints one line.
func measure(_ tier: PostgresTier, _ workload: inout Workload, rows: Int, seconds: Double) async -> Bool {
    var writes = WriteSet()
    var times: [Double] = []
    var fillProcessor = 0.0
    let (start, processor) = (ContinuousClock.now, processorSeconds())
    while elapsed(since: start) < seconds {
        let before = processorSeconds()
        workload.fill(&writes, rows: rows)
        fillProcessor += processorSeconds() - before
        let sent = ContinuousClock.now
        let outcome = await tier.commit([Transaction(writes: writes)], until: .now + .seconds(10))
        guard case .decided(let outcomes) = outcome, case .committed? = outcomes.first else {
            print("failed: \(outcome)")
            return false
        }
        times.append(elapsed(since: sent))
    }
    let total = elapsed(since: start)
    let used = (processorSeconds() - processor - fillProcessor) / Double(times.count * rows) * 1e6
    times.sort()
    print(
        column(rows, 10) + column(Int(Double(times.count) / total), 12)
            + column(Int(Double(times.count * rows) / total), 12)
            + column(rounded(times[times.count / 2] * 1e3), 10)
            + column(rounded(times[times.count * 99 / 100] * 1e3), 10) + column(rounded(used, 100), 12))
    return true
}

/// Inserts of order rows alone, 500 a transaction, beside the raw peers: medians of five alternating rounds.
func compare(_ tier: PostgresTier, _ workload: inout Workload, _ conninfo: String) async throws -> Bool {
    let rows = 500
    var peers = try RawPeers(conninfo)
    defer { peers.close() }
    var rates: [[Double]] = [[], [], []]
    var writes = WriteSet()
    for _ in 0..<5 {
        for peer in 0..<3 {
            var batches = 0
            let start = ContinuousClock.now
            while elapsed(since: start) < 1 {
                switch peer {
                case 0: try peers.copy(rows: rows)
                case 1: try peers.insert(rows: rows)
                default:
                    workload.fill(&writes, rows: rows * 2, upserts: false)
                    let outcome = await tier.commit([Transaction(writes: writes)], until: .now + .seconds(10))
                    guard case .decided(let outcomes) = outcome, case .committed? = outcomes.first else {
                        print("failed: \(outcome)")
                        return false
                    }
                }
                batches += 1
            }
            rates[peer].append(Double(batches * rows) / elapsed(since: start))
        }
    }
    let medians = rates.map { $0.sorted()[$0.count / 2] }
    print("inserts of order rows, 500 a transaction: raw COPY BINARY \(Int(medians[0])) rows/s, raw pipelined INSERT")
    print(
        "\(Int(medians[1])) rows/s, versioned group commit with ticket and outbox \(Int(medians[2])) rows/s "
            + "(\(Int(medians[2] / medians[0] * 100)) % of COPY, \(Int(medians[2] / medians[1] * 100)) % of INSERT)")
    return true
}

func run(_ conninfo: String) async throws -> Bool {
    for schema in [orders, balances] {
        let create = try TableDefinition.createStatement(schema)
        _ = try await DatabaseScript.run(
            "DROP TABLE IF EXISTS \(schema.table); \(create)", on: conninfo, until: .now + .seconds(30))
    }
    let configuration = PostgresTier.Configuration(conninfo: conninfo)
    let tier = try PostgresTier(configuration, schemas: [orders, balances])
    try await tier.verifySchemas(until: .now + .seconds(10))
    var workload = Workload()
    print("rows/batch   batches/s      rows/s    p50 ms    p99 ms  CPU us/row")
    for (rows, seconds) in [(1, 2.0), (100, 3), (500, 6), (2_000, 4)] {
        guard await measure(tier, &workload, rows: rows, seconds: seconds) else { return false }
    }
    guard try await compare(tier, &workload, conninfo) else { return false }
    let keys = (0..<500).map { CacheKey(balances.space, UInt64($0 * 131)) }
    var (start, loads) = (ContinuousClock.now, 0)
    while elapsed(since: start) < 2 {
        _ = try await tier.load(keys, until: .now + .seconds(5))
        loads += 1
    }
    print("loads of 500 keys, one at a time: \(Int(Double(loads * 500) / elapsed(since: start))) rows/s")
    let counter = Counter()
    start = .now
    _ = try await tier.scan([orders.space], until: .now + .seconds(120)) { counter.add($0.ids.count) }
    let rows = counter.value
    print("scan of \(rows) rows: \(Int(Double(rows) / elapsed(since: start))) rows/s")
    await tier.close()
    return true
}

/// Counts on the scanning thread; read after the scan.
final class Counter: @unchecked Sendable {  // written by one thread, read when it has finished
    private(set) var value = 0

    func add(_ amount: Int) { value += amount }
}

if CommandLine.arguments.count > 1 {
    exit(try await run(CommandLine.arguments[1]) ? 0 : 1)
}
let stack = try LocalStack(redis: .standalone(shards: 1), durability: .full)
let migrations = Migrations(directory: "Schemas", .init(conninfo: stack.postgres.connection))
_ = try await migrations.apply(until: .now + .seconds(30))
let succeeded = try await run(stack.postgres.connection)
stack.stop()
exit(succeeded ? 0 : 1)
