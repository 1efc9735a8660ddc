import CacheStack
import Glibc
import RedisTier
import Telemetry
import TestServers
import Testing

/// Replies to scripts that cannot be, and the errors as real servers word them inside of scripts.
@Suite(.timeLimit(.minutes(2))) struct FaultReplyTests {
    private static let soon = Duration.seconds(10)

    @Test(
        "A script's answer of a wrong type or shape is no lease, no fill and no floor, and costs no connection",
        arguments: [
            ":1\r\n", "+OK\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "$5\r\nLEASE\r\n", "*1\r\n$5\r\nLEASE\r\n",
            "*2\r\n$5\r\nLEASE\r\n*0\r\n", "*2\r\n$5\r\nLEASE\r\n$3\r\nabc\r\n", "*2\r\n$5\r\nLEASE\r\n:4\r\n",
            "*2\r\n$5\r\nLEASE\r\n$-1\r\n", "*2\r\n$5\r\nLEASE\r\n$16\r\n000000000000000x\r\n",
            "*2\r\n*1\r\n$5\r\nLEASE\r\n$16\r\n0000000000000004\r\n", "*2\r\n$3\r\nHIT\r\n:5\r\n",
            "*2\r\n$3\r\nHIT\r\n*0\r\n", "*3\r\n$3\r\nHIT\r\n$1\r\nV\r\n:5\r\n", "*2\r\n:7\r\n:8\r\n",
            "*2\r\n$5\r\nWHAT?\r\n:8\r\n", "*2\r\n*0\r\n*0\r\n",
        ])
    func wrongShapes(answer: String) async throws {
        let server = FakeRedis { _, _ in .reply(answer) }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        let end = ContinuousClock.now + Self.soon
        #expect(try await test.tier.lease([key(1)], until: end) == [.granted(token: 0, floor: .zero)])
        let row = entry(key(1), version: 1)
        let isOK = answer == "+OK\r\n"
        #expect(
            try await test.tier.fill([(entry: row, token: 5, lifetime: .seconds(1))], until: end)
                == [isOK ? .stored : .lost])
        try await test.tier.publish([(entry: row, lifetime: .seconds(1), invalidateOnly: false)], until: end)
        let counted =
            test.metric("redis_errors_total{code=\"protocolViolation\"}") + test.metric("redis_poison_total")
        #expect(counted == (isOK || answer == ":1\r\n" ? 2 : 3))
        #expect(server.connections.accepted == 1)
        // A wait of a wrong type is a wait all the same: the caller asks again.
        let waiting = FakeRedis { _, _ in .reply("*2\r\n$4\r\nWAIT\r\n$1\r\nx\r\n") }
        defer { waiting.stop() }
        let other = TestTier(shard: waiting.address)
        defer { other.tier.shutdown() }
        let reply = try await other.tier.lease([key(1)], until: end)
        guard case .wait(let milliseconds) = reply[0] else { return #expect(Bool(false), "\(reply)") }
        #expect(milliseconds >= 1)
    }

    @Test(
        "Real servers: out of memory inside a script is overload, and reads go on",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func outOfMemory() async throws {
        let servers = try PrivateRedis(count: 1, isCluster: false)
        defer { servers.stop() }
        let test = TestTier(shard: servers.addresses[0])
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        try servers.send(0, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        try servers.send(0, "CONFIG", "SET", "maxmemory", "1")
        let error = await #expect(throws: TierError.self) {
            try await test.tier.lease([key(1)], until: .now + Self.soon)
        }
        #expect(error?.code == .overloaded, "\(String(describing: error))")
        #expect(try await test.tier.get([key(1)], until: .now + Self.soon) == [.miss])
        try servers.send(0, "CONFIG", "SET", "maxmemory", "0")
        let replies = try await test.tier.lease([key(1)], until: .now + Self.soon)
        guard case .granted(let token, _) = replies[0], token != 0 else {
            return #expect(Bool(false), "\(replies)")
        }
    }

    @Test(
        "Real servers: a script on a server that became a replica is unavailability, and reads go on",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func readOnly() async throws {
        let servers = try PrivateRedis(count: 2, isCluster: false)
        defer { servers.stop() }
        let test = TestTier(shard: servers.addresses[1]) { $0.redirectsMax = 3 }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        try servers.send(1, "REPLICAOF", "127.0.0.1", "\(servers.addresses[0].port)")
        #expect(
            await eventually {
                (try? servers.send(1, "INFO", "replication").contains("master_link_status:up")) == true
            })
        let error = await #expect(throws: TierError.self) {
            try await test.tier.lease([key(1)], until: .now + Self.soon)
        }
        #expect(error?.code == .unavailable, "\(String(describing: error))")
        #expect(test.metric("redis_errors_total{code=\"protocolViolation\"}") == 0)
        #expect(try await test.tier.get([key(1)], until: .now + Self.soon) == [.miss])
    }

    @Test(
        "A connection whose server has fallen silent while nothing was asked costs one deadline, then a new one is used",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func halfOpen() async throws {
        let servers = try PrivateRedis(count: 1, isCluster: false)
        defer { servers.stop() }
        let test = TestTier(shard: servers.addresses[0]) { $0.connectTimeout = .seconds(5) }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        // Like a peer that is gone without FIN or RST: the socket takes bytes and nothing comes back.
        try servers.kill(0, SIGSTOP)
        #expect(await test.fault([key(1)], within: .milliseconds(80)) == .deadline)
        #expect(test.tier.nodeStates[0].faultKind == .deadline)
        try servers.kill(0, SIGCONT)
        #expect(await eventually { await test.fault([key(1)]) == nil })
        #expect(test.metric("redis_reconnects_total") >= 1)
    }
}
