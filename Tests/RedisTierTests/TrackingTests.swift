import CacheStack
import Glibc
import RedisTier
import Synchronization
import Telemetry
import TestServers
import Testing

/// What a tracking told, in order.
final class Heard: Sendable {
    private let messages = Mutex<[Invalidation]>([])

    var handler: @Sendable (Invalidation) -> Void {
        { message in self.messages.withLock { $0.append(message) } }
    }

    /// Times a key was named.
    func count(_ key: CacheKey) -> Int {
        messages.withLock { $0.count { if case .keys(let keys) = $0 { keys.contains(key) } else { false } } }
    }

    /// Regions doubted for that cause that contain the key.
    func regions(_ cause: Invalidation.Cause, _ key: CacheKey) -> Int {
        messages.withLock { messages in
            messages.count { message in
                guard case .region(let region, let why) = message else { return false }
                return why == cause && region.contains(key)
            }
        }
    }
}

/// Real servers; each test has its own.
@Suite(
    .serialized, .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"), .timeLimit(.minutes(3)))
struct TrackingTests {
    private static let soon = Duration.seconds(10)

    private static func slot(_ key: CacheKey) -> Int { Int(KeySlot.of(Array(key.l2Name(epoch: 1).utf8)[...])) }

    /// A key of node `index` of a cluster of `count`.
    private static func owned(by index: Int, of count: Int, from first: UInt64 = 0) -> CacheKey {
        (first...).lazy.map { key($0) }.first { slot($0) * count / 16_384 == index } ?? key(0)
    }

    private static func name(_ key: CacheKey) -> String { key.l2Name(epoch: 1) }

    @Test("Writes by anyone, deletion, expiry and FLUSHALL are told by the primary they happen on")
    func messages() async throws {
        let cluster = try PrivateRedis(count: 3, isCluster: true)
        defer { cluster.stop() }
        let test = TestTier(.cluster(seeds: [cluster.addresses[0]]))
        defer { test.tier.shutdown() }
        let tracking = RedisTracking(test.tier, metrics: test.metrics)
        let heard = Heard()
        tracking.setHandler(heard.handler)
        defer { tracking.setHandler(nil) }
        #expect(await eventually { tracking.links.count == 3 && tracking.links.allSatisfy(\.isLive) })
        let keys = (0..<3).map { Self.owned(by: $0, of: 3) }
        for (index, key) in keys.enumerated() {
            #expect(heard.regions(.linkMade, key) == 1)
            try cluster.send(index, "SET", Self.name(key), "x")
            #expect(await eventually { heard.count(key) == 1 })
            try cluster.send(index, "SET", Self.name(key), "x", "PX", "30")
            #expect(await eventually { heard.count(key) == 3 }, "the write and the expiry")
        }
        try cluster.send(0, "SET", "other:1", "x")
        _ = try await test.tier.lease([keys[1]], until: .now + Self.soon)
        #expect(await eventually { heard.count(keys[1]) == 4 }, "a script of the tier itself")
        try cluster.send(1, "DEL", Self.name(keys[1]))
        #expect(await eventually { heard.count(keys[1]) == 5 })
        try cluster.send(2, "FLUSHALL")
        #expect(await eventually { heard.regions(.flushed, keys[2]) == 1 })
        #expect(heard.regions(.flushed, keys[0]) == 0 && heard.regions(.linkLost, keys[2]) == 0)
        #expect(test.metric("redis_tracking_flushes_total") == 1 && test.metric("redis_tracking_links_lost_total") == 0)
    }

    @Test("A version check tells values from everything else, on all nodes at once")
    func versions() async throws {
        let cluster = try PrivateRedis(count: 3, isCluster: true)
        defer { cluster.stop() }
        let test = TestTier(.cluster(seeds: cluster.addresses))
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        let tracking = RedisTracking(test.tier, metrics: test.metrics)
        let (value, absent) = (Self.owned(by: 0, of: 3), Self.owned(by: 1, of: 3))
        let (tomb, junk) = (Self.owned(by: 2, of: 3), Self.owned(by: 2, of: 3, from: 1_000))
        let lease = try await test.tier.lease([value], until: .now + Self.soon)
        guard case .granted(let token, _) = lease[0] else { throw PrivateRedisError(description: "no lease") }
        let fill = [(entry: entry(value, version: 77), token: token, lifetime: Duration.seconds(60))]
        #expect(try await test.tier.fill(fill, until: .now + Self.soon) == [.stored])
        try await test.tier.publish(
            [(entry: entry(tomb, version: 5), lifetime: .seconds(60), invalidateOnly: true)], until: .now + Self.soon)
        try cluster.send(2, "SET", Self.name(junk), "V00000000000000xy")
        let answers = await tracking.versions(of: [value, absent, tomb, junk], until: .now + Self.soon)
        #expect(answers == [.value(Ticket(77)), .other, .other, .other])
        #expect(await tracking.versions(of: [value], until: .now) == [.unknown])
    }

    @Test("A primary that falls silent is found out by its pings; its keys are doubted then, and again on its return")
    func silentPrimary() async throws {
        let cluster = try PrivateRedis(count: 2, isCluster: false)
        defer { cluster.stop() }
        let shards = cluster.addresses.enumerated().map { RedisTier.Configuration.Shard("s\($0.offset)", $0.element) }
        let test = TestTier(.ring(shards: shards)) { $0.connectTimeout = .milliseconds(100) }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        let tracking = RedisTracking(test.tier, pingInterval: .milliseconds(100), metrics: test.metrics)
        let heard = Heard()
        tracking.setHandler(heard.handler)
        defer { tracking.setHandler(nil) }
        #expect(await eventually { tracking.links.count(where: \.isLive) == 2 })
        // Which shard owns which key is found by asking the servers.
        let probes = (0..<64).map { key($0) }
        _ = try await test.tier.lease(probes, until: .now + Self.soon)
        let first = try #require(try probes.first { try cluster.send(0, "EXISTS", Self.name($0)) == "1" })
        let second = try #require(try probes.first { try cluster.send(1, "EXISTS", Self.name($0)) == "1" })
        try cluster.kill(0, SIGSTOP)
        #expect(await eventually { heard.regions(.linkLost, first) == 1 })
        #expect(heard.regions(.linkLost, second) == 0)
        #expect(tracking.links.count(where: \.isLive) == 1)
        try cluster.kill(0, SIGCONT)
        #expect(await eventually { heard.regions(.linkMade, first) == 2 })
        #expect(heard.regions(.linkMade, second) == 1)
        try cluster.kill(1, SIGKILL)
        #expect(await eventually { heard.regions(.linkLost, second) == 1 })
        #expect(tracking.links.contains { $0.lastFault != nil })
    }

    @Test("A slot that changes hands without MIGRATE is doubted, and its new owner tells of it from then on")
    func slotMove() async throws {
        let cluster = try PrivateRedis(count: 3, isCluster: true)
        defer { cluster.stop() }
        let test = TestTier(.cluster(seeds: cluster.addresses)) { $0.idleRefreshInterval = .milliseconds(200) }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        let tracking = RedisTracking(test.tier, metrics: test.metrics)
        let heard = Heard()
        tracking.setHandler(heard.handler)
        defer { tracking.setHandler(nil) }
        #expect(await eventually { tracking.links.count(where: \.isLive) == 3 })
        let (moving, staying) = (Self.owned(by: 0, of: 3), Self.owned(by: 0, of: 3, from: 1_000))
        #expect(Self.slot(moving) != Self.slot(staying))
        for index in [1, 0, 2] {
            try cluster.send(index, "CLUSTER", "SETSLOT", "\(Self.slot(moving))", "NODE", cluster.nodeID(1))
        }
        #expect(await eventually { heard.regions(.moved, moving) >= 1 })
        #expect(heard.regions(.moved, staying) == 0)
        try cluster.send(1, "SET", Self.name(moving), "x")
        #expect(await eventually { heard.count(moving) >= 1 })
    }

    @Test("After a failover the new primary is followed, and repaired of what was committed and never announced")
    func failover() async throws {
        let cluster = try PrivateRedis(count: 2, isCluster: true)
        defer { cluster.stop() }
        // Node 0 takes all slots, node 1 becomes its replica.
        try cluster.send(1, "CLUSTER", "FLUSHSLOTS")
        try cluster.send(0, "CLUSTER", "DELSLOTSRANGE", "8192", "16383")
        try cluster.send(0, "CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
        let id = try cluster.nodeID(0)
        #expect(await eventually { (try? cluster.send(1, "CLUSTER", "REPLICATE", id)) == "OK" })
        #expect(await eventually { (try? cluster.send(1, "INFO", "replication"))?.contains("link_status:up") == true })
        #expect(await eventually { (try? cluster.send(1, "CLUSTER", "INFO"))?.contains("state:ok") == true })
        let test = TestTier(.cluster(seeds: cluster.addresses)) { $0.idleRefreshInterval = .milliseconds(200) }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        let bench = Bench(test)
        let running = Task { try await bench.stack.run() }
        #expect(await eventually { bench.tracking.links.map(\.isLive) == [true] && bench.stack.watermark >= .zero })
        await bench.commit(1)
        _ = try await bench.stack.read(key(1))
        #expect(
            await eventually { (try? cluster.send(0, "GETRANGE", Self.name(key(1)), "0", "16")) == "V0000000000000001" }
        )
        // A process commits and dies before it announces anything.
        await bench.commit(2)
        #expect(await eventually { bench.stack.watermark == Ticket(2) })
        #expect(await eventually { (try? cluster.send(0, "WAIT", "1", "100")) == "1" })
        try cluster.send(1, "CLUSTER", "FAILOVER", "TAKEOVER")
        #expect(
            await eventually { (try? cluster.send(1, "GETRANGE", Self.name(key(1)), "0", "16")) == "T0000000000000002" }
        )
        let address = cluster.addresses[1]
        #expect(await eventually { bench.tracking.links.contains { $0.address == address && $0.isLive } })
        #expect(test.metric("redis_tracking_slots_moved_total") >= 16_384)
        #expect(try await bench.stack.read(key(1)).payload == [2, 0])
        running.cancel()
        _ = await running.result
        #expect(bench.tracking.links.isEmpty)
    }

    @Test("Two processes: a commit of one is read by the other within its message, its own writes put nothing in doubt")
    func twoProcesses() async throws {
        let redis = try PrivateRedis(count: 1, isCluster: false)
        defer { redis.stop() }
        let shards = [RedisTier.Configuration.Shard("a", redis.addresses[0])]
        let (first, second) = (TestTier(.ring(shards: shards)), TestTier(.ring(shards: shards)) { $0.tokenSeed = 8 })
        defer {
            first.tier.shutdown()
            second.tier.shutdown()
        }
        let writer = Bench(first)
        let reader = Bench(second, over: writer.durable) { $0.pollInterval = .seconds(3_600) }
        let running = [writer, reader].map { bench in Task { try await bench.stack.run() } }
        #expect(await eventually { [writer, reader].allSatisfy { $0.tracking.links.map(\.isLive) == [true] } })
        await writer.commit(1)
        try await reader.stack.pollChanges()
        _ = try await writer.stack.read(key(1))
        _ = try await reader.stack.read(key(1))
        for value in 2...20 as ClosedRange<UInt8> {
            _ = await writer.stack.commit(Bench.write(value))
            #expect(await eventually { (try? await reader.stack.read(key(1)).payload) == [value, 0] })
        }
        #expect(second.metric("cache_suspect_checks_total{result=\"reloaded\"}") >= 1)
        #expect(first.metric("cache_suspect_checks_total{result=\"reloaded\"}") == 0)
        for task in running { task.cancel() }
        for task in running { _ = await task.result }
    }
}

