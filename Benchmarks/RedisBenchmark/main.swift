// Prints how many GETs a second RedisTier does in batches of 20, beside `redis-benchmark -P 16` on the same server,
// with values of the same size, and how much CPU each client used for a GET. Also leases, fills and publishes.
//
// Both clients and the server share the machine's cores, so compare the ratios, not the figures.
import CacheStack
import Foundation
import Glibc
import LocalStack
import RedisTier
import Telemetry

let keyCount = 10_000
let payloadSize = 128
let entrySize = EntryFormat.overhead + payloadSize

/// CPU seconds of this process, or of its ended children.
func cpuSeconds(_ who: __rusage_who_t = RUSAGE_SELF.rawValue) -> Double {
    var usage = rusage()
    getrusage(who, &usage)
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    return Double(seconds) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

func line(_ name: String, _ perSecond: Double, cpu: Double, peer: Double? = nil) {
    let ratio = peer.map { String(format: "  %4.0f %% of the peer", 100 * perSecond / $0) } ?? ""
    let padded = name.padding(toLength: 48, withPad: " ", startingAt: 0)
    print(padded + String(format: "%10.0f /s  %6.2f us CPU", perSecond, cpu * 1e6 / perSecond) + ratio)
}

/// `redis-benchmark`'s requests a second for one test.
func peer(_ port: UInt16, _ test: String, clients: Int, requests: Int) throws -> (perSecond: Double, cpu: Double) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
        "redis-benchmark", "-p", "\(port)", "-t", test, "-P", "16", "-c", "\(clients)", "-n", "\(requests)", "-r",
        "\(keyCount)", "-d", "\(entrySize)", "--csv",
    ]
    let output = Pipe()
    process.standardOutput = output
    let before = cpuSeconds(RUSAGE_CHILDREN.rawValue)
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let fields = text.split(separator: "\n").last?.split(separator: ",") ?? []
    let perSecond = fields.count > 1 ? Double(fields[1].filter { $0 != "\"" }) ?? 0 : 0
    return (perSecond, (cpuSeconds(RUSAGE_CHILDREN.rawValue) - before) / Double(requests) * perSecond)
}

func key(_ id: Int, space: UInt16 = 1) -> CacheKey { CacheKey(SpaceID(rawValue: space), UInt64(id)) }

func entry(_ key: CacheKey, version: UInt64) -> CertifiedEntry {
    let certificate = Certificate(
        version: Ticket(version), asOf: Ticket(version), asOfTime: 1_767_225_600_000_000, epoch: 1)
    return CertifiedEntry(key: key, certificate: certificate, payload: [UInt8](repeating: 7, count: payloadSize))
}

/// Stores the values that the reads will hit.
func populate(_ tier: RedisTier) async throws {
    for start in stride(from: 0, to: keyCount, by: 500) {
        let keys = (start..<start + 500).map { key($0) }
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (key, lease) in zip(keys, try await tier.lease(keys, until: .now + .seconds(10))) {
            if case .granted(let token, _) = lease {
                fills.append((entry: entry(key, version: 1), token: token, lifetime: .seconds(600)))
            }
        }
        _ = try await tier.fill(fills, until: .now + .seconds(10))
    }
}

/// Runs `body` from `tasks` tasks for two seconds; `body` returns how many operations it did.
func measure(
    tasks: Int, _ body: @escaping @Sendable (_ task: Int, _ round: Int) async throws -> Int
) async throws -> (perSecond: Double, cpu: Double) {
    let (start, cpu) = (ContinuousClock.now, cpuSeconds())
    let total = try await withThrowingTaskGroup(of: Int.self) { group in
        for task in 0..<tasks {
            group.addTask {
                var count = 0
                var round = 0
                while ContinuousClock.now - start < .seconds(2) {
                    count += try await body(task, round)
                    round += 1
                }
                return count
            }
        }
        return try await group.reduce(0, +)
    }
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    let elapsed = Double(seconds) + Double(attoseconds) / 1e18
    return (Double(total) / elapsed, (cpuSeconds() - cpu) / elapsed)
}

func compareReads(_ tier: RedisTier, port: UInt16?) async throws {
    var rates: [Int: Double] = [:]
    if let port {
        _ = try peer(port, "set", clients: 1, requests: keyCount * 10)
        for clients in [1, 50] {
            let (perSecond, cpu) = try peer(port, "get", clients: clients, requests: 400_000)
            rates[clients] = perSecond
            line("redis-benchmark GET -P 16 -c \(clients)", perSecond, cpu: cpu)
        }
    }
    for tasks in [1, 4, 16, 64] {
        let (perSecond, cpu) = try await measure(tasks: tasks) { task, round in
            let first = (task &* 7_919 &+ round &* 20) % (keyCount - 20)
            let replies = try await tier.get((first..<first + 20).map { key($0) }, until: .now + .seconds(5))
            return replies.count { $0 != .miss && $0 != .poison }
        }
        line("RedisTier get, batches of 20, \(tasks) tasks", perSecond, cpu: cpu, peer: rates[tasks == 1 ? 1 : 50])
    }
}

func measureScripts(_ tier: RedisTier) async throws {
    let (published, publishCPU) = try await measure(tasks: 16) { task, round in
        let first = (task &* 7_919 &+ round &* 20) % (keyCount - 20)
        let entries = (first..<first + 20).map { id in
            (entry: entry(key(id), version: UInt64(round + 2)), lifetime: Duration.seconds(60), invalidateOnly: false)
        }
        try await tier.publish(entries, until: .now + .seconds(5))
        return 20
    }
    line("RedisTier publish, batches of 20, 16 tasks", published, cpu: publishCPU)
    let (filled, fillCPU) = try await measure(tasks: 16) { task, round in
        let keys = (0..<20).map { key((task * 1_000_000 + round) * 20 + $0, space: 2) }
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (key, lease) in zip(keys, try await tier.lease(keys, until: .now + .seconds(5))) {
            if case .granted(let token, _) = lease {
                fills.append((entry: entry(key, version: 1), token: token, lifetime: .seconds(5)))
            }
        }
        return try await tier.fill(fills, until: .now + .seconds(5)).count
    }
    line("RedisTier lease + fill, batches of 20, 16 tasks", filled, cpu: fillCPU)
}

func run(_ title: String, _ layout: RedisNodes.Layout) async throws {
    print("\n\(title), values of \(entrySize) bytes")
    let stack = try LocalStack(redis: layout, durability: .relaxed)
    defer { stack.stop() }
    let addresses = stack.redis.addresses.compactMap { RedisAddress($0) }
    let isRing = if case .standalone = layout { true } else { false }
    let mode: RedisTier.Configuration.Mode =
        isRing
        ? .ring(shards: addresses.enumerated().map { RedisTier.Configuration.Shard("shard\($0.0)", $0.1) })
        : .cluster(seeds: addresses)
    let tier = RedisTier(RedisTier.Configuration(mode), metrics: MetricsRegistry())
    tier.start()
    defer { tier.shutdown() }
    try await tier.waitUntilHealthy(until: .now + .seconds(10))
    try await populate(tier)
    try await compareReads(tier, port: addresses.count == 1 ? stack.redis.nodes[0].port : nil)
    try await measureScripts(tier)
}

try await run("One server", .standalone(shards: 1))
try await run("Cluster of three nodes", .cluster(masters: 3))
