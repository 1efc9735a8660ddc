import CacheStack
import Glibc
import RedisTier
import TestServers
import Testing

/// Real servers that move slots, die, hang and come back; each test has servers of its own.
@Suite(
    .serialized, .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"), .timeLimit(.minutes(3)))
struct RealFaultTests {
    private static let soon = Duration.seconds(10)

    private func store(_ entries: [CertifiedEntry], _ tier: RedisTier) async throws {
        let leases = try await tier.lease(entries.map(\.key), until: .now + Self.soon)
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (entry, lease) in zip(entries, leases) {
            if case .granted(let token, _) = lease {
                fills.append((entry: entry, token: token, lifetime: .seconds(60)))
            }
        }
        let replies = try await tier.fill(fills, until: .now + Self.soon)
        #expect(replies == entries.map { _ in .stored })
    }

    private func slot(_ key: CacheKey) -> Int { Int(KeySlot.of(Array(key.l2Name(epoch: 1).utf8)[...])) }

    /// The slots of node i of n.
    private func owner(_ key: CacheKey, of count: Int) -> Int {
        (0..<count).last { slot(key) >= $0 * 16_384 / count } ?? 0
    }

    @Test("While a slot moves, ASK is followed for keys that are gone or new; afterwards MOVED is, once")
    func slotMigration() async throws {
        let cluster = try PrivateRedis(count: 3, isCluster: true)
        defer { cluster.stop() }
        let test = TestTier(.cluster(seeds: [cluster.addresses[2]]))
        defer { test.tier.shutdown() }
        let tier = test.tier
        try await tier.waitUntilHealthy(until: .now + Self.soon)
        let present = try #require((0..<9_999).lazy.map { key($0) }.first { owner($0, of: 3) == 0 })
        // Another key of the same slot: about one in 16,384 is.
        let new = try #require((10_000..<2_000_000).lazy.map { key($0) }.first { slot($0) == slot(present) })
        try await store([entry(present, version: 1)], tier)
        let number = "\(slot(present))"
        // The first commands may have been redirected before the topology was known.
        #expect(await eventually { test.metric("redis_topology_refreshes_total") >= 1 })
        let redirects = test.metric("redis_redirects_total{kind=\"moved\"}")
        try cluster.send(1, "CLUSTER", "SETSLOT", number, "IMPORTING", cluster.nodeID(0))
        try cluster.send(0, "CLUSTER", "SETSLOT", number, "MIGRATING", cluster.nodeID(1))
        try cluster.send(1, "SCRIPT", "FLUSH")

        #expect(try await tier.get([present], until: .now + Self.soon) == [.entry(entry(present, version: 1))])
        #expect(test.metric("redis_redirects_total{kind=\"ask\"}") == 0)
        try await store([entry(new, version: 2)], tier)
        #expect(test.metric("redis_redirects_total{kind=\"ask\"}") >= 2)
        #expect(test.metric("redis_redirects_total{kind=\"noscript\"}") >= 1)
        #expect(
            try await tier.get([new, present], until: .now + Self.soon)
                == [.entry(entry(new, version: 2)), .entry(entry(present, version: 1))])

        let port = "\(cluster.addresses[1].port)"
        try cluster.send(0, "MIGRATE", "127.0.0.1", port, present.l2Name(epoch: 1), "0", "5000")
        #expect(try await tier.get([present], until: .now + Self.soon) == [.entry(entry(present, version: 1))])
        #expect(test.metric("redis_redirects_total{kind=\"moved\"}") == redirects)
        for index in [1, 0, 2] { try cluster.send(index, "CLUSTER", "SETSLOT", number, "NODE", cluster.nodeID(1)) }
        #expect(try await tier.get([present], until: .now + Self.soon) == [.entry(entry(present, version: 1))])
        #expect(test.metric("redis_redirects_total{kind=\"moved\"}") <= redirects + 1)
        #expect(await eventually { test.metric("redis_topology_refreshes_total") >= 2 })
        for _ in 0..<50 { _ = try await tier.get([present], until: .now + Self.soon) }
        #expect(test.metric("redis_redirects_total{kind=\"moved\"}") <= redirects + 1, "the new owner was remembered")
    }

    @Test("A node killed with SIGKILL costs its own keys only, and is used again after its restart")
    func killedNode() async throws {
        let cluster = try PrivateRedis(count: 3, isCluster: true)
        defer { cluster.stop() }
        let test = TestTier(.cluster(seeds: cluster.addresses))
        defer { test.tier.shutdown() }
        let tier = test.tier
        try await tier.waitUntilHealthy(until: .now + Self.soon)
        let entries = (0..<90).map { entry(key($0), version: 3) }
        try await store(entries, tier)
        try cluster.kill(0, SIGKILL)
        // Within the node timeout the other two still serve.
        let replies = try await tier.get(entries.map(\.key), until: .now + Self.soon)
        for (entry, reply) in zip(entries, replies) {
            #expect(reply == (owner(entry.key, of: 3) == 0 ? .miss : .entry(entry)))
        }
        let dead = entries.map(\.key).filter { owner($0, of: 3) == 0 }
        #expect(await eventually { await test.fault(dead) == .breakerOpen })
        try cluster.restart(0)
        try await tier.waitUntilHealthy(until: .now + .seconds(20))
        let lost = entries.filter { owner($0.key, of: 3) == 0 }
        #expect(try await tier.get(lost.map(\.key), until: .now + Self.soon).allSatisfy { $0 == .miss })
        try await store(lost, tier)
        #expect(
            try await tier.get(entries.map(\.key), until: .now + Self.soon) == entries.map { .entry($0) })
    }

    @Test("A node stopped with SIGSTOP costs deadlines until the breaker opens, then nothing; SIGCONT heals")
    func stoppedNode() async throws {
        let servers = try PrivateRedis(count: 2, isCluster: false)
        defer { servers.stop() }
        let shards = servers.addresses.enumerated().map { RedisTier.Configuration.Shard("s\($0.0)", $0.1) }
        let test = TestTier(.ring(shards: shards)) { $0.connectTimeout = .milliseconds(150) }
        defer { test.tier.shutdown() }
        let tier = test.tier
        try await tier.waitUntilHealthy(until: .now + Self.soon)
        let entries = (0..<40).map { entry(key($0), version: 3) }
        try await store(entries, tier)
        let keys = entries.map(\.key)
        try servers.kill(0, SIGSTOP)
        let first = try await tier.get(keys, until: .now + .milliseconds(200))
        let survivors = first.count { $0 != .miss }
        #expect(survivors > 0 && survivors < 40)
        #expect(test.metric("redis_errors_total{code=\"deadline\"}") > 0)
        #expect(
            await eventually {
                _ = try? await tier.get(keys, until: .now + .milliseconds(200))
                return test.metric("redis_errors_total{code=\"breakerOpen\"}") > 0
            })
        // With an open breaker the stopped node costs no waiting: its deadlines would add up to 20 s.
        let start = ContinuousClock.now
        for _ in 0..<100 {
            let replies = try await tier.get(keys, until: .now + .milliseconds(200))
            #expect(replies.count { $0 != .miss } == survivors)
        }
        #expect(ContinuousClock.now - start < .seconds(10))
        try servers.kill(0, SIGCONT)
        #expect(
            await eventually {
                let replies = try? await tier.get(keys, until: .now + Self.soon)
                return replies == entries.map { .entry($0) }
            })
    }

    @Test("In a ring, a shard more moves at most 1.1 times its share of the keys, and none elsewhere")
    func ringGrowth() async throws {
        let servers = try PrivateRedis(count: 4, isCluster: false)
        defer { servers.stop() }
        let shards = servers.addresses.enumerated().map { RedisTier.Configuration.Shard("s\($0.0)", $0.1) }
        let three = TestTier(.ring(shards: Array(shards.prefix(3))))
        defer { three.tier.shutdown() }
        let entries = (0..<6_000).map { entry(key($0), version: 1) }
        try await store(entries, three.tier)
        let four = TestTier(.ring(shards: shards))
        defer { four.tier.shutdown() }
        let replies = try await four.tier.get(entries.map(\.key), until: .now + Self.soon)
        let moved = replies.count { $0 == .miss }
        // The ideal is 1500; the fourth server alone lacks its keys.
        #expect(Double(moved) <= 1.1 * 1_500 && moved > 0)
        for (entry, reply) in zip(entries, replies) where reply != .miss { #expect(reply == .entry(entry)) }
        #expect(try servers.send(3, "DBSIZE") == "0")
        // Removing it again moves nothing else.
        #expect(
            try await three.tier.get(entries.map(\.key), until: .now + Self.soon) == entries.map { .entry($0) })
    }

    @Test("A user with the least rights that the tier needs can do everything")
    func accessControl() async throws {
        let servers = try PrivateRedis(count: 1, isCluster: false)
        defer { servers.stop() }
        try servers.send(
            0, "ACL", "SETUSER", "app", "on", ">secret", "resetkeys", "~st:*", "resetchannels", "-@all", "+get", "+set",
            "+pttl", "+ping", "+auth", "+evalsha", "+script|load")
        let test = TestTier(shard: servers.addresses[0]) {
            $0.credentials = RedisTier.Configuration.Credentials(user: "app", password: "secret")
        }
        defer { test.tier.shutdown() }
        let entry = entry(key(1), version: 1)
        try await store([entry], test.tier)
        try await test.tier.publish(
            [(entry: entry, lifetime: .seconds(1), invalidateOnly: false)], until: .now + Self.soon)
        #expect(try await test.tier.get([entry.key], until: .now + Self.soon) == [.entry(entry)])
        let wrong = TestTier(shard: servers.addresses[0]) {
            $0.credentials = RedisTier.Configuration.Credentials(user: "app", password: "wrong")
        }
        defer { wrong.tier.shutdown() }
        #expect(await wrong.fault([entry.key]) != nil)
    }
}
