// Prints how many keys a second RedisTier reads, leases and publishes, beside `redis-benchmark` on the same server's
// socket with the same command, the same sizes of keys and values, and the same number of commands in flight.
//
// A batch has 16 keys, which is `-P 16`. RedisTier has one connection to a server, so the peer has one too (`-c 1`); n
// callers at a time have 16 n commands in flight on it, and the peer `-P 16n`. One line more gives the peer a connection
// for each caller. Rounds alternate; the figures are medians, the ratio is the median of the rounds' ratios.
// Both clients and the server share the machine's cores, so compare the ratios, not the figures.
import CacheStack
import Foundation
import Glibc
import LocalStack
import RedisTier
import Telemetry

let keyCount = 10_000
let batchSize = 16
let payloadSize = 128
let entrySize = EntryFormat.overhead + payloadSize
let rounds = 5
let secondsPerRun = 0.6
/// The least ratio that is asked for.
let goal = 0.7
/// Ids of 12 digits, as many as redis-benchmark writes for `__rand_int__`.
let firstID: UInt64 = 100_000_000_000

/// What one run did.
struct Rate {
    var perSecond: Double
    /// Microseconds of the client's CPU for one key.
    var cpu: Double
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// CPU seconds of this process, or of its ended children.
func cpuSeconds(_ who: __rusage_who_t = RUSAGE_SELF.rawValue) -> Double {
    var usage = rusage()
    getrusage(who, &usage)
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    return Double(seconds) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

/// `redis-benchmark`'s keys a second for a command in which `__rand_int__` is one of `keyCount` numbers.
func peer(_ port: UInt16, _ command: [String], pipeline: Int, clients: Int, keys: Int) throws -> Rate {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let options = [
        "-p", "\(port)", "-P", "\(pipeline)", "-c", "\(clients)", "-n", "\(keys)", "-r", "\(keyCount)", "--csv",
    ]
    process.arguments = ["redis-benchmark"] + options + command
    let output = Pipe()
    process.standardOutput = output
    let before = cpuSeconds(RUSAGE_CHILDREN.rawValue)
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let fields = text.split(separator: "\n").last?.components(separatedBy: "\",\"") ?? []
    let perSecond = fields.count > 1 ? Double(fields[1]) ?? 0 : 0
    return Rate(perSecond: perSecond, cpu: (cpuSeconds(RUSAGE_CHILDREN.rawValue) - before) * 1e6 / Double(keys))
}

func key(_ id: Int, space: UInt16 = 1) -> CacheKey { CacheKey(SpaceID(rawValue: space), firstID + UInt64(id)) }

func entry(_ key: CacheKey, version: UInt64) -> CertifiedEntry {
    let certificate = Certificate(
        version: Ticket(version), asOf: Ticket(version), asOfTime: 1_767_225_600_000_000, epoch: 1)
    return CertifiedEntry(key: key, certificate: certificate, payload: [UInt8](repeating: 7, count: payloadSize))
}

/// Stores the values that the reads will hit, under the tier's keys.
func populate(_ tier: RedisTier) async throws {
    for start in stride(from: 0, to: keyCount, by: 500) {
        let keys = (start..<start + 500).map { key($0) }
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (key, lease) in zip(keys, try await tier.lease(keys, until: .now + .seconds(10))) {
            if case .granted(let token, _) = lease {
                fills.append((entry: entry(key, version: 5), token: token, lifetime: .seconds(600)))
            }
        }
        _ = try await tier.fill(fills, until: .now + .seconds(10))
    }
}

/// Runs `body` from `tasks` tasks; `body` returns how many keys it did.
func measure(
    tasks: Int, _ body: @escaping @Sendable (_ first: Int) async throws -> Int
) async throws -> Rate {
    let (start, cpu) = (ContinuousClock.now, cpuSeconds())
    let total = try await withThrowingTaskGroup(of: Int.self) { group in
        for task in 0..<tasks {
            group.addTask {
                var (count, round) = (0, 0)
                while ContinuousClock.now - start < .seconds(secondsPerRun) {
                    count += try await body((task &* 7_919 &+ round &* batchSize) % (keyCount - batchSize))
                    round += 1
                }
                return count
            }
        }
        return try await group.reduce(0, +)
    }
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    let elapsed = Double(seconds) + Double(attoseconds) / 1e18
    return Rate(perSecond: Double(total) / elapsed, cpu: (cpuSeconds() - cpu) * 1e6 / Double(total))
}

/// One operation, and the command by which redis-benchmark does the same to keys of its own.
struct Operation: Sendable {
    let name: String
    let command: [String]
    let body: @Sendable (_ first: Int) async throws -> Int
}

/// Reads, leases of keys that have a value, and publishes of a version that is there already: what each does on the
/// server is the same for both, and leaves everything as it was.
func operations(_ tier: RedisTier) -> [Operation] {
    let name = "st:1:1:__rand_int__"
    let digest = { (script: Script) in String(decoding: script.digest, as: UTF8.self) }
    let rest = String(repeating: "0", count: entrySize - 17)
    let version = String(repeating: "0", count: 15) + "5"
    return [
        Operation(name: "GET", command: ["get", name]) { first in
            let keys = (first..<first + batchSize).map { key($0) }
            return try await tier.get(keys, until: .now + .seconds(5)).count { $0 != .miss && $0 != .poison }
        },
        Operation(
            name: "EVALSHA GETL",
            command: ["evalsha", digest(.getOrLease), "1", name, "0123456789abcdef", "2000"]
        ) { first in
            try await tier.lease((first..<first + batchSize).map { key($0) }, until: .now + .seconds(5)).count
        },
        Operation(
            name: "EVALSHA PUBLISH", command: ["evalsha", digest(.publish), "1", name, version, rest, "5000", "60000"]
        ) { first in
            let entries = (first..<first + batchSize).map { id in
                (entry: entry(key(id), version: 5), lifetime: Duration.seconds(60), invalidateOnly: false)
            }
            try await tier.publish(entries, until: .now + .seconds(5))
            return batchSize
        },
    ]
}

func row(_ cells: [String]) {
    let widths = [18, 8, 13, 11, 11, 8, 9, 9, 8]
    print(zip(cells, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: " "))
}

/// Alternates peer and tier, and prints the medians; false where the tier is below the goal.
func compare(_ operation: Operation, port: UInt16, callers: Int, pipeline: Int, clients: Int) async throws -> Bool {
    let warm = try peer(port, operation.command, pipeline: pipeline, clients: clients, keys: 20_000)
    let keys = max(20_000, Int(warm.perSecond * secondsPerRun))
    var (theirs, ours): ([Rate], [Rate]) = ([], [])
    for _ in 0..<rounds {
        theirs.append(try peer(port, operation.command, pipeline: pipeline, clients: clients, keys: keys))
        ours.append(try await measure(tasks: callers, operation.body))
    }
    let ratios = zip(ours, theirs).map { $0.perSecond / $1.perSecond }
    let ratio = median(ratios)
    row([
        operation.name, "\(callers)", "-c \(clients) -P \(pipeline)",
        String(format: "%.0f", median(theirs.map(\.perSecond))), String(format: "%.0f", median(ours.map(\.perSecond))),
        String(format: "%.0f %%", 100 * ratio), String(format: "%.2f", median(theirs.map(\.cpu))),
        String(format: "%.2f", median(ours.map(\.cpu))), ratio >= goal ? "reached" : "missed",
    ])
    return ratio >= goal
}

func compareOneServer() async throws {
    print("One server, one connection, batches of \(batchSize), values of \(entrySize) bytes, \(rounds) rounds")
    let stack = try LocalStack(redis: .standalone(shards: 1), durability: .relaxed)
    defer { stack.stop() }
    let port = stack.redis.nodes[0].port
    let address = RedisAddress(host: "127.0.0.1", port: port)
    let tier = RedisTier(.init(.ring(shards: [.init("shard", address)])), metrics: MetricsRegistry())
    tier.start()
    defer { tier.shutdown() }
    try await tier.waitUntilHealthy(until: .now + .seconds(10))
    try await populate(tier)
    // The peer's keys hold as many bytes that begin as a value of version 5 does.
    let value = "V" + String(repeating: "0", count: 15) + "5" + String(repeating: "0", count: entrySize - 17)
    _ = try peer(
        port, ["set", "st:1:1:__rand_int__", value], pipeline: 64, clients: 4, keys: keyCount * 15)
    row(["command", "callers", "peer", "peer /s", "tier /s", "ratio", "peer us", "tier us", "70 %"])
    var reached = 0
    var lines = 0
    for operation in operations(tier) {
        for callers in [1, 4, 16] {
            reached +=
                try await compare(
                    operation, port: port, callers: callers, pipeline: callers * batchSize, clients: 1) ? 1 : 0
            lines += 1
        }
        reached += try await compare(operation, port: port, callers: 16, pipeline: batchSize, clients: 16) ? 1 : 0
        lines += 1
    }
    print("us: the client's CPU for one key. At least 70 % of the peer's rate: \(reached) of \(lines) lines.")
}

/// redis-benchmark cannot do the same to a cluster through one process and one connection a node, so no peer here.
func measureCluster() async throws {
    print("\nCluster of three nodes, the same batches over all of them")
    let stack = try LocalStack(redis: .cluster(masters: 3), durability: .relaxed)
    defer { stack.stop() }
    let addresses = stack.redis.addresses.compactMap { RedisAddress($0) }
    let tier = RedisTier(.init(.cluster(seeds: addresses)), metrics: MetricsRegistry())
    tier.start()
    defer { tier.shutdown() }
    try await tier.waitUntilHealthy(until: .now + .seconds(10))
    try await populate(tier)
    row(["command", "callers", "", "", "tier /s", "", "", "tier us"])
    for operation in operations(tier) {
        for callers in [1, 16, 64] {
            var rates: [Rate] = []
            for _ in 0..<rounds { rates.append(try await measure(tasks: callers, operation.body)) }
            row([
                operation.name, "\(callers)", "", "", String(format: "%.0f", median(rates.map(\.perSecond))), "", "",
                String(format: "%.2f", median(rates.map(\.cpu))),
            ])
        }
    }
}

try await compareOneServer()
try await measureCluster()
