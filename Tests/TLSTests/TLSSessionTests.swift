import Foundation
import Glibc
import TLS
import TestCertificates
import TestData
import Testing

/// Both sides of TLS over a socket pair: what passes, what is refused, and what each refusal is called.
@Suite(.enabled(if: TestCertificates.areAvailable, "needs the openssl program"))
struct TLSSessionTests {
    private let certificates: TestCertificates

    init() throws { certificates = try #require(TestCertificates.shared) }

    private func client(_ change: (inout TLSSettings) -> Void = { _ in }) -> TLSSettings {
        var settings = TLSSettings(.client)
        settings.authorityFile = certificates.authority
        change(&settings)
        return settings
    }

    private func server(
        _ pair: KeyPath<TestCertificates, TestCertificates.Pair>, _ change: (inout TLSSettings) -> Void = { _ in }
    ) -> TLSSettings {
        var settings = TLSSettings(.server)
        settings.certificateFile = certificates[keyPath: pair].certificate
        settings.keyFile = certificates[keyPath: pair].key
        change(&settings)
        return settings
    }

    /// The kind of fault with which the client's handshake fails; nil where it succeeds.
    private func refusal(
        _ client: TLSSettings, _ server: TLSSettings, host: String = "127.0.0.1"
    ) throws -> TLSFault.Kind? {
        guard case .failed(let fault) = try SessionPair(client, server, host: host).shakeHands().client else {
            return nil
        }
        #expect(!fault.message.isEmpty)
        return fault.kind
    }

    @Test("Bytes of every size arrive as they were sent, both ways, through full sockets")
    func transfer() throws {
        var random = SplitMix64(seed: 41)
        let pair = try SessionPair(client(), server(\.server), bufferBytes: 4_608)
        let result = pair.shakeHands()
        #expect(result.client == .done && result.server == .done)
        for size in [1, 2, 255, 16_383, 16_384, 16_385, 300_000] {
            let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let piece = 1 + random.below(20_000)
            let there = SessionPair.carry(bytes, from: pair.client, to: pair.server, piece: piece) == bytes
            let back = SessionPair.carry(bytes, from: pair.server, to: pair.client, piece: piece) == bytes
            #expect(there && back, "\(size) bytes")
        }
        #expect(pair.client.receiveOnce() == .wouldBlock)
    }

    @Test("What the socket does not tell of any more is told by the session")
    func pending() throws {
        let pair = try SessionPair(client(), server(\.server))
        _ = pair.shakeHands()
        let bytes = [UInt8](repeating: 7, count: 3_000)
        #expect(bytes.withUnsafeBytes { pair.server.send($0) } == .bytes(3_000))
        #expect(!pair.client.hasPendingInput)
        #expect(pair.client.receiveOnce() == .bytes(1_024))
        #expect(pair.client.hasPendingInput)
        #expect(pair.client.receiveOnce() == .bytes(1_024))
        #expect(pair.client.receiveOnce() == .bytes(952))
        #expect(pair.client.receiveOnce() == .wouldBlock)
    }

    @Test("A goodbye ends the stream; a socket closed without one cuts it off")
    func endings() throws {
        let polite = try SessionPair(client(), server(\.server))
        _ = polite.shakeHands()
        polite.server.sayGoodbye()
        polite.cut(1)
        #expect(polite.client.receiveOnce() == .ended)
        let rude = try SessionPair(client(), server(\.server))
        _ = rude.shakeHands()
        rude.cut(1)
        #expect(rude.client.receiveOnce() == .failed(TLSFault(.cutOff, "closed by the server")))
        let early = try SessionPair(client(), server(\.server))
        #expect(early.client.handshake() == .wantsInput)
        early.cut(1)
        // The bytes that were not read make the end of a Unix socket a reset.
        guard case .failed(let fault) = early.client.handshake() else { return #expect(Bool(false)) }
        #expect(fault.kind == .cutOff && fault.message.hasSuffix("during the TLS handshake"))
    }

    @Test("Writing to a peer that is gone is a fault, not a signal")
    func noSignal() throws {
        let pair = try SessionPair(client(), server(\.server))
        _ = pair.shakeHands()
        pair.cut(1)
        let bytes = [UInt8](repeating: 1, count: 10)
        guard case .failed(let fault) = bytes.withUnsafeBytes({ pair.client.send($0) }) else {
            return #expect(Bool(false))
        }
        #expect(fault.kind == .cutOff)
        pair.client.sayGoodbye()
    }

    @Test("Chain, validity and name are checked, each under its own name")
    func certificatesAreChecked() throws {
        #expect(try refusal(client(), server(\.server)) == nil)
        #expect(try refusal(client(), server(\.server), host: "::1") == nil)
        #expect(try refusal(client(), server(\.server), host: "redis.test") == nil)
        #expect(try refusal(client(), server(\.server), host: "127.0.0.2") == .wrongHost)
        #expect(try refusal(client(), server(\.server), host: "other.test") == .wrongHost)
        #expect(try refusal(client(), server(\.misnamed)) == .wrongHost)
        #expect(try refusal(client { $0.serverName = "other.test" }, server(\.misnamed)) == nil)
        #expect(try refusal(client { $0.verification = .authority }, server(\.misnamed)) == nil)
        #expect(try refusal(client(), server(\.expired)) == .certificateExpired)
        #expect(try refusal(client(), server(\.foreign)) == .unknownAuthority)
        #expect(try refusal(client { $0.verification = .authority }, server(\.foreign)) == .unknownAuthority)
        #expect(try refusal(client { $0.verification = .none }, server(\.foreign)) == nil)
        #expect(try refusal(TLSSettings(.client), server(\.server)) == .unknownAuthority)
    }

    @Test("Names are sent to the server, addresses are not")
    func nameIndication() throws {
        let named = try SessionPair(client(), server(\.server), host: "redis.test")
        _ = named.shakeHands()
        #expect(named.server.requestedName == "redis.test")
        let numeric = try SessionPair(client(), server(\.server))
        _ = numeric.shakeHands()
        #expect(numeric.server.requestedName == nil)
    }

    @Test("A server with an authority takes its clients and no others")
    func mutual() throws {
        let authority = certificates.authority
        let strict = server(\.server) { $0.authorityFile = authority }
        let (own, foreign) = (certificates.client, certificates.foreign)
        let known = try SessionPair(
            client {
                $0.certificateFile = own.certificate
                $0.keyFile = own.key
            }, strict)
        let good = known.shakeHands()
        #expect(good.client == .done && good.server == .done)
        #expect(SessionPair.carry([1, 2, 3], from: known.client, to: known.server, piece: 16) == [1, 2, 3])
        let unknown = try SessionPair(
            client {
                $0.certificateFile = foreign.certificate
                $0.keyFile = foreign.key
            }, strict)
        let refused = unknown.shakeHands()
        guard case .failed(let fault) = refused.server else { return #expect(Bool(false)) }
        #expect(fault.kind == .unknownAuthority)
        // Under TLS 1.3 the client learns it with its first reading.
        guard case .failed(let told) = unknown.client.receiveOnce() else { return #expect(Bool(false)) }
        #expect(told.kind == .certificateRefused)
        let silent = try SessionPair(client(), strict)
        guard case .failed(let missing) = silent.shakeHands().server else { return #expect(Bool(false)) }
        #expect(missing.kind == .unknownAuthority && missing.message == "the client has no certificate")
        guard case .failed(let wanted) = silent.client.receiveOnce() else { return #expect(Bool(false)) }
        #expect(wanted == TLSFault(.certificateRefused, "the server wants a client certificate, and got none"))
    }

    @Test("Garbage in place of a handshake is a fault of its own, whatever the garbage")
    func garbage() throws {
        var random = SplitMix64(seed: 42)
        for round in 0..<200 {
            let pair = try SessionPair(client(), server(\.server))
            #expect(pair.client.handshake() == .wantsInput)
            let size = 1 + random.below(600)
            let noise =
                round == 0
                ? Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
                : (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = write(pair.descriptors[1], noise, noise.count)
            var answer = pair.client.handshake()
            if answer == .wantsInput {
                pair.cut(1)
                answer = pair.client.handshake()
            }
            guard case .failed(let fault) = answer else {
                Issue.record("round \(round): \(answer)")
                continue
            }
            if round == 0 { #expect(fault.kind == .notTLS) }
        }
    }

    @Test("Files that are missing, no certificates, or do not fit together are refused with their names")
    func files() throws {
        let own = certificates.client
        let wrong: [(inout TLSSettings) -> Void] = [
            { $0.authorityFile = "/nowhere/ca.crt" },
            { $0.authorityFile = own.key },
            {
                $0.certificateFile = "/nowhere/client.crt"
                $0.keyFile = own.key
            },
            { [other = certificates.server.key] in
                $0.certificateFile = own.certificate
                $0.keyFile = other
            },
            { [encrypted = certificates.encryptedKey] in
                $0.certificateFile = own.certificate
                $0.keyFile = encrypted
            },
        ]
        for change in wrong {
            let fault = #expect(throws: TLSFault.self) { try TLSContext(client(change)) }
            #expect(fault?.kind == .files)
        }
        #expect(throws: TLSFault(.files, "a TLS server needs a certificate and its key")) {
            try TLSContext(TLSSettings(.server))
        }
        let context = try TLSContext(client())
        #expect(throws: TLSFault.self) {
            try TLSSession(context, descriptor: -1, host: String(repeating: "n", count: 256))
        }
    }

    @Test("A context's files tell when they have changed")
    func versions() throws {
        let path = "\(certificates.directory)/changing.crt"
        try FileManager.default.copyItem(atPath: certificates.authority, toPath: path)
        let settings = client { $0.authorityFile = path }
        let before = TLSContext.versions(of: settings)
        #expect(TLSContext.versions(of: settings) == before)
        try Data("new".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        #expect(TLSContext.versions(of: settings) != before)
    }
}
