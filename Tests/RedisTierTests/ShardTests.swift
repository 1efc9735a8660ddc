import CacheStack
import Foundation
import RedisTier
import Synchronization
import TestServers
import Testing

/// A ring that changes while it is used.
@Suite(.timeLimit(.minutes(2))) struct ShardTests {
    private typealias Shard = RedisTier.Configuration.Shard

    private static let soon = Duration.seconds(10)

    /// Stores entries, each at the shard that owns it now.
    private func store(_ entries: [CertifiedEntry], _ tier: RedisTier) async throws {
        let leases = try await tier.lease(entries.map(\.key), until: .now + Self.soon)
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (entry, lease) in zip(entries, leases) {
            if case .granted(let token, _) = lease {
                fills.append((entry: entry, token: token, lifetime: .seconds(60)))
            }
        }
        #expect(try await tier.fill(fills, until: .now + Self.soon).allSatisfy { $0 == .stored })
    }

    @Test("Removing a shard moves its own keys only, and they spread evenly", arguments: [4, 11])
    func removing(count: Int) {
        let shards = (0..<count).map { RendezvousRing.Shard("shard\($0)") }
        let before = RendezvousRing(shards)
        let after = RendezvousRing(shards.filter { $0.name != "shard1" })
        var received = [String: Int]()
        for index in 0..<50_000 {
            let name = Array("st:1:1:\(index)".utf8)[...]
            let (old, new) = (shards[before.owner(of: name)].name, after.shards[after.owner(of: name)].name)
            if old != "shard1" { #expect(old == new) } else { received[new, default: 0] += 1 }
        }
        let moved = received.values.reduce(0, +)
        #expect(Double(moved) <= 1.1 * 50_000 / Double(count) && moved > 0)
        // Each of the others gets its part; the standard deviation is below the root of the part, 5 of them.
        let part = Double(moved) / Double(count - 1)
        for count in received.values { #expect(abs(Double(count) - part) < 5 * part.squareRoot()) }
        #expect(received.count == count - 1)
    }

    @Test("Commands sent to a shard before it was removed are answered; then its connection is closed")
    func inFlight() async throws {
        let stays = FakeRedis { _, _ in .reply("$-1\r\n") }
        defer { stays.stop() }
        let goes = FakeRedis { _, command in
            let id = UInt64(command[1].split(separator: ":").last ?? "") ?? 0
            return .late(bulk(entry(key(id), version: 4)), milliseconds: 20)
        }
        defer { goes.stop() }
        let test = TestTier(.ring(shards: [Shard("stays", stays.address), Shard("goes", goes.address)])) {
            $0.connectTimeout = .milliseconds(200)
        }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        let keys = (0..<32).map { key($0) }
        let before = try await test.tier.get(keys, until: .now + Self.soon)
        let moved = keys.indices.filter { before[$0] != .miss }
        #expect(moved.count > 4)
        async let late = test.tier.get(moved.map { keys[$0] }, until: .now + Self.soon)
        // The batch is placed before the ring changes, however long that takes to be seen.
        try await Task.sleep(for: .milliseconds(5))
        try test.tier.removeShard(named: "goes")
        #expect(test.tier.shards.map(\.name) == ["stays"])
        #expect(try await late == moved.map { .entry(entry(keys[$0], version: 4)) })
        #expect(try await test.tier.get(keys, until: .now + Self.soon).allSatisfy { $0 == .miss })
        #expect(await eventually { goes.connections.ended == 1 })
        #expect(await eventually { test.tier.nodeStates[1].isRetired && !test.tier.nodeStates[1].isConnected })
        #expect(test.metric("redis_errors_total{code=\"unavailable\"}") == 0)
        // The same server comes back under another name, and is connected again under its old index.
        try test.tier.addShard(Shard("back", goes.address))
        #expect(await eventually { test.tier.nodeStates[1].isConnected && !test.tier.nodeStates[1].isRetired })
        let back = try await test.tier.get(keys, until: .now + Self.soon)
        #expect(back.contains { $0 != .miss })
        #expect(test.tier.nodeStates.count == 2)
    }

    @Test("Changes that cannot be are refused and change nothing")
    func refusals() throws {
        let server = FakeRedis { _, _ in .reply("$-1\r\n") }
        defer { server.stop() }
        let other = RedisAddress(host: "127.0.0.1", port: 1)
        let test = TestTier(shard: server.address)
        #expect(throws: RingError.self) { try test.tier.addShard(Shard("a", other)) }
        #expect(throws: RingError.self) { try test.tier.addShard(Shard("b", server.address)) }
        #expect(throws: RingError.self) { try test.tier.addShard(Shard("b", other, weight: 0)) }
        #expect(throws: RingError.self) { try test.tier.addShard(Shard("b", other, weight: .infinity)) }
        #expect(throws: RingError.self) { try test.tier.removeShard(named: "b") }
        #expect(throws: RingError.self) { try test.tier.removeShard(named: "a") }
        for index in 1..<64 {
            try test.tier.addShard(Shard("s\(index)", RedisAddress(host: "127.0.0.1", port: UInt16(index))))
        }
        #expect(throws: RingError.self) {
            try test.tier.addShard(Shard("s64", RedisAddress(host: "127.0.0.1", port: 64)))
        }
        #expect(test.tier.shards.count == 64)
        test.tier.shutdown()
        #expect(throws: RingError.self) { try test.tier.removeShard(named: "a") }
        let cluster = TestTier(.cluster(seeds: [server.address]))
        defer { cluster.tier.shutdown() }
        #expect(throws: RingError.self) { try cluster.tier.addShard(Shard("a", other)) }
        #expect(throws: RingError.self) { try cluster.tier.removeShard(named: "a") }
        #expect(cluster.tier.shards == [])
    }

    @Test(
        "Real shards come and go under load: no call fails, no value is wrong, the share that moves is bounded",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func underLoad() async throws {
        let servers = try PrivateRedis(count: 4, isCluster: false)
        defer { servers.stop() }
        let shards = servers.addresses.enumerated().map { Shard("s\($0.0)", $0.1) }
        let test = TestTier(.ring(shards: Array(shards.prefix(3)))) { $0.connectTimeout = .seconds(2) }
        defer { test.tier.shutdown() }
        let tier = test.tier
        try await tier.waitUntilHealthy(until: .now + Self.soon)
        let entries = (0..<3_000).map { entry(key($0), version: 1) }
        try await store(entries, tier)
        let end = End()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var (start, calls) = (task * 20, 0)
                    while !end.isReached.load(ordering: .relaxed) || calls < 10 {
                        let part = entries[start..<start + 20]
                        let replies = try await tier.get(part.map(\.key), until: .now + Self.soon)
                        for (entry, reply) in zip(part, replies) { #expect(reply == .miss || reply == .entry(entry)) }
                        start = (start + 20) % 2_980
                        calls += 1
                    }
                    return calls
                }
            }
            for _ in 0..<3 {
                try tier.addShard(shards[3])
                try await Task.sleep(for: .milliseconds(30))
                try tier.removeShard(named: "s3")
                try await Task.sleep(for: .milliseconds(30))
            }
            end.isReached.store(true, ordering: .relaxed)
            #expect(try await group.reduce(0, +) >= 80)
        }
        #expect(test.metric("redis_poison_total") == 0)
        for code in ["unavailable", "deadline", "overloaded", "breakerOpen", "protocolViolation"] {
            #expect(test.metric("redis_errors_total{code=\"\(code)\"}") == 0, "\(code)")
        }
        // Everything is where it was, and a shard more takes at most 1.1 times its share: 825 of 3,000.
        #expect(try await tier.get(entries.map(\.key), until: .now + Self.soon) == entries.map { .entry($0) })
        try tier.addShard(shards[3])
        let replies = try await tier.get(entries.map(\.key), until: .now + Self.soon)
        let moved = entries.indices.filter { replies[$0] == .miss }
        #expect(!moved.isEmpty && moved.count <= 825)
        // Newer versions are announced while the fourth shard owns those keys; then it goes, and what the first three
        // still hold is the old version with its old certificate, which the next announcement replaces.
        let newer = moved.map { entry(entries[$0].key, version: 9) }
        try await store(newer, tier)
        try tier.removeShard(named: "s3")
        let stale = try await tier.get(newer.map(\.key), until: .now + Self.soon)
        #expect(stale == moved.map { .entry(entries[$0]) })
        try await tier.publish(
            newer.map { (entry: $0, lifetime: .seconds(60), invalidateOnly: false) }, until: .now + Self.soon)
        #expect(try await tier.get(newer.map(\.key), until: .now + Self.soon) == newer.map { .entry($0) })
    }
}

/// Tells tasks to end.
private final class End: Sendable {
    let isReached = Atomic<Bool>(false)
}
