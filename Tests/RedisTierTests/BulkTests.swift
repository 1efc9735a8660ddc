import CacheStack
import RedisTier
import Synchronization
import TestData
import Testing

@Suite struct BulkScannerTests {
    private func scan(_ text: String, at start: Int = 0, bytesMax: Int = 100) -> BulkScanner.Found {
        Array(text.utf8).withUnsafeBytes { BulkScanner.scan($0, at: start, bytesMax: bytesMax) }
    }

    /// `$5\r\n` is 4 bytes, so the contents begin at 4; the second reply begins at 11.
    @Test("Bulk strings and the null are found where they lie, and every cut of them is incomplete")
    func cuts() {
        #expect(scan("$5\r\nhe\r\no\r\n") == .bulk(4..<9, end: 11))
        #expect(scan("+OK\r\n$0\r\n\r\n+", at: 5) == .bulk(9..<9, end: 11))
        #expect(scan("$-1\r\n$1") == .null(end: 5))
        for text in ["$12\r\nabcdefghijkl\r\n", "$-1\r\n", "$0\r\n\r\n"] {
            for count in 0..<text.utf8.count { #expect(scan(String(text.prefix(count: count))) == .incomplete) }
        }
    }

    @Test("A bulk string at the limit is found, one byte more is the parser's")
    func limit() {
        #expect(scan("$3\r\nabc\r\n", bytesMax: 3) == .bulk(4..<7, end: 9))
        #expect(scan("$4\r\n", bytesMax: 3) == .other)
        #expect(scan("$999999999\r\n", bytesMax: 999_999_999) == .incomplete)
        #expect(scan("$9999999999\r\n", bytesMax: .max) == .other)
    }

    @Test(
        "What is not plainly a bulk string is left to the parser",
        arguments: [
            "+OK\r\n", "-ERR\r\n", ":1\r\n", "*1\r\n", "$x\r\n", "$\r\n", "$+1\r\nx\r\n", "$-2\r\n", "$01\r\nx\r\n",
            "$1x\r\n", "$1\rx", "$1\nx\r\n", "$1\r\nxy\r\n", "$1\r\nx\rz", "$-1\rx", "\0",
        ])
    func others(text: String) { #expect(scan(text) == .other) }
}

extension String {
    /// The first `count` bytes of ASCII text; `prefix` would count a line's end as one character.
    fileprivate func prefix(count: Int) -> String { String(decoding: utf8.prefix(count), as: UTF8.self) }
}

/// Batches answered by bulk strings, which are taken without the parser, among replies that it takes.
@Suite(.timeLimit(.minutes(1))) struct BulkReplyTests {
    /// What the server says to the GET of key `id`, and what the tier must make of it.
    private func answer(_ id: UInt64) -> (text: String, reply: SharedTierReply) {
        let size =
            switch id % 8 {
            case 1: Int(id % 900)
            case 4: 3_000 + Int(id % 500)
            // Around the longest that is taken without the parser.
            case 5: 16_384 - EntryFormat.overhead + Int(id % 3) - 1
            default: 20_000
            }
        switch id % 8 {
        case 0: return ("$-1\r\n", .miss)
        case 2: return ("$0\r\n\r\n", .poison)
        case 3: return ("-ERR no\r\n", .miss)
        case 6: return (":5\r\n", .poison)
        default:
            let value = entry(key(id), version: id, payload: String(repeating: "x\r", count: size / 2))
            return (bulk(value), .entry(value))
        }
    }

    /// 3 MB of replies are received 64 KiB at a time, so many of them are cut.
    @Test("Replies of all kinds and sizes, cut anywhere, reach the commands they answer")
    func mixture() async throws {
        let ids = Array<UInt64>(1...800)
        let answers = ids.map(answer)
        let server = FakeRedis { _, command in
            let id = Int(command[1].split(separator: ":")[3]) ?? 0
            return .reply(answers[id - 1].text)
        }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        for _ in 0..<3 {
            let replies = try await test.tier.get(ids.map { key($0) }, until: .now + .seconds(30))
            #expect(zip(replies, answers).allSatisfy { $0 == $1.reply })
        }
        #expect(test.metric("redis_errors_total{code=\"protocolViolation\"}") == 300)
        #expect(test.metric("redis_poison_total") == 600)
        #expect(server.connections.accepted == 1)
    }

    @Test("Names and hashes of keys are those of the format, whatever key came before")
    func names() async throws {
        let keys = [1, 1, 12, 65_535, 1].flatMap { (space: UInt16) in
            [0, 9, 10, 11, 99, 100, 100_000_000_000, .max, .max - 1, 7].map { key($0, space: space) }
        }
        let epoch = Atomic<UInt32>(1)
        let asked = Mutex<[String]>([])
        let server = FakeRedis { _, command in
            let position = asked.withLock { asked in
                asked.append(command[1])
                return (asked.count - 1) % keys.count
            }
            return .reply(bulk(entry(keys[position], version: 1, epoch: epoch.load(ordering: .relaxed))))
        }
        defer { server.stop() }
        let test = TestTier(shard: server.address)
        defer { test.tier.shutdown() }
        for number: UInt32 in [1, 9, 10, .max] {
            epoch.store(number, ordering: .relaxed)
            test.tier.enter(epoch: number)
            let replies = try await test.tier.get(keys, until: .now + .seconds(30))
            #expect(replies == keys.map { .entry(entry($0, version: 1, epoch: number)) })
            #expect(asked.withLock { $0.suffix(keys.count) } == keys.map { $0.l2Name(epoch: number) }[...])
        }
    }

    @Test("Of a batch above the limit of commands in flight the first ones are sent")
    func commandsInFlight() async throws {
        let server = FakeRedis { _, command in
            let id = UInt64(command[1].split(separator: ":")[3]) ?? 0
            return .reply(bulk(entry(key(id), version: id)))
        }
        defer { server.stop() }
        let test = TestTier(shard: server.address) { $0.inFlightMax = 10 }
        defer { test.tier.shutdown() }
        // The greeting's commands are in flight too, and answered before this.
        _ = try await test.tier.get([key(1)], until: .now + .seconds(30))
        for count: UInt64 in [10, 11, 16] {
            let replies = try await test.tier.get((1...count).map { key($0) }, until: .now + .seconds(30))
            #expect(
                replies == (1...count).map { $0 <= 10 ? .entry(entry(key($0), version: $0)) : .miss })
        }
        #expect(test.metric("redis_errors_total{code=\"overloaded\"}") == 1 + 6)
    }

    @Test("Replies of a batch above the limit of their bytes are refused, and only those")
    func batchBytes() async throws {
        let server = FakeRedis { _, command in
            let id = UInt64(command[1].split(separator: ":")[3]) ?? 0
            return .reply(bulk(entry(key(id), version: id, payload: String(repeating: "y", count: 1_000))))
        }
        defer { server.stop() }
        // An entry has 1,073 bytes: 15 of them are 16,095, one more would be 17,168.
        let test = TestTier(shard: server.address) { configuration in
            configuration.valueBytesMax = 8_192
            configuration.replyBytesMax = 16_384
            configuration.batchReplyBytesMax = 16_384
        }
        defer { test.tier.shutdown() }
        let replies = try await test.tier.get((1...20).map { key($0) }, until: .now + .seconds(30))
        #expect(replies.map { $0 == .miss } == (1...20).map { $0 > 15 })
        #expect(test.metric("redis_errors_total{code=\"overloaded\"}") == 5)
        #expect(server.connections.accepted == 1)
    }
}
