import RedisTier
import TestData
import Testing

@Suite struct CommandEncoderTests {
    @Test("Commands are arrays of bulk strings")
    func command() {
        #expect(
            String(decoding: CommandEncoder.command("GET", "", "a\r\n"), as: UTF8.self)
                == "*3\r\n$3\r\nGET\r\n$0\r\n\r\n$3\r\na\r\n\r\n")
    }

    @Test("Numbers keep all their digits", arguments: [0, 9, 10, 99, 100, UInt64.max])
    func numbers(number: UInt64) {
        var bytes: [UInt8] = []
        CommandEncoder.argument(number, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "$\("\(number)".count)\r\n\(number)\r\n")
    }

    @Test("Tokens are 16 hexadecimal digits")
    func hexadecimal() {
        var bytes: [UInt8] = []
        CommandEncoder.hexadecimal(0x0123_4567_89AB_CDEF, to: &bytes)
        CommandEncoder.hexadecimal(0, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "0123456789abcdef0000000000000000")
    }

    /// RFC 3174 section 7.3 and FIPS 180: "abc", the empty message, and 56 bytes, which need a second block.
    @Test("SHA-1 equals the published vectors")
    func sha1() {
        #expect(SHA1.hexadecimal("abc".utf8) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(SHA1.hexadecimal("".utf8) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(
            SHA1.hexadecimal("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
                == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
    }
}

@Suite struct ReplyReaderTests {
    private let caps = ReplyReader.Caps(elements: 8, bytes: 1_024)

