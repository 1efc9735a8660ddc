import CacheStack
import Foundation
import Glibc
import RedisTier
import TestCertificates
import TestServers
import Testing

/// TLS against real servers, and against those that only pretend.
@Suite(
    .serialized, .enabled(if: TestServers.areInstalled, "needs redis-server: make deps"),
    .enabled(if: TestCertificates.areAvailable, "needs the openssl program"), .timeLimit(.minutes(3)))
struct TLSTests {
    private static let soon = Duration.seconds(10)

    private func certificates() throws -> TestCertificates { try #require(TestCertificates.shared) }

    private func client(_ change: (inout RedisTier.Configuration.TLS) -> Void = { _ in }) throws
        -> RedisTier.Configuration.TLS
    {
        var tls = RedisTier.Configuration.TLS()
        tls.authorityFile = try certificates().authority
        change(&tls)
        return tls
    }

    private func tier(_ address: RedisAddress, _ tls: RedisTier.Configuration.TLS?) -> TestTier {
        TestTier(shard: address) { configuration in
            configuration.tls = tls
            configuration.connectTimeout = .seconds(5)
        }
    }

    private func server(_ pair: TestCertificates.Pair, _ change: (inout PrivateRedis.Security) -> Void = { _ in })
        throws -> PrivateRedis
    {
        var security = PrivateRedis.Security(pair: pair, authority: try certificates().authority)
        change(&security)
        return try PrivateRedis(count: 1, isCluster: false, security: security)
    }

    /// Expects a tier to fail for one reason, and to say so without a connection left open.
    private func expect(
        _ kind: RedisTier.FaultKind, _ text: String, at address: RedisAddress, _ tls: RedisTier.Configuration.TLS?,
        timeout: Duration = .seconds(5), _ location: SourceLocation = #_sourceLocation
    ) async {
        let test = TestTier(shard: address) { configuration in
            configuration.tls = tls
            configuration.connectTimeout = timeout
        }
        defer { test.tier.shutdown() }
        #expect(
            await eventually { test.tier.nodeStates.first?.lastFault?.contains(text) == true },
            "\(String(describing: test.tier.nodeStates.first))", sourceLocation: location)
        #expect(test.tier.nodeStates.first?.faultKind == kind, sourceLocation: location)
        #expect(test.tier.nodeStates.first?.isConnected == false, sourceLocation: location)
        #expect(await test.fault([key(1)]) != nil, sourceLocation: location)
    }

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

    @Test("Values go through TLS and back, small and large", arguments: ["TLSv1.2", "TLSv1.3"])
    func standalone(protocols: String) async throws {
        let server = try server(certificates().server) { $0.protocols = protocols }
        defer { server.stop() }
        let test = tier(server.addresses[0], try client())
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        let entries = (1...60).map { entry(key($0), version: 2, payload: String(repeating: "\($0)", count: 30_000)) }
        try await store(entries, test.tier)
        // Several MB in one answer: many records, which one reading of the socket does not exhaust.
        #expect(try await test.tier.get(entries.map(\.key), until: .now + Self.soon) == entries.map { .entry($0) })
        let clients = try server.send(0, "CLIENT", "LIST").split(separator: "\n")
        #expect(clients.contains { $0.contains("laddr=\(server.addresses[0])") })
        #expect(test.metric("redis_reconnects_total") == 0)
    }

