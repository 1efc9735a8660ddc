internal import Glibc

/// Reads HTTP/1.1 replies (RFC 9112), however their bytes are cut into pieces.
///
/// `begin` for each reply, then `read` until `.done`; what is left of the input belongs to the next reply. A head is
/// kept until the next `begin`, a body where asked for. Strict where tolerance would hide a broken server: bare line
/// feeds, folded headers, two kinds of length and control characters are faults. Without garbage no allocation once the
/// buffers have grown.
package struct HTTPResponseReader: Sendable {
    /// What a reply may not exceed.
    package struct Limits: Sendable {
        /// Status line and headers with their line ends, of each 1xx reply and of the reply itself.
        package var headBytesMax = 65_536
        /// Header lines.
        package var headersMax = 256
        /// Line with a chunk's size and its extensions, line end included.
        package var chunkLineMax = 1_024
        /// Trailer lines with their line ends.
        package var trailerBytesMax = 16_384
        /// Body, without the framing of chunks.
        package var bodyBytesMax = 16 << 20
        /// 1xx replies before the reply.
        package var interimMax = 8

        /// The defaults.
        package init() {}
    }

    /// How far `read` got.
    package enum Progress: Equatable, Sendable {
        /// The input is used up.
        case more
        /// The reply is complete; `begin` before the next `read`.
        case done
        /// The reply makes no sense.
        case failed(HTTPFault)
    }

    private enum State {
        case statusLine, headers
        /// A body of which so many bytes are missing.
        case fixed(Int)
        /// A body that ends with the connection.
        case untilEnd
        case chunkSize
        /// A chunk of which so many bytes are missing.
        case chunk(Int)
        /// Behind a chunk; whether its CR was seen.
        case chunkEnd(Bool)
        case trailers
        case done
    }

    package let limits: Limits
    /// Of the reply, 200...999.
    package private(set) var status = 0
    /// The body, where it is kept.
    package private(set) var body: [UInt8] = []
    /// Length of the body so far.
    package private(set) var bodyBytes = 0
    /// Whether another reply may follow on this connection.
    package private(set) var keepsAlive = false
    /// Whether `begin` must come next.
    package var isDone: Bool { if case .done = state { true } else { false } }

    private var state = State.done
    /// The lines of the head, or the chunk or trailer line being read.
    private var head: [UInt8] = []
    private var line: [UInt8] = []
    private var lineStart = 0
    private var framing = HTTPFraming()
    private var headers = 0
    private var interim = 0
    private var trailerBytes = 0
    private var isHead = false
    private var keepsBody = false

    /// A reader that waits for `begin`.
    package init(_ limits: Limits = Limits()) { self.limits = limits }

    /// The next reply answers a request of that kind.
    package mutating func begin(isHead: Bool, keepsBody: Bool) {
        self.isHead = isHead
        self.keepsBody = keepsBody
        body.removeAll(keepingCapacity: true)
        bodyBytes = 0
        interim = 0
        trailerBytes = 0
        beginHead()
    }

    private mutating func beginHead() {
        head.removeAll(keepingCapacity: true)
        lineStart = 0
        headers = 0
        framing = HTTPFraming()
        keepsAlive = false
        state = .statusLine
    }

    /// Uses up input from `position` on, at most to the end of the reply.
    package mutating func read(_ input: Span<UInt8>, at position: inout Int) -> Progress {
        while true {
            do throws(HTTPFault) {
                if case .done = state { return .done }
                guard position < input.count else { return .more }
                try step(input, &position)
            } catch {
                state = .done
                keepsAlive = false
                return .failed(error)
            }
        }
    }

    /// The connection has ended in order: the end of a body without a length, else a reply cut short.
    package mutating func end() -> Progress {
        defer { state = .done }
        if case .untilEnd = state { return .done }
        if case .done = state { return .done }
        keepsAlive = false
        return .failed(.cutShort)
    }

    private mutating func step(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPFault) {
        switch state {
        case .statusLine, .headers: try readHead(input, &position)
        case .fixed(let rest):
            let count = try take(input, &position, atMost: rest)
            state = count == rest ? .done : .fixed(rest - count)
        case .untilEnd: _ = try take(input, &position, atMost: .max)
        case .chunkSize: try readChunkSize(input, &position)
        case .chunk(let rest):
            let count = try take(input, &position, atMost: rest)
            state = count == rest ? .chunkEnd(false) : .chunk(rest - count)
        case .chunkEnd(let hasReturn):
            guard input[position] == (hasReturn ? 10 : 13) else { throw .chunkEnd }
            position += 1
            state = hasReturn ? .chunkSize : .chunkEnd(true)
        case .trailers: try readTrailer(input, &position)
        case .done: break
        }
    }

    // MARK: Lines

    /// Moves bytes up to a line feed into `store`; whether it was there. At most `room` bytes.
    private static func takeLine(
        _ input: Span<UInt8>, _ position: inout Int, into store: inout [UInt8], room: Int, _ fault: HTTPFault
    ) throws(HTTPFault) -> Bool {
        let start = position
        let found = unsafe input.withUnsafeBytes { bytes in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
            let end = unsafe rest.baseAddress.flatMap { unsafe memchr($0, 10, rest.count) }
            let whole = unsafe end.flatMap { end in
                unsafe rest.baseAddress.map { unsafe UnsafeRawPointer(end) - $0 + 1 }
            }
            let taken = whole ?? rest.count
            if taken <= room { unsafe store.append(contentsOf: rest[..<taken]) }
            return (count: taken, isWhole: whole != nil)
        }
        guard found.count <= room else { throw fault }
        position += found.count
        return found.isWhole
    }

    /// The bytes of a whole line without CR LF.
    private static func content(_ store: [UInt8], from start: Int) throws(HTTPFault) -> Range<Int> {
        let end = store.count - 2
        guard end >= start, store[end] == 13 else { throw .lineFeed }
        return start..<end
    }

    // MARK: Head

    private mutating func readHead(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPFault) {
        let room = limits.headBytesMax - head.count
        guard try Self.takeLine(input, &position, into: &head, room: room, .headTooLong) else { return }
        let range = try Self.content(head, from: lineStart)
        lineStart = head.count
        if case .statusLine = state {
            var begun = HTTPFraming()
            status = try begun.readStatusLine(head.span.extracting(range))
            framing = begun
            state = .headers
            return
        }
        guard !range.isEmpty else { return try endHead() }
        headers += 1
        guard headers <= limits.headersMax else { throw .tooManyHeaders }
        var known = framing
        try known.readHeader(head.span.extracting(range))
        framing = known
    }

    private mutating func endHead() throws(HTTPFault) {
        guard status >= 200 else {
            guard status != 101 else { throw .upgrade }
            interim += 1
            guard interim <= limits.interimMax else { throw .tooManyInterim }
            return beginHead()
        }
        keepsAlive = framing.keepsAlive
        guard !isHead, status != 204, status != 304 else {
            state = .done
            return
        }
        switch try framing.length() {
        case .fixed(let length):
            guard length <= limits.bodyBytesMax else { throw .bodyTooLong }
            state = length == 0 ? .done : .fixed(length)
        case .chunked: state = .chunkSize
        case .untilEnd:
            keepsAlive = false
            state = .untilEnd
        }
    }

    // MARK: Body

    /// Takes body bytes; gives how many.
    private mutating func take(
        _ input: Span<UInt8>, _ position: inout Int, atMost most: Int
    ) throws(HTTPFault) -> Int {
        let count = min(input.count - position, most)
        guard count <= limits.bodyBytesMax - bodyBytes else { throw .bodyTooLong }
        if keepsBody {
            let piece = input.extracting(position..<(position + count))
            unsafe piece.withUnsafeBufferPointer { unsafe body.append(contentsOf: $0) }
        }
        bodyBytes += count
        position += count
        return count
    }

    private mutating func readChunkSize(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPFault) {
        let room = limits.chunkLineMax - line.count
        guard try Self.takeLine(input, &position, into: &line, room: room, .chunkSize) else { return }
        let range = try Self.content(line, from: 0)
        let size = try Self.chunkSize(line.span.extracting(range))
        line.removeAll(keepingCapacity: true)
        guard size <= limits.bodyBytesMax - bodyBytes else { throw .bodyTooLong }
        state = size == 0 ? .trailers : .chunk(size)
    }

    /// `1a`, `1a;name=value` or `1a ;name`: the number.
    private static func chunkSize(_ text: Span<UInt8>) throws(HTTPFault) -> Int {
        var (value, index) = (0, 0)
        while index < text.count, let digit = HTTPText.hexDigit(text[index]) {
            guard index < 15 else { throw .chunkSize }
            value = value << 4 | digit
            index += 1
        }
        guard index > 0 else { throw .chunkSize }
        while index < text.count, HTTPText.isBlank(text[index]) { index += 1 }
        guard index == text.count || text[index] == UInt8(ascii: ";") else { throw .chunkSize }
        return value
    }

    private mutating func readTrailer(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPFault) {
        let room = limits.trailerBytesMax - trailerBytes - line.count
        guard try Self.takeLine(input, &position, into: &line, room: room, .trailerTooLong) else { return }
        let range = try Self.content(line, from: 0)
        trailerBytes += line.count
        if range.isEmpty { state = .done } else { _ = try HTTPText.header(line.span.extracting(range)) }
        line.removeAll(keepingCapacity: true)
    }

    // MARK: Headers

    /// Calls `body` with the first value of a header, by its name in lower case; nil where the head lacks it.
    package func withHeader<R>(_ name: [UInt8], _ body: (Span<UInt8>) -> R) -> R? {
        let text = head.span
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != 10 { end += 1 }
            let line = text.extracting(start..<max(start, end - 1))
            if let parts = try? HTTPText.header(line), HTTPText.isEqual(line.extracting(parts.name), name) {
                return body(line.extracting(parts.value))
            }
            start = end + 1
        }
        return nil
    }
}
