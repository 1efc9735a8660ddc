import CacheStack
import RedisTier
import Synchronization
import Testing

/// What a cluster says while it changes, said by fakes.
@Suite(.timeLimit(.minutes(1))) struct FailoverTests {
    @Test("A write to a node that became a replica asks for the topology and goes to the new primary")
    func readOnly() async throws {
        let primary = Once<RedisAddress>()
        let hasFailedOver = Atomic<Bool>(false)
        let slots: @Sendable () -> String = { FakeRedis.slots([(0, 16_383, primary.value)]) }
        let other = FakeRedis(slots: slots) { _, _ in .reply("*2\r\n$5\r\nLEASE\r\n$16\r\n0000000000000007\r\n") }
        defer { other.stop() }
        let first = Once<RedisAddress>()
        let old = FakeRedis(slots: {
            FakeRedis.slots([(0, 16_383, hasFailedOver.load(ordering: .relaxed) ? other.address : first.value)])
        }) { _, _ in
            hasFailedOver.store(true, ordering: .relaxed)
            return .reply("-READONLY You can't write against a read only replica.\r\n")
        }
        defer { old.stop() }
        first.set(old.address)
        primary.set(other.address)
        let test = TestTier(.cluster(seeds: [old.address])) { configuration in
            configuration.refreshInterval = .milliseconds(1)
            configuration.retryDelay = .milliseconds(20)
            configuration.redirectsMax = 100
        }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        let leases = try await test.tier.lease([key(1)], until: .now + .seconds(10))
        guard case .granted(let token, floor: Ticket(7)) = leases[0] else { return #expect(Bool(false)) }
        #expect(token != 0)
        #expect(test.metric("redis_topology_refreshes_total") >= 2)
    }

    @Test("The word of most nodes counts: one that was cut off and kept its old view is not believed")
    func majority() async throws {
        let addresses = Once<[RedisAddress]>()
        let stale: @Sendable () -> String = { FakeRedis.slots([(0, 16_383, addresses.value[2])]) }
        let fresh: @Sendable () -> String = {
            FakeRedis.slots([(0, 8_191, addresses.value[0]), (8_192, 16_383, addresses.value[1])])
        }
        let asked = Mutex<[Int: Int]>([:])
        let servers = (0..<3).map { index in
            FakeRedis(slots: index == 2 ? stale : fresh) { _, _ in
                asked.withLock { $0[index, default: 0] += 1 }
                return .reply("$-1\r\n")
            }
        }
        defer { for server in servers { server.stop() } }
        addresses.set(servers.map(\.address))
        let test = TestTier(.cluster(seeds: servers.map(\.address)))
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        // The first round may have asked the nodes that were ready; the next ones ask all three.
        #expect(await eventually { test.metric("redis_topology_refreshes_total") >= 1 })
        asked.withLock { $0.removeAll() }
        let keys = (0..<200).map { key($0) }
        _ = try await test.tier.get(keys, until: .now + .seconds(5))
        let counts = asked.withLock { $0 }
        #expect(counts[2] == nil)
        #expect((counts[0] ?? 0) + (counts[1] ?? 0) == 200)
    }

    @Test(
        "A node that cannot serve now says so at once, the caller too, and the connection stays",
        arguments: [
            "LOADING Redis is loading the dataset in memory", "CLUSTERDOWN The cluster is down",
            "MASTERDOWN Link with MASTER is down", "BUSY Redis is busy running a script.",
        ])
    func notServing(text: String) async throws {
        let isBusy = Atomic<Bool>(true)
        let server = FakeRedis { _, _ in isBusy.load(ordering: .relaxed) ? .reply("-\(text)\r\n") : .reply("$-1\r\n") }
        defer { server.stop() }
        let test = TestTier(.cluster(seeds: [server.address])) { $0.refreshInterval = .milliseconds(1) }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        let before = test.metric("redis_topology_refreshes_total")
        #expect(await test.fault([key(1)]) == .unavailable)
        #expect(await eventually { test.metric("redis_topology_refreshes_total") > before })
        isBusy.store(false, ordering: .relaxed)
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
        #expect(server.connections.accepted == 1)
    }

    @Test("ASK is followed with ASKING in front, for that command only, and changes no slot's owner")
    func ask() async throws {
        let seen = Mutex<[[String]]>([])
        let target = FakeRedis { _, command in
            seen.withLock { $0.append(command) }
            return .reply(command[0] == "ASKING" ? "+OK\r\n" : "$-1\r\n")
        }
        defer { target.stop() }
        let asks = Atomic<Int>(0)
        let source = FakeRedis { _, _ in
            asks.add(1, ordering: .relaxed)
            return .reply("-ASK 1 \(target.address)\r\n")
        }
        defer { source.stop() }
        let test = TestTier(.cluster(seeds: [source.address])) { $0.idleRefreshInterval = .seconds(60) }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        for _ in 0..<2 { #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss]) }
        #expect(seen.withLock { $0 } == [["ASKING"], ["GET", "st:1:1:1"], ["ASKING"], ["GET", "st:1:1:1"]])
        #expect(asks.load(ordering: .relaxed) == 2)
        #expect(test.metric("redis_redirects_total{kind=\"ask\"}") == 2)
    }
}
