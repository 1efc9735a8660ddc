import CacheStack
import Foundation
import RedisTier
import Synchronization
import TestData
import Testing

/// The tier against servers that misbehave in every way a byte stream can.
@Suite(.timeLimit(.minutes(1))) struct HostileServerTests {
    /// Misbehaves to the first GET, and answers nil to all later ones.
    private func onceHostile(_ reaction: FakeRedis.Reaction) -> FakeRedis {
        FakeRedis { connection, _ in connection == 1 ? reaction : .reply("$-1\r\n") }
    }

    private func expectFault(_ code: TierError.Code, on reaction: FakeRedis.Reaction) async throws {
        let server = onceHostile(reaction)
        defer { server.stop() }
        let test = TestTier(shard: server.address) { configuration in
            configuration.valueBytesMax = 8_192
            configuration.replyBytesMax = 16_384
            configuration.replyElementsMax = 16
        }
        defer { test.tier.shutdown() }
        #expect(await test.fault([key(1)]) == code)
        #expect(test.metric("redis_errors_total{code=\"\(code.rawValue)\"}") == 1)
        #expect(try await test.tier.get([key(2)], until: .now + .seconds(5)) == [.miss])
        #expect(server.connections.accepted == 2)
        #expect(test.metric("redis_reconnects_total") == 1)
    }

    @Test("A bulk above the cap costs the connection, not the memory")
    func oversizeBulk() async throws {
        let flood = "$536870912\r\n" + String(repeating: "x", count: 1 << 20)
        try await expectFault(.protocolViolation, on: .reply(flood))
    }

    @Test("An array header above the cap costs the connection")
    func hugeArray() async throws { try await expectFault(.protocolViolation, on: .reply("*2147483647\r\n")) }

    @Test("Bytes that are not RESP cost the connection")
    func garbage() async throws {
        try await expectFault(.protocolViolation, on: .reply("HTTP/1.1 400 Bad Request\r\n\r\n"))
    }

    @Test("Half a reply and a close is a fault, not a value")
    func halfReply() async throws { try await expectFault(.unavailable, on: .replyThenClose("$10\r\nabc")) }

    @Test("A close without a reply is a fault")
    func close() async throws { try await expectFault(.unavailable, on: .close) }

    @Test("A reply after its deadline reaches nobody: the next command has a connection and an answer of its own")
    func lateReply() async throws {
        let (first, second) = (
            entry(key(1), version: 1, payload: "first"), entry(key(2), version: 2, payload: "second")
        )
        let server = FakeRedis { _, command in
            command[1] == "st:1:1:1" ? .late(bulk(first), milliseconds: 150) : .reply(bulk(second))
        }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        #expect(await test.fault([key(1)], within: .milliseconds(50)) == .deadline)
        #expect(try await test.tier.get([key(2)], until: .now + .seconds(5)) == [.entry(second)])
        #expect(server.connections.accepted == 2)
    }

    @Test("A batch with too little time left is refused and costs no connection")
    func exhaustedBudget() async throws {
        let server = FakeRedis { _, _ in .reply("$-1\r\n") }
        defer { server.stop() }
        let test = TestTier(shard: server.address) { $0.minimumBudget = .milliseconds(20) }
        defer { test.tier.shutdown() }
        _ = try await test.tier.get([key(1)], until: .now + .seconds(5))
        #expect(await test.fault([key(1)], within: .milliseconds(10)) == .deadline)
        #expect(await test.fault([key(1)], within: .milliseconds(-10)) == .deadline)
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
        #expect(server.connections.accepted == 1)
    }

    @Test("A reply nobody asked for costs the connection before it can answer the next command")
    func unasked() async throws {
        let server = onceHostile(.reply("$-1\r\n$3\r\nbad\r\n"))
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
        #expect(await eventually { server.connections.ended == 1 })
        #expect(await eventually { await test.fault([key(1)]) == nil })
        #expect(server.connections.accepted == 2)
    }

    @Test("Values that fail a check are poison, markers are misses")
    func poison() async throws {
        let good = bulk(entry(key(1), version: 5))
        let answers = [
            "st:1:1:1": good,
            // The entry of another key; one with a changed byte; no entry at all; an integer.
            "st:1:1:2": good,
            "st:1:1:3": bulk(entry(key(3), version: 5)).replacingOccurrences(of: "value", with: "valuE"),
            "st:1:1:4": "$1\r\nV\r\n",
            "st:1:1:5": ":1\r\n",
            "st:1:1:6": "$17\r\nT0000000000000009\r\n",
            "st:1:1:7": "$33\r\nL00000000000000090123456789abcdef\r\n",
            "st:1:1:8": "$-1\r\n",
        ]
        let server = FakeRedis { _, command in .reply(answers[command[1]] ?? "-ERR\r\n") }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        let replies = try await test.tier.get((1...8).map { key($0) }, until: .now + .seconds(5))
        let expected: [SharedTierReply] = [
            .entry(entry(key(1), version: 5)), .poison, .poison, .poison, .poison, .miss, .miss, .miss,
        ]
        #expect(replies == expected)
        #expect(test.metric("redis_poison_total") == 4)
    }

    @Test("The in-flight cap is exact: one past it is refused, the rest is asked")
    func inFlightCap() async throws {
        let server = FakeRedis { _, _ in .reply("$-1\r\n") }
        defer { server.stop() }
        let test = TestTier(shard: server.address) { $0.inFlightMax = 10 }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        #expect(try await test.tier.get((1...10).map { key($0) }, until: .now + .seconds(5)).count == 10)
        #expect(test.metric("redis_errors_total{code=\"overloaded\"}") == 0)
        #expect(try await test.tier.get((1...11).map { key($0) }, until: .now + .seconds(5)).count == 11)
        #expect(test.metric("redis_errors_total{code=\"overloaded\"}") == 1)
    }

    @Test("TRYAGAIN is tried again, after a pause, until it is answered or the attempts are spent")
    func tryAgain() async throws {
        let refusals = Atomic<Int>(3)
        let server = FakeRedis { _, _ in
            let left = refusals.wrappingSubtract(1, ordering: .relaxed).oldValue
            return .reply(left > 0 ? "-TRYAGAIN Multiple keys request during rehashing of slot\r\n" : "$-1\r\n")
        }
        defer { server.stop() }
        let test = TestTier(.cluster(seeds: [server.address])) { $0.redirectsMax = 3 }
        defer { test.tier.shutdown() }
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.miss])
        #expect(test.metric("redis_redirects_total{kind=\"tryagain\"}") == 3)
        refusals.store(4, ordering: .relaxed)
        #expect(await test.fault([key(1)]) == .unavailable)
    }

    @Test("NOSCRIPT for ever ends after the allowed attempts")
    func endlessNoScript() async throws {
        let server = FakeRedis { _, _ in .reply("-NOSCRIPT none\r\n") }
        defer { server.stop() }
        let test = TestTier(.cluster(seeds: [server.address])) { $0.redirectsMax = 3 }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        await #expect(throws: TierError.self) { try await test.tier.lease([key(1)], until: .now + .seconds(5)) }
        #expect(test.metric("redis_redirects_total{kind=\"noscript\"}") == 3)
    }

    @Test("Two nodes that send each other every command end it after the allowed redirects")
    func movedInCircles() async throws {
        let other = Once<RedisAddress>()
        let first = FakeRedis { _, _ in .reply("-MOVED 1 \(other.value)\r\n") }
        defer { first.stop() }
        let second = FakeRedis { _, _ in .reply("-MOVED 1 \(first.address)\r\n") }
        defer { second.stop() }
        other.set(second.address)
        let test = TestTier(.cluster(seeds: [first.address])) { $0.redirectsMax = 4 }
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilConnected()
        #expect(await test.fault([key(1)]) == .unavailable)
        #expect(test.metric("redis_redirects_total{kind=\"moved\"}") == 4)
    }

    @Test("A cluster node in a ring is a wrong configuration, said so")
    func movedInRing() async throws {
        let server = FakeRedis { _, _ in .reply("-MOVED 1 127.0.0.1:1\r\n") }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        #expect(await test.fault([key(1)]) == .protocolViolation)
    }

    @Test("Out of memory is overload; a write to a replica and CLUSTERDOWN are unavailability")
    func otherErrors() async throws {
        let answers = [
            "st:1:1:1": "-OOM command not allowed\r\n", "st:1:1:2": "-CLUSTERDOWN The cluster is down\r\n",
            "st:1:1:3": "-READONLY You can't write\r\n", "st:1:1:4": "-ERR what\r\n",
        ]
        let server = FakeRedis { _, command in .reply(answers[command[1]] ?? "$-1\r\n") }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        #expect(await test.fault([key(1)]) == .overloaded)
        #expect(await test.fault([key(2)]) == .unavailable)
        #expect(await test.fault([key(3)]) == .unavailable)
        #expect(await test.fault([key(4)]) == .protocolViolation)
        #expect(try await test.tier.get([key(4), key(5)], until: .now + .seconds(5)) == [.miss, .miss])
        #expect(server.connections.accepted == 1)
    }

    @Test("A reply of slow bytes ends with the caller's deadline, however many come, and reaches nobody later")
    func slowBytes() async throws {
        let slow = RawServer(Array("+PONG\r\n".utf8) + Array("$3\r\nabc\r\n".utf8), step: 1, pauseMilliseconds: 30)
        defer { slow.stop() }
        // The greeting alone takes 210 ms.
        let test = TestTier(shard: slow.address) { $0.connectTimeout = .milliseconds(100) }
        defer { test.tier.shutdown() }
        #expect(await eventually { test.tier.nodeStates.first?.faultKind == .deadline })
        #expect(await test.fault([key(1)], within: .milliseconds(50)) != nil)
        let dripping = FakeRedis { _, _ in .late("$1000\r\nx", milliseconds: 20) }
        defer { dripping.stop() }
        let patient = TestTier(shard: dripping.address)
        defer { patient.tier.shutdown() }
        try await patient.tier.waitUntilConnected()
        #expect(await patient.fault([key(1)], within: .milliseconds(150)) == .deadline)
        #expect(await eventually { dripping.connections.ended == 1 })
    }

    @Test("Random bytes never become a value and never hang", arguments: 0..<12)
    func randomBytes(seed: UInt64) async throws {
        var generator = SplitMix64(seed: seed)
        let bytes = (0..<Int.random(in: 1...4_000, using: &generator)).map { _ in
            // Half of the streams hold much of RESP's own alphabet.
            seed % 2 == 0
                ? UInt8.random(in: 0...255, using: &generator)
                : Array("+-:$*0123456789\r\n".utf8).randomElement(using: &generator) ?? 0
        }
        let server = RawServer(bytes, closes: true)
        defer { server.stop() }
        let test = TestTier(shard: server.address) { $0.connectTimeout = .milliseconds(200) }
        defer { test.tier.shutdown() }
        for id in UInt64(0)..<5 {
            do throws(TierError) {
                let replies = try await test.tier.get([key(id)], until: .now + .milliseconds(300))
                #expect(replies == [.miss] || replies == [.poison])
            } catch { #expect(error.code != .constraint) }
        }
        #expect(server.connections > 0)
    }

    @Test("Replies of one batch are kept up to the cap; the commands beyond it are overload, the connection stays")
    func batchCap() async throws {
        let large = entry(key(1), version: 1, payload: String(repeating: "x", count: 6_000))
        let size = EntryFormat.overhead + 6_000
        let server = FakeRedis { _, _ in .reply(bulk(large)) }
        defer { server.stop() }
        let test = TestTier(shard: server.address) { configuration in
            configuration.valueBytesMax = 8_192
            configuration.replyBytesMax = 16_384
            configuration.batchReplyBytesMax = 3 * size
        }
        defer { test.tier.shutdown() }
        let keys = [key(1), key(1), key(1), key(1)]
        let replies = try await test.tier.get(keys, until: .now + .seconds(5))
        #expect(replies == [.entry(large), .entry(large), .entry(large), .miss])
        #expect(test.metric("redis_errors_total{code=\"overloaded\"}") == 1)
        #expect(try await test.tier.get([key(1)], until: .now + .seconds(5)) == [.entry(large)])
        #expect(server.connections.accepted == 1)
    }

    @Test("The memory of a connection is the sum of its caps, and caps that contradict each other are refused")
    func memoryCap() {
        var configuration = RedisTier.Configuration(.ring(shards: [.init("a", RedisAddress(host: "h", port: 1))]))
        #expect(configuration.connectionBytesMax == (16 << 20) + 2 * (4 << 20))
        configuration.batchReplyBytesMax = configuration.replyBytesMax - 1
        #expect(configuration.problem?.contains("batchReplyBytesMax") == true)
    }
}
