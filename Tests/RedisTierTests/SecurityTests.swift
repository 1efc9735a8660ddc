import CacheStack
import RedisTier
import Synchronization
import Telemetry
import TestServers
import Testing

/// Passwords, users and their rights.
@Suite(.timeLimit(.minutes(1))) struct SecurityTests {
    private typealias Credentials = RedisTier.Configuration.Credentials

    private static let secret = "planted-secret"

    private func expect(
        _ kind: RedisTier.FaultKind, _ text: String, at address: RedisAddress, _ credentials: Credentials?,
        _ location: SourceLocation = #_sourceLocation
    ) async {
        let test = TestTier(shard: address) { $0.credentials = credentials }
        defer { test.tier.shutdown() }
        #expect(
            await eventually { test.tier.nodeStates.first?.lastFault?.contains(text) == true },
            "\(String(describing: test.tier.nodeStates.first))", sourceLocation: location)
        #expect(test.tier.nodeStates.first?.faultKind == kind, sourceLocation: location)
        do throws(TierError) {
            _ = try await test.tier.get([key(1)], until: .now + .seconds(5))
            Issue.record("answered", sourceLocation: location)
        } catch {
            #expect([.unavailable, .breakerOpen].contains(error.code), sourceLocation: location)
            #expect(!"\(error)".contains(Self.secret), sourceLocation: location)
        }
        #expect(!"\(test.tier.nodeStates) \(test.metrics.text())".contains(Self.secret), sourceLocation: location)
    }

    @Test(
        "Real servers: a wrong password, a wrong user, none where one is wanted, one where none is set",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func realServers() async throws {
        let servers = try PrivateRedis(count: 3, isCluster: false)
        defer { servers.stop() }
        let addresses = servers.addresses
        try servers.send(0, "ACL", "SETUSER", "app", "on", ">right", "~*", "+@all")
        await expect(
            .credentialsRefused, "wrong user or password", at: addresses[0], .init(user: "app", password: Self.secret))
        await expect(
            .credentialsRefused, "wrong user or password", at: addresses[0], .init(user: Self.secret, password: "right")
        )
        await expect(.credentialsRefused, "is a password set there?", at: addresses[1], .init(password: Self.secret))
        try servers.send(2, "CONFIG", "SET", "requirepass", "right")
        await expect(.credentialsMissing, "wants a password", at: addresses[2], nil)
        await expect(.credentialsRefused, "wrong user or password", at: addresses[2], .init(password: Self.secret))
        let test = TestTier(shard: addresses[2]) { $0.credentials = Credentials(password: "right") }
        defer { test.tier.shutdown() }
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
    }

    @Test(
        "A user who may read and not write reads; the others are told what is not permitted",
        .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"))
    func readOnlyUser() async throws {
        let servers = try PrivateRedis(count: 1, isCluster: false)
        defer { servers.stop() }
        try servers.send(0, "ACL", "SETUSER", "reader", "on", ">\(Self.secret)", "~st:*", "-@all", "+get", "+ping")
        let test = TestTier(shard: servers.addresses[0]) { configuration in
            configuration.credentials = Credentials(user: "reader", password: Self.secret)
            // CLIENT SETNAME is not permitted either, and does not matter.
            configuration.clientName = "reader"
        }
        defer { test.tier.shutdown() }
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
        let error = await #expect(throws: TierError.self) {
            try await test.tier.lease([key(1)], until: .now + .seconds(5))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("NOPERM") == true)
        #expect(error?.message.contains(Self.secret) == false)
        #expect(test.tier.nodeStates.first?.isConnected == true, "the connection is as good as before")
    }

    @Test(
        "AUTH and the name are the first words of every connection; one that is not authenticated any more is replaced")
    func everyConnection() async throws {
        let seen = Mutex<[Int: [[String]]]>([:])
        let server = FakeRedis { connection, command in
            seen.withLock { $0[connection, default: []].append(command) }
            switch (command[0], connection) {
            case ("AUTH", _), ("CLIENT", _): return .reply("+OK\r\n")
            case (_, 1): return .close
            case (_, 2): return .reply("-NOAUTH Authentication required.\r\n")
            default: return .reply("$-1\r\n")
            }
        }
        defer { server.stop() }
        let test = TestTier(shard: server.address) { configuration in
            configuration.credentials = Credentials(user: "app", password: "right")
            configuration.clientName = "springtide"
        }
        defer { test.tier.shutdown() }
        #expect(await eventually { await test.fault([key(1)]) == nil })
        let words = seen.withLock { $0 }
        #expect(words.count == 3)
        for commands in words.values {
            #expect(commands.prefix(2) == [["AUTH", "app", "right"], ["CLIENT", "SETNAME", "springtide"]])
        }
    }
}