    @Test("A cluster under mutual TLS with an ACL user: redirects, a node's death and return")
    func cluster() async throws {
        let certificates = try certificates()
        var security = PrivateRedis.Security(pair: certificates.server, authority: certificates.authority)
        security.wantsClientCertificate = true
        let servers = try PrivateRedis(count: 3, isCluster: true, security: security)
        defer { servers.stop() }
        for index in 0..<3 {
            try servers.send(
                index, "ACL", "SETUSER", "app", "on", ">secret", "~st:*", "-@all", "+get", "+set", "+pttl", "+ping",
                "+evalsha", "+script|load", "+cluster|slots", "+asking", "+client|setname")
        }
        let tls = try client { tls in
            tls.certificateFile = certificates.client.certificate
            tls.keyFile = certificates.client.key
        }
        let test = TestTier(.cluster(seeds: [servers.addresses[1]])) { configuration in
            configuration.tls = tls
            configuration.credentials = RedisTier.Configuration.Credentials(user: "app", password: "secret")
            configuration.clientName = "springtide-test"
            configuration.connectTimeout = .seconds(5)
        }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        let entries = (0..<90).map { entry(key($0), version: 3) }
        try await store(entries, test.tier)
        #expect(try await test.tier.get(entries.map(\.key), until: .now + Self.soon) == entries.map { .entry($0) })
        #expect(
            await eventually {
                Set(test.tier.nodeStates.filter(\.isConnected).map(\.address)) == Set(servers.addresses)
            })
        for index in 0..<3 {
            let clients = try servers.send(index, "CLIENT", "LIST").split(separator: "\n")
            let ours = try #require(clients.first { $0.contains("name=springtide-test") })
            #expect(ours.contains("user=app"))
        }
        try servers.kill(0, SIGKILL)
        try servers.restart(0)
        try servers.send(
            0, "ACL", "SETUSER", "app", "on", ">secret", "~st:*", "-@all", "+get", "+ping", "+script|load",
            "+cluster|slots")
        try await test.tier.waitUntilHealthy(until: .now + .seconds(30))
        let clients = try servers.send(0, "CLIENT", "LIST")
        #expect(clients.contains("user=app"), "the new connection has authenticated")
    }

    @Test("An expired certificate, another host's and a foreign authority's are refused and told apart")
    func refusedServers() async throws {
        let certificates = try certificates()
        let expired = try server(certificates.expired)
        defer { expired.stop() }
        await expect(.certificateExpired, "expired", at: expired.addresses[0], try client())
        let misnamed = try server(certificates.misnamed)
        defer { misnamed.stop() }
        await expect(.wrongHost, "does not name this host", at: misnamed.addresses[0], try client())
        let asOther = try client { $0.serverName = "redis.test" }
        await expect(.wrongHost, "(redis.test)", at: misnamed.addresses[0], asOther)
        let foreign = try server(certificates.foreign)
        defer { foreign.stop() }
        await expect(.unknownAuthority, "known authority", at: foreign.addresses[0], try client())
        // The system's authorities do not know the test's either.
        await expect(.unknownAuthority, "known authority", at: foreign.addresses[0], RedisTier.Configuration.TLS())
    }

    @Test("A name of its own, the authority alone, or nothing: what is checked is what was asked for")
    func verification() async throws {
        let certificates = try certificates()
        let misnamed = try server(certificates.misnamed)
        defer { misnamed.stop() }
        let named = tier(misnamed.addresses[0], try client { $0.serverName = "other.test" })
        defer { named.tier.shutdown() }
        try await named.tier.waitUntilHealthy(until: .now + Self.soon)
        let unnamed = tier(misnamed.addresses[0], try client { $0.verification = .authority })
        defer { unnamed.tier.shutdown() }
        try await unnamed.tier.waitUntilHealthy(until: .now + Self.soon)
        let foreign = try server(certificates.foreign)
        defer { foreign.stop() }
        let chain = try client { $0.verification = .authority }
        await expect(.unknownAuthority, "known authority", at: foreign.addresses[0], chain)
        let unverified = tier(foreign.addresses[0], try client { $0.verification = .none })
        defer { unverified.tier.shutdown() }
        try await unverified.tier.waitUntilHealthy(until: .now + Self.soon)
    }

    /// Under TLS 1.3 the handshake itself succeeds without the client's certificate: only the first answer tells.
    @Test("A missing client certificate and a foreign one are said so", arguments: ["TLSv1.2", "TLSv1.3"])
    func refusedClients(protocols: String) async throws {
        let certificates = try certificates()
        let server = try server(certificates.server) { security in
            security.wantsClientCertificate = true
            security.protocols = protocols
        }
        defer { server.stop() }
        if protocols == "TLSv1.3" {
            await expect(.clientCertificateRefused, "got none", at: server.addresses[0], try client())
        } else {
            await expect(.tls, "wants a certificate", at: server.addresses[0], try client())
        }
        let foreign = try client { tls in
            tls.certificateFile = certificates.foreign.certificate
            tls.keyFile = certificates.foreign.key
        }
        await expect(.clientCertificateRefused, "refused the client's", at: server.addresses[0], foreign)
    }

    @Test("TLS towards a plain server, and plain bytes towards a TLS server, are told for what they are")
    func notTLS() async throws {
        let text = RawServer(Array("-ERR unknown command\r\n".utf8))
        defer { text.stop() }
        await expect(.notTLS, "does not speak TLS", at: text.address, try client())
        let closing = RawServer([], closes: true)
        defer { closing.stop() }
        await expect(.unreachable, "during the TLS handshake", at: closing.address, try client())
        let real = try server(certificates().server)
        defer { real.stop() }
        await expect(.unreachable, "does it want TLS?", at: real.addresses[0], nil)
        // An alert record: fatal (2), unexpected message (10).
        let alerting = RawServer([21, 3, 3, 0, 2, 2, 10])
        defer { alerting.stop() }
        await expect(.notTLS, "speaks TLS", at: alerting.address, nil)
        // Redis takes the handshake for an unfinished line.
        await expect(
            .deadline, "is TLS on at this port?", at: real.plainAddresses[0], try client(),
            timeout: .milliseconds(200))
    }

    @Test("A handshake of slow bytes ends with the connect timeout, however many come")
    func slowHandshake() async throws {
        // The head of a handshake record of 16,000 bytes, then one byte every 5 ms.
        let slow = RawServer(
            [22, 3, 3, 0x3E, 0x80] + [UInt8](repeating: 0, count: 16_000), step: 1, pauseMilliseconds: 5)
        defer { slow.stop() }
        await expect(.deadline, "TLS handshake", at: slow.address, try client(), timeout: .milliseconds(150))
        let test = TestTier(shard: slow.address) { configuration in
            configuration.tls = try? client()
            configuration.connectTimeout = .seconds(30)
        }
        defer { test.tier.shutdown() }
        // A caller's own deadline is kept meanwhile, and does not cost the attempt.
        #expect(await test.fault([key(1)], within: .milliseconds(50)) == .deadline)
        #expect(slow.connections > 0)
        #expect(test.metric("redis_reconnects_total") == 0)
    }

    @Test("Files that are missing, do not belong together or are encrypted are a wrong configuration, said so")
    func files() throws {
        let certificates = try certificates()
        #expect(try client().problem == nil)
        #expect(
            try client { $0.authorityFile = "/nonexistent/ca.crt" }.problem?.contains("/nonexistent/ca.crt") == true)
        #expect(try client { $0.authorityFile = certificates.client.key }.problem?.contains("authority") == true)
        #expect(
            try client { $0.certificateFile = certificates.client.certificate }.problem?.contains("together") == true)
        #expect(try client { $0.serverName = "" }.problem?.contains("server name") == true)
        func problem(_ certificate: String, _ key: String) throws -> String? {
            try client { tls in
                tls.certificateFile = certificate
                tls.keyFile = key
            }.problem
        }
        #expect(try problem(certificates.client.certificate, certificates.client.key) == nil)
        #expect(try problem(certificates.client.key, certificates.client.key)?.contains("no certificate") == true)
        #expect(try problem(certificates.client.certificate, certificates.foreign.key)?.contains("key") == true)
        #expect(
            try problem(certificates.client.certificate, certificates.encryptedKey)?.contains("unencrypted") == true)
        var configuration = RedisTier.Configuration(.ring(shards: [.init("a", RedisAddress(host: "/s", port: 0))]))
        configuration.tls = try client()
        #expect(configuration.problem?.contains("Unix") == true)
        configuration = RedisTier.Configuration(.cluster(seeds: [RedisAddress(host: "127.0.0.1", port: 1)]))
        configuration.tls = try client { $0.authorityFile = "/nonexistent" }
        #expect(configuration.problem?.hasPrefix("tls: ") == true)
        configuration.tls = nil
        configuration.clientName = "two words"
        #expect(configuration.problem?.contains("name") == true)
    }

    @Test("An authority file that is replaced counts for the next connection; nonsense in its place does not")
    func rotation() async throws {
        let certificates = try certificates()
        let server = try server(certificates.server)
        defer { server.stop() }
        let file = "\(certificates.directory)/rotated-\(UInt64.random(in: 0 ... .max)).crt"
        func replace(with data: Data) throws { try data.write(to: URL(fileURLWithPath: file), options: .atomic) }
        let test = tier(server.addresses[0], try client { $0.authorityFile = file })
        defer { test.tier.shutdown() }
        #expect(await eventually { test.tier.nodeStates.first?.faultKind == .tls }, "there is no file yet")
        try replace(with: Data(contentsOf: URL(fileURLWithPath: certificates.foreignAuthority)))
        #expect(await eventually { test.tier.nodeStates.first?.faultKind == .unknownAuthority })
        try replace(with: Data("nonsense".utf8))
        #expect(await test.fault([key(1)]) != nil)
        #expect(await eventually { test.tier.nodeStates.first?.faultKind == .unknownAuthority })
        try replace(with: Data(contentsOf: URL(fileURLWithPath: certificates.authority)))
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
    }
}
