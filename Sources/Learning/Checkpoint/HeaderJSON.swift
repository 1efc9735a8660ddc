/// A value of the JSON that a safetensors header is made of; members keep their order.
enum HeaderJSON {
    case object([(key: String, value: HeaderJSON)])
    case array([HeaderJSON])
    case string(String)
    case integer(Int)

    /// The value that `bytes` hold, with white space around it and nothing else.
    ///
    /// Fractions, booleans and null do not occur in headers and are refused, as are nesting beyond four levels and a
    /// key given twice.
    static func parse(_ bytes: Span<UInt8>) throws(LearningError) -> HeaderJSON {
        var position = 0
        let value = try value(bytes, &position, depth: 0)
        skipSpace(bytes, &position)
        if position < bytes.count { throw fault("text after the object", position) }
        return value
    }

    private static func fault(_ what: String, _ position: Int) -> LearningError {
        LearningError(.malformed, "safetensors header: \(what) at byte \(position)")
    }

    private static func skipSpace(_ bytes: Span<UInt8>, _ position: inout Int) {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private static func peek(_ bytes: Span<UInt8>, _ position: inout Int) throws(LearningError) -> UInt8 {
        skipSpace(bytes, &position)
        guard position < bytes.count else { throw fault("the text ends early", position) }
        return bytes[position]
    }

    private static func expect(
        _ byte: UInt8, _ bytes: Span<UInt8>, _ position: inout Int
    ) throws(LearningError) {
        guard try peek(bytes, &position) == byte else {
            throw fault("expected '\(Character(UnicodeScalar(byte)))'", position)
        }
        position += 1
    }

    private static func value(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(LearningError) -> HeaderJSON {
        if depth > 4 { throw fault("nesting too deep", position) }
        switch try peek(bytes, &position) {
        case UInt8(ascii: "{"): return try object(bytes, &position, depth: depth)
        case UInt8(ascii: "["): return try array(bytes, &position, depth: depth)
        case UInt8(ascii: "\""): return .string(try string(bytes, &position))
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try integer(bytes, &position))
        default: throw fault("a value that headers do not have", position)
        }
    }

    private static func object(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(LearningError) -> HeaderJSON {
        try expect(UInt8(ascii: "{"), bytes, &position)
        var members: [(key: String, value: HeaderJSON)] = []
        var keys: Set<String> = []
        if try peek(bytes, &position) == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            _ = try peek(bytes, &position)
            let start = position
            let key = try string(bytes, &position)
            guard keys.insert(key).inserted else { throw fault("key '\(key)' given twice", start) }
            try expect(UInt8(ascii: ":"), bytes, &position)
            members.append((key, try value(bytes, &position, depth: depth + 1)))
            guard try peek(bytes, &position) == UInt8(ascii: ",") else { break }
            position += 1
        }
        try expect(UInt8(ascii: "}"), bytes, &position)
        return .object(members)
    }

    private static func array(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(LearningError) -> HeaderJSON {
        try expect(UInt8(ascii: "["), bytes, &position)
        var elements: [HeaderJSON] = []
        if try peek(bytes, &position) == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(bytes, &position, depth: depth + 1))
            guard try peek(bytes, &position) == UInt8(ascii: ",") else { break }
            position += 1
        }
        try expect(UInt8(ascii: "]"), bytes, &position)
        return .array(elements)
    }

    private static func integer(_ bytes: Span<UInt8>, _ position: inout Int) throws(LearningError) -> Int {
        var number = 0
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(bytes[position]) - 0x30)
            guard !overflow, !carry else { throw fault("a number beyond 64 bits", start) }
            number = sum
            position += 1
        }
        if position < bytes.count, [0x2E, 0x45, 0x65].contains(bytes[position]) {
            throw fault("a number that is no integer", start)
        }
        return number
    }

    private static func string(_ bytes: Span<UInt8>, _ position: inout Int) throws(LearningError) -> String {
        try expect(UInt8(ascii: "\""), bytes, &position)
        let start = position
        var units: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "\\") {
                units += try escape(bytes, &position)
            } else {
                units.append(bytes[position])
                position += 1
            }
        }
        try expect(UInt8(ascii: "\""), bytes, &position)
        guard let text = String(validating: units, as: UTF8.self) else { throw fault("text that is not UTF-8", start) }
        return text
    }

    /// The UTF-8 of the escape sequence at `position`.
    private static func escape(_ bytes: Span<UInt8>, _ position: inout Int) throws(LearningError) -> [UInt8] {
        let start = position
        guard position + 1 < bytes.count else { throw fault("the text ends early", position) }
        let letter = bytes[position + 1]
        position += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "u"): break
        default: throw fault("an unknown escape", start)
        }
        var units = [try codeUnit(bytes, &position, start)]
        if units[0] & 0xFC00 == 0xD800, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            units.append(try codeUnit(bytes, &position, start))
        }
        guard let text = String(validating: units, as: UTF16.self) else { throw fault("a lone surrogate", start) }
        return Array(text.utf8)
    }

    private static func codeUnit(
        _ bytes: Span<UInt8>, _ position: inout Int, _ start: Int
    ) throws(LearningError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard position < bytes.count,
                let digit = Character(UnicodeScalar(bytes[position])).hexDigitValue
            else { throw fault("an escape without four digits", start) }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    /// `text` between quotes, escaped.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
