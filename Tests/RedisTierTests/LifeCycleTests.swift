import CacheStack
import Foundation
import RedisTier
import Synchronization
import Telemetry
import Testing

/// Start, breaker, recovery, end.
@Suite(.timeLimit(.minutes(1))) struct LifeCycleTests {
    @Test("An address nobody listens on is named, retried, and served once somebody does")
    func startsDegraded() async throws {
        let placeholder = FakeRedis { _, _ in .silence }
        let address = placeholder.address
        placeholder.stop()
        let test = TestTier(shard: address)
        defer { test.tier.shutdown() }
        let error = await #expect(throws: TierError.self) {
            try await test.tier.waitUntilHealthy(until: .now + .milliseconds(300))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("\(address)") == true)
        #expect(error?.message.contains("refused") == true)
        let server = FakeRedis(port: address.port) { _, _ in .reply("$-1\r\n") }
        defer { server.stop() }
        try await test.tier.waitUntilHealthy(until: .now + .seconds(10))
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
    }

    @Test("A node that hangs opens its breaker, then costs nothing, and is used again when it answers")
    func breaker() async throws {
        let isHanging = Atomic<Bool>(true)
        let server = FakeRedis { _, _ in isHanging.load(ordering: .relaxed) ? .silence : .reply("$-1\r\n") }
        defer { server.stop() }
        let test = TestTier(shard: server.address) { configuration in
            configuration.breakerDelay = .milliseconds(400)
            configuration.longestDelay = .milliseconds(400)
        }
        defer { test.tier.shutdown() }
        var deadlines = 0
        // Between the second and the third attempt there is a pause, in which calls are .unavailable.
        let isOpen = await eventually {
            let code = await test.fault([key(1)], within: .milliseconds(60))
            if code == .deadline { deadlines += 1 }
            return code == .breakerOpen
        }
        #expect(isOpen)
        #expect(deadlines == 3)
        #expect(test.metric("redis_breaker_state") == 2)
        // 200 refusals would take 12 s if each waited for its deadline.
        let start = ContinuousClock.now
        for _ in 0..<200 { #expect(await test.fault([key(1)], within: .milliseconds(60)) != nil) }
        #expect(ContinuousClock.now - start < .seconds(3))
        isHanging.store(false, ordering: .relaxed)
        #expect(await eventually { await test.fault([key(1)]) == nil })
        #expect(await eventually { test.metric("redis_breaker_state") == 0 })
    }

    @Test("A dead shard answers with misses for its own keys only; leases and fills of them say so")
    func partialFault() async throws {
        let good = FakeRedis { _, command in
            command[0] == "GET" ? .reply("$-1\r\n") : .reply("*2\r\n$5\r\nLEASE\r\n$16\r\n0000000000000004\r\n")
        }
        defer { good.stop() }
        let bad = FakeRedis { _, _ in .close }
        defer { bad.stop() }
        let test = TestTier(
            .ring(shards: [
                RedisTier.Configuration.Shard("good", good.address), RedisTier.Configuration.Shard("bad", bad.address),
            ]))
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        let keys = (1...40).map { key($0) }
        #expect(try await test.tier.get(keys, until: .now + .seconds(5)).allSatisfy { $0 == .miss })
        let leases = try await test.tier.lease(keys, until: .now + .seconds(5))
        var (granted, refused) = (0, 0)
        for case .granted(let token, let floor) in leases {
            if token == 0 { refused += 1 } else { granted += 1 }
            #expect(floor == (token == 0 ? .zero : Ticket(4)))
        }
        #expect(granted > 0 && refused > 0 && granted + refused == 40)
        let unstored = try await test.tier.fill(
            [(entry: entry(key(1), version: 1), token: 0, lifetime: .seconds(1))], until: .now + .seconds(5))
        #expect(unstored == [.lost])
    }

    @Test("The credentials are sent first; refused ones are an unavailability that does not show them")
    func credentials() async throws {
        let seen = Mutex<[[String]]>([])
        let server = FakeRedis { _, command in
            seen.withLock { $0.append(command) }
            guard command[0] == "AUTH" else { return .reply("$-1\r\n") }
            return .reply(command.last == "right" ? "+OK\r\n" : "-WRONGPASS invalid username-password pair\r\n")
        }
        defer { server.stop() }
        let test = TestTier(shard: server.address) {
            $0.credentials = RedisTier.Configuration.Credentials(user: "app", password: "right")
        }
        defer { test.tier.shutdown() }
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
        #expect(seen.withLock { $0.first } == ["AUTH", "app", "right"])
        let wrong = TestTier(shard: server.address) {
            $0.credentials = RedisTier.Configuration.Credentials(password: "planted-secret")
        }
        defer { wrong.tier.shutdown() }
        #expect(
            await eventually { wrong.tier.nodeStates.first?.lastFault?.contains("refused the credentials") == true })
        #expect(await wrong.fault([key(1)]) != nil)
        #expect(!"\(wrong.tier.nodeStates) \(wrong.metrics.text())".contains("planted-secret"))
        let credentials = RedisTier.Configuration.Credentials(user: "app", password: "planted-secret")
        #expect("\(credentials)" == "***")
        #expect(!String(reflecting: credentials).contains("planted-secret"))
        var text = ""
        dump(RedisTier.Configuration(.ring(shards: [])).with(credentials), to: &text)
        #expect(!text.contains("planted-secret"))
    }

    @Test("After shutdown every caller has an answer, every socket is closed, and calls are refused")
    func shutdown() async throws {
        let server = FakeRedis { _, _ in .silence }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        try await test.tier.waitUntilConnected()
        let waiting = (0..<50).map { id in Task { await test.fault([key(id)], within: .seconds(60)) } }
        try await Task.sleep(for: .milliseconds(20))
        test.tier.shutdown()
        for task in waiting { #expect(await task.value == .unavailable) }
        #expect(await eventually { server.connections == (1, 1) })
        #expect(await test.fault([key(1)]) == .unavailable)
        test.tier.shutdown()
        test.tier.start()
        #expect(await test.fault([key(1)]) == .unavailable)
    }

    @Test("run() ends when its task is cancelled, and shuts down")
    func run() async throws {
        let server = FakeRedis { _, _ in .reply("$-1\r\n") }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        let running = Task { try await test.tier.run() }
        try await test.tier.waitUntilConnected()
        running.cancel()
        _ = await running.result
        #expect(await test.fault([key(1)]) == .unavailable)
    }

    @Test("A tier that is dropped without shutdown leaves no thread and no socket")
    func dropped() async throws {
        let server = FakeRedis { _, _ in .silence }
        defer { server.stop() }
        do {
            let test = TestTier(shard: server.address)
            try await test.tier.waitUntilConnected()
        }
        #expect(await eventually { server.connections == (1, 1) })
    }

    @Test("Wrong configurations are explained")
    func configuration() {
        let address = RedisAddress(host: "127.0.0.1", port: 1)
        #expect(RedisTier.Configuration(.cluster(seeds: [address])).problem == nil)
        #expect(RedisTier.Configuration(.cluster(seeds: [])).problem != nil)
        #expect(RedisTier.Configuration(.ring(shards: [])).problem != nil)
        #expect(RedisTier.Configuration(.ring(shards: [.init("a", address), .init("a", address)])).problem != nil)
        #expect(RedisTier.Configuration(.ring(shards: [.init("a", address, weight: 0)])).problem != nil)
        func problem(_ change: (inout RedisTier.Configuration) -> Void) -> String? {
            var configuration = RedisTier.Configuration(.cluster(seeds: [address]))
            change(&configuration)
            return configuration.problem
        }
        #expect(problem { $0.leaseDuration = .zero }?.contains("leaseDuration") == true)
        #expect(problem { $0.inFlightMax = 0 }?.contains("inFlightMax") == true)
        #expect(problem { $0.replyBytesMax = 10 } != nil)
        #expect(problem { $0.outputBytesMax = 10 } != nil)
        #expect(problem { $0.redirectsMax = 101 } != nil)
    }
}

extension RedisTier.Configuration {
    func with(_ credentials: Credentials) -> Self {
        var copy = self
        copy.credentials = credentials
        return copy
    }
}

extension RedisTier {
    /// Waits until every node known has a connection.
    func waitUntilConnected() async throws {
        #expect(await eventually { !nodeStates.isEmpty && nodeStates.allSatisfy(\.isConnected) })
    }
}

/// A value set after it has been captured.
final class Once<Value: Sendable>: Sendable {
    private let cell = Mutex<Value?>(nil)

    var value: Value {
        cell.withLock { value in
            guard let value else { preconditionFailure("read before it was set") }
            return value
        }
    }

    func set(_ value: Value) { cell.withLock { $0 = value } }
}