    /// Feeds `text` in pieces of `step` bytes and describes each reply.
    private func read(_ text: String, step: Int = .max) throws -> [String] {
        let reader = ReplyReader(caps: caps)
        var replies: [String] = []
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, step == .max ? bytes.count : start + step)
            try bytes[start..<end].withUnsafeBytes { try reader.feed($0) }
            while try reader.next() { replies.append(describe(reader.reply, 0)) }
            start = end
        }
        return replies
    }

    private func describe(_ store: ReplyStore, _ index: Int) -> String {
        switch store.nodes[index].kind {
        case .status: "+" + store.string(index)
        case .error: "-" + store.string(index)
        case .integer: ":\(store.nodes[index].value)"
        case .bulk: "$" + store.string(index)
        case .null: "nil"
        case .array: "[" + store.elements(of: index).map { describe(store, $0) }.joined(separator: " ") + "]"
        }
    }

    private static let stream =
        "+OK\r\n-ERR no\r\n:-42\r\n$5\r\nhe\r\no\r\n$-1\r\n$0\r\n\r\n*3\r\n*2\r\n:1\r\n$1\r\nx\r\n*0\r\n*-1\r\n:9223372036854775807\r\n"
    private static let replies = [
        "+OK", "-ERR no", ":-42", "$he\r\no", "nil", "$", "[[:1 $x] [] nil]", ":9223372036854775807",
    ]

    @Test("All types are parsed, however the bytes are cut", arguments: [1, 2, 3, 7, Int.max])
    func types(step: Int) throws { #expect(try read(Self.stream, step: step) == Self.replies) }

    @Test("An array at the cap is taken, one more is refused")
    func arrayCap() throws {
        #expect(try read("*8\r\n" + String(repeating: ":1\r\n", count: 8)).count == 1)
        #expect(throws: ReplyReader.Violation.self) { try read("*9\r\n") }
        #expect(throws: ReplyReader.Violation.self) { try read("*2147483647\r\n") }
        #expect(throws: ReplyReader.Violation.self) { try read("*1\r\n*9\r\n") }
    }

    /// `$1001\r\n` is 7 bytes, the end 2: with 1,010 bytes the whole reply fits into 1,024.
    @Test("A bulk at the cap is taken, one that can never fit costs at most the cap")
    func bulkCap() throws {
        let text = String(repeating: "x", count: 1_001)
        #expect(try read("$1001\r\n\(text)\r\n", step: 100) == ["$" + text])
        #expect(throws: ReplyReader.Violation.self) {
            try read("$536870912\r\n" + String(repeating: "x", count: 2_000), step: 100)
        }
        #expect(throws: ReplyReader.Violation.self) { try read(String(repeating: "x", count: 1_025)) }
    }

    @Test("Many small elements cannot add up to more than the cap")
    func totalCap() throws {
        let item = "$200\r\n" + String(repeating: "y", count: 200) + "\r\n"
        #expect(try read("*4\r\n" + String(repeating: item, count: 4), step: 64).count == 1)
        #expect(throws: ReplyReader.Violation.self) {
            try read("*8\r\n" + String(repeating: item, count: 8), step: 64)
        }
    }

    @Test(
        "What is not RESP2 is a violation",
        arguments: [
            "HTTP/1.1 400 Bad Request\r\n", "%1\r\n+a\r\n+b\r\n", "_\r\n", "\0\0\0\0", "$x\r\n", "*-2\r\n", "$-2\r\n",
            ":12a\r\n", String(repeating: "*1\r\n", count: 9),
        ])
    func garbage(text: String) { #expect(throws: ReplyReader.Violation.self) { try read(text) } }

    /// Random bytes: a reader must end in replies, waiting or a violation, and hold no more than its cap.
    @Test("Random bytes neither trap nor pass the cap")
    func randomBytes() throws {
        var generator = SplitMix64(seed: 0x5EED)
        let alphabet = Array("+-:$*0123456789\r\n\r\n\r\nab".utf8)
        for _ in 0..<2_000 {
            let reader = ReplyReader(caps: caps)
            do {
                for _ in 0..<40 {
                    let count = Int(generator.next() % 64) + 1
                    let bytes = (0..<count).map { _ in alphabet[Int(generator.next() % UInt64(alphabet.count))] }
                    try bytes.withUnsafeBytes { try reader.feed($0) }
                    while try reader.next() { #expect(reader.reply.bytes.count <= caps.bytes) }
                }
            } catch { #expect(error is ReplyReader.Violation) }
        }
    }
}

@Suite struct ErrorReplyTests {
    private let asked = RedisAddress(host: "10.0.0.1", port: 7_000)

    private func parse(_ text: String) -> ErrorReply { ErrorReply(Array(text.utf8)[...], from: asked) }

    @Test("Redirects name slot and node")
    func redirects() {
        let node = RedisAddress(host: "127.0.0.1", port: 6_381)
        #expect(parse("MOVED 3999 127.0.0.1:6381") == .moved(slot: 3_999, node))
        #expect(parse("ASK 3999 127.0.0.1:6381") == .ask(node))
        #expect(parse("MOVED 0 ::1:6381") == .moved(slot: 0, RedisAddress(host: "::1", port: 6_381)))
        #expect(parse("MOVED 3999 :6381") == .moved(slot: 3_999, RedisAddress(host: "10.0.0.1", port: 6_381)))
        #expect(parse("ASK 3999 ?:6381") == .ask(RedisAddress(host: "10.0.0.1", port: 6_381)))
    }

    @Test(
        "Malformed redirects are not followed",
        arguments: [
            "MOVED", "MOVED 3999", "MOVED 16384 127.0.0.1:1", "MOVED -1 127.0.0.1:1", "MOVED x 127.0.0.1:1",
            "MOVED 1 127.0.0.1", "MOVED 1 127.0.0.1:0", "ASK 1", "ASK 1 :", "moved 1 127.0.0.1:1", "",
        ])
    func malformed(text: String) { #expect(parse(text) == .other) }

    @Test("Every other error that matters is told apart")
    func others() {
        #expect(parse("TRYAGAIN Multiple keys request during rehashing of slot") == .tryAgain)
        #expect(parse("CLUSTERDOWN The cluster is down") == .unavailable)
        #expect(parse("LOADING Redis is loading the dataset in memory") == .unavailable)
        #expect(parse("NOSCRIPT No matching script. Please use EVAL.") == .noScript)
        #expect(parse("READONLY You can't write against a read only replica.") == .readOnly)
        #expect(parse("OOM command not allowed when used memory > 'maxmemory'.") == .outOfMemory)
        #expect(parse("NOAUTH Authentication required.") == .unauthenticated)
        #expect(parse("NOPERM this user has no permissions") == .notPermitted)
        #expect(parse("ERR unknown command") == .other)
    }
}
