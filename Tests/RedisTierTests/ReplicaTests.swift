import CacheStack
import Glibc
import RedisTier
import Synchronization
import Telemetry
import TestServers
import Testing

/// Reads that replicas may answer, against fakes that misbehave and against real servers.
@Suite(.timeLimit(.minutes(3))) struct ReplicaTests {
    private static let soon = Duration.seconds(10)
    private static let linked = "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:1\r\n"

    /// CLUSTER SLOTS of a cluster of one primary with replicas.
    private static func slots(_ primary: RedisAddress, _ replicas: [RedisAddress]) -> String {
        let nodes = [primary] + replicas
        return "*1\r\n*\(nodes.count + 2)\r\n:0\r\n:16383\r\n"
            + nodes.map { "*2\r\n$\($0.host.utf8.count)\r\n\($0.host)\r\n:\($0.port)\r\n" }.joined()
    }

    /// A primary that holds version 9 of every key, and one replica that does what `reaction` says to a GET.
    private final class Pair: Sendable {
        let primary: FakeRedis
        let replica: FakeRedis
        let asked = Mutex<(primary: [[String]], replica: [[String]])>(([], []))

        init(role: String = linked, _ reaction: @escaping @Sendable (String) -> FakeRedis.Reaction) {
            let (addresses, log) = (Once<[RedisAddress]>(), Once<Pair>())
            let slots: @Sendable () -> String = { ReplicaTests.slots(addresses.value[0], [addresses.value[1]]) }
            primary = FakeRedis(slots: slots) { _, command in
                log.value.asked.withLock { $0.primary.append(command) }
                return Pair.answer(command)
            }
            replica = FakeRedis(slots: slots) { _, command in
                switch command[0] {
                case "READONLY": return .reply("+OK\r\n")
                case "ROLE": return .reply(role)
                default:
                    log.value.asked.withLock { $0.replica.append(command) }
                    return reaction(command[1])
                }
            }
            addresses.set([primary.address, replica.address])
            log.set(self)
        }

        private static func answer(_ command: [String]) -> FakeRedis.Reaction {
            switch command[0] {
            case "GET": .reply(bulk(entry(key(id(command[1])), version: 9)))
            case "GETRANGE": .reply("$17\r\nV0000000000000009\r\n")
            case "EVALSHA" where command[1] == String(decoding: Script.getOrLease.digest, as: UTF8.self):
                .reply("*2\r\n$5\r\nLEASE\r\n$16\r\n0000000000000004\r\n")
            case "EVALSHA" where command[1] == String(decoding: Script.fill.digest, as: UTF8.self):
                .reply("$2\r\nOK\r\n")
            default: .reply(":1\r\n")
            }
        }

        static func id(_ name: String) -> UInt64 { UInt64(name.split(separator: ":").last ?? "") ?? 0 }

        func stop() {
            primary.stop()
            replica.stop()
        }
    }

    private func tier(_ pair: Pair, _ change: (inout RedisTier.Configuration) -> Void = { _ in }) -> TestTier {
        TestTier(.cluster(seeds: [pair.primary.address])) { configuration in
            configuration.replicaReads = true
            configuration.replicaProbeInterval = .milliseconds(10)
            change(&configuration)
        }
    }

    private func waitUntilUsable(_ test: TestTier, _ count: Int = 1) async {
        #expect(
            await eventually { test.tier.replicaStates.count { $0.isUsable } == count },
            "\(test.tier.replicaStates)")
    }

    @Test("Replicas are asked for reads whose caller allows it, and for nothing else")
    func onlyAllowedReads() async throws {
        let pair = Pair { .reply(bulk(entry(key(Pair.id($0)), version: 8))) }
        defer { pair.stop() }
        let test = tier(pair)
        defer { test.tier.shutdown() }
        await waitUntilUsable(test)
        let (one, end) = (key(1), ContinuousClock.now + Self.soon)
        #expect(try await test.tier.get([one], until: end) == [.entry(entry(one, version: 9))])
        guard case .granted(let token, _) = try await test.tier.lease([one], until: end)[0] else {
            return #expect(Bool(false), "no lease")
        }
        let fill = [(entry: entry(one, version: 9), token: token, lifetime: Duration.seconds(1))]
        #expect(try await test.tier.fill(fill, until: end) == [.stored])
        try await test.tier.publish(
            [(entry: entry(one, version: 9), lifetime: .seconds(1), invalidateOnly: false)], until: end)
        let tracking = RedisTracking(test.tier, metrics: test.metrics)
        #expect(await tracking.versions(of: [one], until: end) == [.value(Ticket(9))])
        #expect(pair.asked.withLock { $0.replica } == [])
        #expect(pair.asked.withLock { $0.primary.count } == 5)
        // Here the caller accepts what a replica holds.
        let replies = try await test.tier.get([one, key(2)], allowingReplicas: true, until: end)
        #expect(replies == [.entry(entry(one, version: 8)), .entry(entry(key(2), version: 8))])
        #expect(pair.asked.withLock { $0.replica } == [["GET", "st:1:1:1"], ["GET", "st:1:1:2"]])
        #expect(test.metric("redis_replica_reads_total") == 2)
        #expect(test.metric("redis_replica_fallbacks_total") == 0)
    }

    @Test("Without the switch no replica is connected, whatever the caller allows")
    func off() async throws {
        let pair = Pair { _ in .reply("$-1\r\n") }
        defer { pair.stop() }
        let test = TestTier(.cluster(seeds: [pair.primary.address]))
        defer { test.tier.shutdown() }
        #expect(await eventually { test.metric("redis_topology_refreshes_total") >= 1 })
        let replies = try await test.tier.get([key(1)], allowingReplicas: true, until: .now + Self.soon)
        #expect(replies == [.entry(entry(key(1), version: 9))])
        #expect(pair.replica.connections.accepted == 0)
        #expect(test.tier.replicaStates == [])
        var ring = RedisTier.Configuration(.ring(shards: [.init("a", pair.primary.address)]))
        ring.replicaReads = true
        #expect(ring.problem?.contains("replicaReads") == true)
        var impatient = RedisTier.Configuration(.cluster(seeds: [pair.primary.address]))
        impatient.replicaTimeout = .zero
        #expect(impatient.problem?.contains("replicaTimeout") == true)
    }

    @Test(
        "What a replica refuses, garbles or does not answer is asked of its primary: the read does not fail",
        arguments: [
            "-MOVED 1 127.0.0.1:1\r\n", "-ASK 1 127.0.0.1:1\r\n", "-LOADING Redis is loading\r\n",
            "-MASTERDOWN Link with MASTER is down\r\n", "-CLUSTERDOWN down\r\n", "-NOPERM no\r\n",
            "-NOAUTH Authentication required.\r\n", "-OOM command not allowed\r\n", "-TRYAGAIN\r\n", "-ERR what\r\n",
            "HTTP/1.1 400 Bad Request\r\n\r\n", "$536870912\r\nx", "*2147483647\r\n", "close", "half", "silence",
        ])
    func fallsBack(answer: String) async throws {
        let pair = Pair { _ in
            switch answer {
            case "close": .close
            case "half": .replyThenClose("$10\r\nabc")
            case "silence": .silence
            default: .reply(answer)
            }
        }
        defer { pair.stop() }
        let test = tier(pair) { $0.replicaProbeInterval = .seconds(60) }
        defer { test.tier.shutdown() }
        await waitUntilUsable(test)
        let keys = (0..<20).map { key($0) }
        let replies = try await test.tier.get(keys, allowingReplicas: true, until: .now + Self.soon)
        #expect(replies == keys.map { .entry(entry($0, version: 9)) })
        #expect(test.metric("redis_replica_fallbacks_total") == 20)
        for code in ["unavailable", "deadline", "overloaded", "breakerOpen", "protocolViolation"] {
            #expect(test.metric("redis_errors_total{code=\"\(code)\"}") == 0, "\(code)")
        }
    }

    @Test(
        "A server that is no replica any more, or hears nothing from its primary, is not asked",
        arguments: [
            "*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n", "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$7\r\nconnect\r\n:-1\r\n",
            "$-1\r\n", ":1\r\n", "*0\r\n", "-ERR unknown command\r\n",
        ])
    func unfit(role: String) async throws {
        let pair = Pair(role: role) { _ in .reply("$-1\r\n") }
        defer { pair.stop() }
        let test = tier(pair)
        defer { test.tier.shutdown() }
        #expect(await eventually { test.tier.replicaStates.first?.latency != nil })
        let replies = try await test.tier.get([key(1)], allowingReplicas: true, until: .now + Self.soon)
        #expect(replies == [.entry(entry(key(1), version: 9))])
        #expect(test.metric("redis_replica_reads_total") == 0)
    }

    @Test("A user who may not ask for the role reads from replicas all the same; one who may not READONLY does not")
    func permissions() async throws {
        let pair = Pair(role: "-NOPERM this user has no permissions to run the 'role' command\r\n") {
            .reply(bulk(entry(key(Pair.id($0)), version: 8)))
        }
        defer { pair.stop() }
        let test = tier(pair)
        defer { test.tier.shutdown() }
        await waitUntilUsable(test)
        let replies = try await test.tier.get([key(1)], allowingReplicas: true, until: .now + Self.soon)
        #expect(replies == [.entry(entry(key(1), version: 8))])

        let addresses = Once<[RedisAddress]>()
        let slots: @Sendable () -> String = { Self.slots(addresses.value[0], [addresses.value[1]]) }
        let primary = FakeRedis(slots: slots) { _, _ in .reply("$-1\r\n") }
        defer { primary.stop() }
        let refusing = FakeRedis(slots: slots) { _, _ in .reply("-NOPERM no\r\n") }
        defer { refusing.stop() }
        addresses.set([primary.address, refusing.address])
        let refused = TestTier(.cluster(seeds: [primary.address])) { $0.replicaReads = true }
        defer { refused.tier.shutdown() }
        #expect(await eventually { refused.tier.replicaStates.first?.lastFault?.contains("NOPERM") == true })
        let misses = try await refused.tier.get([key(1)], allowingReplicas: true, until: .now + Self.soon)
        #expect(misses == [.miss])
        #expect(refused.metric("redis_replica_reads_total") == 0)
    }

    @Test("A read with too little time for a silent replica and the primary asks the primary at once")
    func shortDeadline() async throws {
        let pair = Pair { _ in .silence }
        defer { pair.stop() }
        let test = tier(pair) { $0.replicaTimeout = .seconds(60) }
        defer { test.tier.shutdown() }
        await waitUntilUsable(test)
        let replies = try await test.tier.get([key(1)], allowingReplicas: true, until: .now + Self.soon)
        #expect(replies == [.entry(entry(key(1), version: 9))])
        #expect(test.metric("redis_replica_reads_total") == 0)
    }

    // MARK: Real servers

    private func store(_ entries: [CertifiedEntry], _ tier: RedisTier) async throws {
        let leases = try await tier.lease(entries.map(\.key), until: .now + Self.soon)
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (entry, lease) in zip(entries, leases) {
            if case .granted(let token, _) = lease {
                fills.append((entry: entry, token: token, lifetime: .seconds(60)))
            }
        }
        #expect(try await tier.fill(fills, until: .now + Self.soon) == entries.map { _ in .stored })
    }

    /// Servers 0 and 1 are primaries, 2 and 3 their replicas.
    private func realCluster() async throws -> (PrivateRedis, TestTier, [CertifiedEntry]) {
        let cluster = try PrivateRedis(count: 2, isCluster: true, replicas: 1)
        let test = TestTier(.cluster(seeds: Array(cluster.addresses.prefix(2)))) { configuration in
            configuration.replicaReads = true
            configuration.replicaProbeInterval = .milliseconds(20)
            configuration.replicaTimeout = .milliseconds(100)
        }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        let entries = (0..<60).map { entry(key($0), version: 3) }
        try await store(entries, test.tier)
        await waitUntilUsable(test, 2)
        return (cluster, test, entries)
    }

    /// All reads are answered with the entries, from wherever.
    private func readsEverything(_ test: TestTier, _ entries: [CertifiedEntry]) async -> Bool {
        let replies = try? await test.tier.get(entries.map(\.key), allowingReplicas: true, until: .now + Self.soon)
        return replies == entries.map { .entry($0) }
    }

    @Test(
        "A replica that is killed, or stopped, costs no read; back again it is asked again",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func replicaFaults() async throws {
        let (cluster, test, entries) = try await realCluster()
        defer {
            test.tier.shutdown()
            cluster.stop()
        }
        #expect(await eventually { await readsEverything(test, entries) })
        let before = test.metric("redis_replica_reads_total")
        #expect(before >= 60)
        try cluster.kill(2, SIGSTOP)
        #expect(await readsEverything(test, entries), "a stopped replica's keys come from the primary")
        #expect(test.metric("redis_replica_fallbacks_total") > 0)
        try cluster.kill(2, SIGCONT)
        await waitUntilUsable(test, 2)
        try cluster.kill(3, SIGKILL)
        for _ in 0..<20 { #expect(await readsEverything(test, entries)) }
        try cluster.restart(3)
        await waitUntilUsable(test, 2)
        #expect(await eventually { await readsEverything(test, entries) })
        #expect(test.metric("redis_errors_total{code=\"unavailable\"}") == 0)
        #expect(test.metric("redis_errors_total{code=\"deadline\"}") == 0)
    }

    @Test(
        "While a primary hangs its replica serves reads; a replica that is promoted serves them as the primary",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func primaryFaults() async throws {
        let (cluster, test, entries) = try await realCluster()
        defer {
            test.tier.shutdown()
            cluster.stop()
        }
        #expect(await eventually { await readsEverything(test, entries) })
        try cluster.send(0, "CLIENT", "PAUSE", "1500", "ALL")
        #expect(await readsEverything(test, entries), "within the pause the primary answers nobody")
        #expect(await eventually { (try? cluster.send(0, "PING")) == "PONG" })
        try cluster.send(2, "CLUSTER", "FAILOVER")
        let promoted = cluster.addresses[2]
        #expect(
            await eventually {
                let states = test.tier.nodeStates
                return states.contains { $0.address == promoted && $0.isConnected && !$0.isRetired }
            })
        #expect(
            await eventually {
                test.tier.replicaStates.contains { $0.address == cluster.addresses[0] && $0.isUsable }
                    && !test.tier.replicaStates.contains { $0.address == promoted && $0.isUsable }
            }, "\(test.tier.replicaStates) \(test.tier.nodeStates) \((try? cluster.send(1, "CLUSTER", "NODES")) ?? "")")
        #expect(await eventually { await readsEverything(test, entries) })
        try await store([entry(key(1_000), version: 4)], test.tier)
        #expect(
            try await test.tier.get([key(1_000)], until: .now + Self.soon) == [.entry(entry(key(1_000), version: 4))])
    }
}
