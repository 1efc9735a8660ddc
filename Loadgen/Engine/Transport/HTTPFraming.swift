/// What the head of a reply says about its end: RFC 9112 sections 6 and 9.
struct HTTPFraming: Sendable {
    /// How long the body is.
    enum Length {
        case fixed(Int)
        case chunked
        case untilEnd
    }

    private var minor: UInt8 = 1
    private var contentLength: Int?
    private var hasTransferEncoding = false
    private var isChunked = false
    private var saysClose = false
    private var saysKeepAlive = false

    /// Whether the connection stays open behind the reply, as far as the head says.
    var keepsAlive: Bool { saysClose ? false : minor > 0 || saysKeepAlive }

    /// The length of a body that is there.
    func length() throws(HTTPFault) -> Length {
        if hasTransferEncoding {
            guard contentLength == nil, minor > 0 else { throw .transferEncoding }
            return isChunked ? .chunked : .untilEnd
        }
        return contentLength.map { .fixed($0) } ?? .untilEnd
    }

    /// `HTTP/1.1 200 OK`: the status. The phrase may be missing, even with its space.
    mutating func readStatusLine(_ line: Span<UInt8>) throws(HTTPFault) -> Int {
        guard line.count >= 12, HTTPText.hasPrefix(line, "HTTP/1."), line[8] == UInt8(ascii: " "),
            line.count == 12 || line[12] == UInt8(ascii: " ")
        else { throw .statusLine }
        let digit = line[7] &- UInt8(ascii: "0")
        guard digit <= 9 else { throw .statusLine }
        minor = digit
        var status = 0
        for index in 9..<12 {
            let digit = line[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { throw .statusLine }
            status = status * 10 + Int(digit)
        }
        guard status >= 100 else { throw .statusLine }
        for index in 12..<line.count where HTTPText.isControl(line[index]) { throw .statusLine }
        return status
    }

    /// Notes what a header line says.
    mutating func readHeader(_ line: Span<UInt8>) throws(HTTPFault) {
        let parts = try HTTPText.header(line)
        let value = line.extracting(parts.value)
        switch parts.name.count {
        case 10 where HTTPText.isEqual(line.extracting(parts.name), "connection"): readConnection(value)
        case 14 where HTTPText.isEqual(line.extracting(parts.name), "content-length"): try readContentLength(value)
        case 17 where HTTPText.isEqual(line.extracting(parts.name), "transfer-encoding"):
            try readTransferEncoding(value)
        default: break
        }
    }

    private mutating func readConnection(_ value: Span<UInt8>) {
        HTTPText.forEachMember(value) { member in
            if HTTPText.isEqual(member, "close") { saysClose = true }
            if HTTPText.isEqual(member, "keep-alive") { saysKeepAlive = true }
        }
    }

    /// One number, or the same number several times (RFC 9110 section 8.6).
    private mutating func readContentLength(_ value: Span<UInt8>) throws(HTTPFault) {
        var (isValid, found) = (true, contentLength)
        HTTPText.forEachMember(value) { member in
            var number = 0
            // 18 digits fit into 63 bits.
            if member.isEmpty || member.count > 18 { isValid = false }
            for index in 0..<min(member.count, 18) {
                let digit = member[index] &- UInt8(ascii: "0")
                if digit > 9 { isValid = false }
                number = number * 10 + Int(min(digit, 9))
            }
            if let found, found != number { isValid = false }
            found = number
        }
        guard isValid, found != nil else { throw .contentLength }
        contentLength = found
    }

    /// A list of codings, over all lines, in which `chunked` may only be the last.
    private mutating func readTransferEncoding(_ value: Span<UInt8>) throws(HTTPFault) {
        hasTransferEncoding = true
        var isValid = true
        HTTPText.forEachMember(value) { member in
            if isChunked || member.isEmpty { isValid = false }
            if HTTPText.isEqual(member, "chunked") { isChunked = true }
        }
        guard isValid else { throw .transferEncoding }
    }
}

/// The small grammar of HTTP (RFC 9110 section 5).
enum HTTPText {
    static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

    /// Bytes that no field may hold: all controls but the tab.
    static func isControl(_ byte: UInt8) -> Bool { (byte < 32 && byte != 9) || byte == 127 }

    /// `!#$%&'*+-.^_`|~`, digits and letters.
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case 33, 35...39, 42, 43, 45, 46, 94, 95, 96, 124, 126: true
        default: false
        }
    }

    static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 55
        default: nil
        }
    }

    static func hasPrefix(_ text: Span<UInt8>, _ prefix: StaticString) -> Bool {
        text.count >= prefix.utf8CodeUnitCount
            && isEqual(text.extracting(0..<prefix.utf8CodeUnitCount), prefix, mask: 0)
    }

    /// Whether a text is `name` (lower case), letters compared without their case.
    static func isEqual(_ text: Span<UInt8>, _ name: StaticString, mask: UInt8 = 0x20) -> Bool {
        guard text.count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { name in
            for index in 0..<text.count where unsafe !isSame(text[index], name[index], mask) { return false }
            return true
        }
    }

    /// Whether a text is `name` (lower case), letters compared without their case.
    static func isEqual(_ text: Span<UInt8>, _ name: [UInt8]) -> Bool {
        guard text.count == name.count else { return false }
        for index in 0..<text.count where !isSame(text[index], name[index], 0x20) { return false }
        return true
    }

    private static func isSame(_ byte: UInt8, _ lower: UInt8, _ mask: UInt8) -> Bool {
        if byte == lower { return true }
        return byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") && byte | mask == lower
    }

    /// Name and value of a header line, the value without blanks around it.
    static func header(_ line: Span<UInt8>) throws(HTTPFault) -> (name: Range<Int>, value: Range<Int>) {
        var colon = 0
        while colon < line.count, isToken(line[colon]) { colon += 1 }
        guard colon > 0 else { throw line.count > 0 && isBlank(line[0]) ? .foldedHeader : .header }
        guard colon < line.count, line[colon] == UInt8(ascii: ":") else { throw .header }
        var (start, end) = (colon + 1, line.count)
        while start < end, isBlank(line[start]) { start += 1 }
        while end > start, isBlank(line[end - 1]) { end -= 1 }
        for index in start..<end where isControl(line[index]) { throw .header }
        return (0..<colon, start..<end)
    }

    /// Calls `body` with each member of a comma-separated list, without blanks around it.
    static func forEachMember(_ value: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
        var start = 0
        while start <= value.count {
            var comma = start
            while comma < value.count, value[comma] != UInt8(ascii: ",") { comma += 1 }
            var (low, high) = (start, comma)
            while low < high, isBlank(value[low]) { low += 1 }
            while high > low, isBlank(value[high - 1]) { high -= 1 }
            body(value.extracting(low..<high))
            start = comma + 1
        }
    }
}
