import Engine
import TestData
import Testing

/// Replies of every kind, cut everywhere, at every limit, and garbage.
@Suite struct HTTPResponseReaderTests {
    private static let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    private static let chunked =
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n6;x=\"y\"\r\npedia \r\nB \r\nin \r\nchunks\r\n"
        + "000\r\nExpires: never\r\nX: y\r\n\r\n"
    private static let noContent = "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"
    private static let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    @Test("Bodies by length, in chunks with trailers, none, and behind 1xx replies: the examples of RFC 9112")
    func kinds() {
        #expect(HTTPReplies(Self.plain).replies == [HTTPReadReply(status: 200, body: "hello", keepsAlive: true)])
        #expect(
            HTTPReplies(Self.chunked).replies
                == [HTTPReadReply(status: 201, body: "Wikipedia in \r\nchunks", keepsAlive: true)])
        #expect(HTTPReplies(Self.noContent).replies == [HTTPReadReply(status: 204, body: "", keepsAlive: true)])
        #expect(
            HTTPReplies(Self.interim + Self.plain).replies
                == [HTTPReadReply(status: 200, body: "hello", keepsAlive: true)])
        let bare = HTTPReplies("HTTP/1.1 304\r\nContent-Length: 10\r\n\r\n")
        #expect(bare.replies == [HTTPReadReply(status: 304, body: "", keepsAlive: true)])
        let head = HTTPReplies("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", isHead: [true])
        #expect(head.replies == [HTTPReadReply(status: 200, body: "", keepsAlive: true)])
        let empty = HTTPReplies("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n")
        #expect(empty.replies == [HTTPReadReply(status: 200, body: "", keepsAlive: true)])
    }

    @Test("A body without a length ends with the connection, any other is cut short by it")
    func endOfConnection() {
        let open = HTTPReplies("HTTP/1.1 200 OK\r\n\r\nto the end", ends: true)
        #expect(open.replies == [HTTPReadReply(status: 200, body: "to the end", keepsAlive: false)])
        let gzip = HTTPReplies("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", ends: true)
        #expect(gzip.replies == [HTTPReadReply(status: 200, body: "abc", keepsAlive: false)])
        for count in [1, 20, 38, 42] {
            let cut = HTTPReplies(String(decoding: Self.plain.utf8.prefix(count), as: UTF8.self), ends: true)
            #expect(cut.fault == .cutShort && cut.replies.isEmpty)
        }
    }

    @Test("Whether the connection stays open follows version and Connection")
    func keepAlive() {
        func keeps(_ version: String, _ header: String) -> Bool? {
            HTTPReplies("HTTP/\(version) 200 OK\r\n\(header)Content-Length: 0\r\n\r\n").replies.first?.keepsAlive
        }
        #expect(keeps("1.1", "") == true)
        #expect(keeps("1.1", "Connection: close\r\n") == false)
        #expect(keeps("1.1", "Connection: x , CLOSE\r\n") == false)
        #expect(keeps("1.1", "Connection: keep-alive\r\n") == true)
        #expect(keeps("1.0", "") == false)
        #expect(keeps("1.0", "Connection: Keep-Alive\r\n") == true)
        #expect(keeps("1.0", "Connection: keep-alive, close\r\n") == false)
    }

    @Test("Any cut of the bytes gives the same replies")
    func cuts() {
        var random = SplitMix64(seed: 51)
        let text = Self.interim + Self.plain + Self.chunked + Self.noContent + Self.plain + Self.chunked
        let bytes = Array(text.utf8)
        let kinds = [false, false, false, false, false]
        let whole = HTTPReplies(bytes, isHead: kinds)
        #expect(whole.replies.count == 5 && whole.fault == nil && whole.rest == 0)
        for cut in 0...bytes.count { #expect(HTTPReplies(bytes, cuts: [cut], isHead: kinds) == whole, "cut at \(cut)") }
        #expect(HTTPReplies(bytes, cuts: Array(1..<bytes.count), isHead: kinds) == whole)
        for round in 0..<2_000 {
            let cuts = (0..<random.below(12)).map { _ in random.below(bytes.count + 1) }.sorted()
            #expect(HTTPReplies(bytes, cuts: cuts, isHead: kinds) == whole, "round \(round), cuts \(cuts)")
        }
    }

    @Test("Any change of a byte ends in replies or a fault, the same for any cut")
    func mutations() {
        var random = SplitMix64(seed: 52)
        let bytes = Array((Self.interim + Self.chunked + Self.plain).utf8)
        var faults: Set<HTTPFault> = []
        for round in 0..<20_000 {
            var changed = bytes
            for _ in 0...random.below(3) {
                changed[random.below(changed.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            let whole = HTTPReplies(changed, isHead: [false, false], ends: true)
            let cuts = (0..<random.below(6)).map { _ in random.below(bytes.count + 1) }.sorted()
            #expect(HTTPReplies(changed, cuts: cuts, isHead: [false, false], ends: true) == whole, "round \(round)")
            if let fault = whole.fault { faults.insert(fault) }
        }
        #expect(faults.isSuperset(of: [.statusLine, .header, .lineFeed, .chunkSize, .chunkEnd, .cutShort]))
    }

    @Test(
        "Malformed replies are refused, each for its reason",
        arguments: [
            ("FTP/1.1 200 OK\r\n\r\n", HTTPFault.statusLine), ("HTTP/2.0 200 OK\r\n\r\n", .statusLine),
            ("HTTP/1.x 200 OK\r\n\r\n", .statusLine), ("HTTP/1.1 20 OK\r\n\r\n", .statusLine),
            ("HTTP/1.1 2000 OK\r\n\r\n", .statusLine), ("HTTP/1.1  200 OK\r\n\r\n", .statusLine),
            ("HTTP/1.1 099 OK\r\n\r\n", .statusLine), ("\r\n\r\n", .statusLine),
            ("HTTP/1.1 200 O\u{1}K\r\n\r\n", .statusLine), ("HTTP/1.1 200 OK\n\n", .lineFeed),
            ("HTTP/1.1 200 OK\r\nA: b\n\r\n", .lineFeed), ("HTTP/1.1 200 OK\r\nA b\r\n\r\n", .header),
            ("HTTP/1.1 200 OK\r\n: b\r\n\r\n", .header), ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .header),
            ("HTTP/1.1 200 OK\r\nA: b\u{0}\r\n\r\n", .header), ("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", .header),
            ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .foldedHeader),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n", .bodyTooLong),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncoding),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", .transferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", .chunkSize),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", .chunkSize),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 2\r\n", .chunkSize),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000001\r\n", .chunkSize),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", .bodyTooLong),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", .chunkEnd),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\r", .chunkEnd),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n\r\n", .header),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", .upgrade),
        ])
    func garbage(text: String, fault: HTTPFault) {
        let read = HTTPReplies(text)
        #expect(read.fault == fault && read.replies.isEmpty)
        #expect(fault.reason.hasPrefix("malformed reply: "))
    }

    @Test("The same Content-Length twice is one")
    func repeatedLength() {
        let read = HTTPReplies("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok")
        #expect(read.replies == [HTTPReadReply(status: 200, body: "ok", keepsAlive: true)])
    }

    @Test("Each limit lets through what is at it, and no more")
    func limits() {
        var limits = HTTPResponseReader.Limits()
        limits.headBytesMax = 60
        limits.headersMax = 3
        limits.chunkLineMax = 8
        limits.trailerBytesMax = 12
        limits.bodyBytesMax = 10
        limits.interimMax = 2
        func fault(_ text: String, ends: Bool = false) -> HTTPFault? {
            let read = HTTPReplies(text, ends: ends, limits: limits)
            #expect(read.replies.count == (read.fault == nil ? 1 : 0))
            return read.fault
        }
        // 17 + 19 + 2 bytes and a header of 22, or 23.
        let base = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        func filler(_ bytes: Int) -> String { "A: " + String(repeating: "b", count: bytes - 5) + "\r\n" }
        #expect(fault(base + filler(22) + "\r\n") == nil)
        #expect(fault(base + filler(23) + "\r\n") == .headTooLong)
        #expect(fault(base + "A:\r\nB:\r\n\r\n") == nil)
        #expect(fault(base + "A:\r\nB:\r\nC:\r\n\r\n") == .tooManyHeaders)
        let sized = "HTTP/1.1 200 OK\r\nContent-Length: "
        #expect(fault(sized + "10\r\n\r\n0123456789") == nil)
        #expect(fault(sized + "11\r\n\r\n") == .bodyTooLong)
        #expect(fault("HTTP/1.1 200 OK\r\n\r\n0123456789", ends: true) == nil)
        #expect(fault("HTTP/1.1 200 OK\r\n\r\n0123456789x", ends: true) == .bodyTooLong)
        let pieces = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(fault(pieces + "8\r\n01234567\r\n2\r\n89\r\n0\r\n\r\n") == nil)
        #expect(fault(pieces + "8\r\n01234567\r\n3\r\n") == .bodyTooLong)
        #expect(fault(pieces + "1;xyzw\r\na\r\n0\r\n\r\n") == nil)
        #expect(fault(pieces + "1;xyzwv\r\na\r\n0\r\n\r\n") == .chunkSize)
        #expect(fault(pieces + "0\r\nA: bcdef\r\n\r\n") == nil)
        #expect(fault(pieces + "0\r\nA: bcdefg\r\n\r\n") == .trailerTooLong)
        let interim = "HTTP/1.1 103 Hints\r\n\r\n"
        #expect(fault(interim + interim + Self.plain) == nil)
        #expect(fault(interim + interim + interim + Self.plain) == .tooManyInterim)
    }

    @Test("Headers are found whatever their case, the first of several, and only those of the reply itself")
    func headers() {
        var reader = HTTPResponseReader()
        let text =
            "HTTP/1.1 103 Hints\r\nETag: early\r\n\r\nHTTP/1.1 200 OK\r\neTaG:  \"v 1\"\t\r\nETag: second\r\n"
            + "X-Empty:\r\nContent-Length: 0\r\n\r\n"
        reader.begin(isHead: false, keepsBody: false)
        var position = 0
        #expect(reader.read(Array(text.utf8).span, at: &position) == .done)
        func value(_ name: String) -> String? {
            reader.withHeader(Array(name.utf8)) { span in
                String(decoding: (0..<span.count).map { span[$0] }, as: UTF8.self)
            }
        }
        #expect(value("etag") == "\"v 1\"")
        #expect(value("x-empty") == "")
        #expect(value("location") == nil)
        #expect(value("http/1.1 200 ok") == nil)
    }
}
