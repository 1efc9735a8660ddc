/// A text that is not JSON (RFC 8259), or beyond the limits.
struct JSONSyntaxError: Error, Equatable {
    /// From 1.
    var line: Int
    /// Bytes, from 1.
    var column: Int
    var expected: String
}

/// Reads JSON strictly: one value, nothing behind it, no duplicate keys, no number that a `Double` cannot hold.
///
/// Limits: 256 MiB, 32 levels. Linear in the length of the text; numbers become `Double`s.
struct JSONParser {
    static let bytesMax = 256 << 20
    static let depthMax = 32
    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0

    static func parse(_ text: String) throws(JSONSyntaxError) -> JSONValue {
        var parser = JSONParser(bytes: Array(text.utf8))
        guard parser.bytes.count <= bytesMax else { throw parser.failure("at most 256 MiB") }
        let value = try parser.value()
        parser.skipSpaces()
        guard parser.at == parser.bytes.count else { throw parser.failure("the end") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func value() throws(JSONSyntaxError) -> JSONValue {
        skipSpaces()
        switch peek {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONSyntaxError) in try parser.object() }
        case UInt8(ascii: "["): return try nested { parser throws(JSONSyntaxError) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-")?, (48...57)?: return .number(try number())
        default:
            for (word, value) in [("true", JSONValue.bool(true)), ("false", .bool(false)), ("null", .null)]
            where bytes[at...].starts(with: word.utf8) {
                at += word.utf8.count
                return value
            }
            throw failure("a value")
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONSyntaxError) -> JSONValue
    ) throws(JSONSyntaxError) -> JSONValue {
        guard depth < Self.depthMax else { throw failure("at most \(Self.depthMax) levels") }
        depth += 1
        at += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(JSONSyntaxError) -> JSONValue {
        var fields: [(String, JSONValue)] = []
        var seen: Set<String> = []
        skipSpaces()
        if take("}") { return .object([]) }
        repeat {
            skipSpaces()
            guard peek == UInt8(ascii: "\"") else { throw failure("a key") }
            let key = try string()
            guard seen.insert(key).inserted else { throw failure("a key that was not there before") }
            skipSpaces()
            guard take(":") else { throw failure(":") }
            fields.append((key, try value()))
            skipSpaces()
        } while take(",")
        guard take("}") else { throw failure(", or }") }
        return .object(fields)
    }

    private mutating func array() throws(JSONSyntaxError) -> JSONValue {
        var values: [JSONValue] = []
        skipSpaces()
        if take("]") { return .array([]) }
        repeat {
            values.append(try value())
            skipSpaces()
        } while take(",")
        guard take("]") else { throw failure(", or ]") }
        return .array(values)
    }

    private mutating func number() throws(JSONSyntaxError) -> Double {
        let start = at
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        guard let value = Double(String(decoding: bytes[start..<at], as: UTF8.self)), value.isFinite else {
            throw failure("a number in range")
        }
        return value
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = at
        while let byte = peek, (48...57).contains(byte) { at += 1 }
        guard at > start else { throw failure("a digit") }
    }

    // MARK: Strings

    private mutating func string() throws(JSONSyntaxError) -> String {
        at += 1
        var out: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(&out)
            case 0..<0x20: throw failure("no control character in a string")
            default: out.append(byte)
            }
        }
        throw failure("the end of the string")
    }

    private mutating func escape(_ out: inout [UInt8]) throws(JSONSyntaxError) {
        guard let byte = peek else { throw failure("an escape") }
        at += 1
        let plain: [UInt8: UInt8] = [
            UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F, UInt8(ascii: "b"): 8,
            UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
        ]
        if let meant = plain[byte] { return out.append(meant) }
        guard byte == UInt8(ascii: "u") else { throw failure("an escape") }
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code) {
            guard take("\\"), take("u") else { throw failure("the second half of a surrogate pair") }
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw failure("the second half of a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("a character") }
        out += Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
        guard at + 4 <= bytes.count, bytes[at..<at + 4].allSatisfy({ Self.isHexadecimal($0) }),
            let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits") }
        at += 4
        return code
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
    }

    // MARK: Bytes

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard let byte = peek, byte == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func skipSpaces() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private func failure(_ expected: String) -> JSONSyntaxError {
        let before = bytes[..<min(at, bytes.count)]
        let line = before.count { $0 == 0x0A } + 1
        let begin = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return JSONSyntaxError(line: line, column: before.count - begin + 1, expected: expected)
    }
}
