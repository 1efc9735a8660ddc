/// One value of a JSON text (RFC 8259), read strictly and within limits: no duplicates are looked for, nothing may
/// follow the value, strings must be UTF-8, and nesting ends at `depthMax`.
package enum SpanJSON {
    case null
    case bool(Bool)
    /// As it was written.
    case number(String)
    case string(String)
    case array([SpanJSON])
    case object([(key: String, value: SpanJSON)])

    /// Deepest nesting; OTLP needs eleven.
    package static let depthMax = 64

    /// The text is no JSON; says where.
    package struct Malformed: Error {
        package var offset: Int
    }

    /// The value of the first field of that name.
    package subscript(key: String) -> SpanJSON? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.key == key }?.value
    }

    package var elements: [SpanJSON] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    package var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// A whole number, given as a number or, as 64-bit numbers are in protobuf's JSON, as a string.
    package var integer: Int64? {
        switch self {
        case .number(let text), .string(let text): Int64(text)
        default: nil
        }
    }

    package static func parse(_ text: Span<UInt8>) throws(Malformed) -> SpanJSON {
        var position = 0
        let value = try value(text, &position, depth: 0)
        skipBlanks(text, &position)
        guard position == text.count else { throw Malformed(offset: position) }
        return value
    }

    private static func skipBlanks(_ text: Span<UInt8>, _ position: inout Int) {
        while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
    }

    private static func take(_ byte: Unicode.Scalar, _ text: Span<UInt8>, _ position: inout Int) -> Bool {
        skipBlanks(text, &position)
        guard position < text.count, text[position] == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    private static func value(
        _ text: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(Malformed) -> SpanJSON {
        skipBlanks(text, &position)
        guard position < text.count, depth < depthMax else { throw Malformed(offset: position) }
        switch text[position] {
        case UInt8(ascii: "{"): return try object(text, &position, depth: depth)
        case UInt8(ascii: "["): return try array(text, &position, depth: depth)
        case UInt8(ascii: "\""): return .string(try string(text, &position))
        case UInt8(ascii: "t"): return try word("true", .bool(true), text, &position)
        case UInt8(ascii: "f"): return try word("false", .bool(false), text, &position)
        case UInt8(ascii: "n"): return try word("null", .null, text, &position)
        default: return try number(text, &position)
        }
    }

    private static func object(
        _ text: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(Malformed) -> SpanJSON {
        position += 1
        var fields: [(key: String, value: SpanJSON)] = []
        if take("}", text, &position) { return .object(fields) }
        repeat {
            skipBlanks(text, &position)
            guard position < text.count, text[position] == UInt8(ascii: "\"") else {
                throw Malformed(offset: position)
            }
            let key = try string(text, &position)
            guard take(":", text, &position) else { throw Malformed(offset: position) }
            fields.append((key, try value(text, &position, depth: depth + 1)))
        } while take(",", text, &position)
        guard take("}", text, &position) else { throw Malformed(offset: position) }
        return .object(fields)
    }

    private static func array(
        _ text: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(Malformed) -> SpanJSON {
        position += 1
        var elements: [SpanJSON] = []
        if take("]", text, &position) { return .array(elements) }
        repeat { elements.append(try value(text, &position, depth: depth + 1)) } while take(",", text, &position)
        guard take("]", text, &position) else { throw Malformed(offset: position) }
        return .array(elements)
    }

    private static func word(
        _ word: StaticString, _ value: SpanJSON, _ text: Span<UInt8>, _ position: inout Int
    ) throws(Malformed) -> SpanJSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < text.count, unsafe text[position] == word.utf8Start[index] else {
                throw Malformed(offset: position)
            }
            position += 1
        }
        return value
    }

    private static func number(_ text: Span<UInt8>, _ position: inout Int) throws(Malformed) -> SpanJSON {
        let start = position
        func digits() -> Int {
            let first = position
            while position < text.count, text[position] >= 0x30, text[position] <= 0x39 { position += 1 }
            return position - first
        }
        func at(_ bytes: String) -> Bool { position < text.count && bytes.utf8.contains(text[position]) }
        if at("-") { position += 1 }
        let startsWithZero = at("0")
        let whole = digits()
        guard whole == 1 || (whole > 1 && !startsWithZero) else { throw Malformed(offset: start) }
        if at(".") {
            position += 1
            guard digits() > 0 else { throw Malformed(offset: position) }
        }
        if at("eE") {
            position += 1
            if at("+-") { position += 1 }
            guard digits() > 0 else { throw Malformed(offset: position) }
        }
        return .number(String(decoding: bytes(text, start..<position), as: UTF8.self))
    }

    private static func bytes(_ text: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for index in range { bytes.append(text[index]) }
        return bytes
    }

    /// The string whose opening quote is at `position`.
    private static func string(_ text: Span<UInt8>, _ position: inout Int) throws(Malformed) -> String {
        let start = position + 1
        var end = start
        while end < text.count, text[end] != UInt8(ascii: "\""), text[end] != UInt8(ascii: "\\"), text[end] >= 0x20 {
            end += 1
        }
        var out = bytes(text, start..<end)
        position = end
        while position < text.count, text[position] != UInt8(ascii: "\"") {
            if text[position] == UInt8(ascii: "\\") {
                out.append(contentsOf: String(try escape(text, &position)).utf8)
            } else {
                guard text[position] >= 0x20 else { throw Malformed(offset: position) }
                out.append(text[position])
                position += 1
            }
        }
        guard position < text.count, let string = String(validating: out, as: UTF8.self) else {
            throw Malformed(offset: start)
        }
        position += 1
        return string
    }

    private static func escape(
        _ text: Span<UInt8>, _ position: inout Int
    ) throws(Malformed) -> Unicode.Scalar {
        let start = position
        guard position + 1 < text.count else { throw Malformed(offset: start) }
        let kind = text[position + 1]
        position += 2
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(kind)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw Malformed(offset: start)
        }
        let unit = try codeUnit(text, &position)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        // The first half of a pair: the second must follow.
        guard unit < 0xDC00, position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
            text[position + 1] == UInt8(ascii: "u")
        else { throw Malformed(offset: start) }
        position += 2
        let low = try codeUnit(text, &position)
        guard low >= 0xDC00, low < 0xE000,
            let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
        else { throw Malformed(offset: start) }
        return scalar
    }

    /// Four hexadecimal digits.
    private static func codeUnit(_ text: Span<UInt8>, _ position: inout Int) throws(Malformed) -> UInt16 {
        guard position + 4 <= text.count,
            let unit = SpanFile.hex(bytes(text, position..<(position + 4)), digits: 4)
        else { throw Malformed(offset: position) }
        position += 4
        return UInt16(truncatingIfNeeded: unit)
    }
}