/// A stack over a real L2 and an L3 in memory, with tracking.
struct Bench {
    static let schemas = [
        SpaceSchema(space: SpaceID(rawValue: 1), table: "rows", key: .id("id"), fields: [.init("value", .int16)])
    ]

    let durable: MemoryDurableTier
    let tracking: RedisTracking
    let stack: CacheStack

    init(
        _ test: TestTier, over durable: MemoryDurableTier? = nil,
        _ change: (inout CacheStack.Configuration) -> Void = { _ in }
    ) {
        self.durable =
            durable
            ?? MemoryDurableTier(schemas: Self.schemas) {
                var time = timespec()
                clock_gettime(CLOCK_REALTIME, &time)
                return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
            }
        tracking = RedisTracking(test.tier, metrics: test.metrics)
        var configuration = CacheStack.Configuration()
        configuration.sharedTimeout = .seconds(5)
        change(&configuration)
        stack = CacheStack(
            configuration, schemas: Self.schemas, shared: test.tier, durable: self.durable, invalidations: tracking,
            metrics: test.metrics)
    }

    static func write(_ value: UInt8) -> Transaction {
        var writes = WriteSet()
        writes.append(key(1), payload: [value, 0])
        return Transaction(expectations: [], writes: writes)
    }

    /// Commits behind the stack's back.
    func commit(_ value: UInt8) async { _ = await durable.commit([Self.write(value)], until: .now) }
}
