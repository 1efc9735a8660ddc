/// A value inside a JSON text (RFC 8259), found in one pass without a tree.
///
/// What lies beside the path is skipped: strings and brackets of it are checked, no more. Of keys that are there twice
/// the first counts.
package struct HTTPJSONPath: Sendable {
    /// Brackets inside each other at most.
    package static let depthMax = 512

    /// What came of it.
    package enum Found: Equatable, Sendable {
        /// The value: a string's characters, or a number, `true` or `false` as written.
        case value
        /// Nothing there, `null`, or an object or array.
        case missing
        /// Not JSON, as far as it was read.
        case malformed
        /// Longer than the room.
        case tooLong
    }

    private let steps: [(key: [UInt8], index: Int?)]

    /// A path of keys, and of indices in arrays.
    package init(_ path: [String]) {
        steps = path.map { (Array($0.utf8), Int($0).flatMap { $0 >= 0 ? $0 : nil }) }
    }

    /// `$.order.id` or `$[0].id`.
    package var description: String {
        steps.reduce(into: "$") { text, step in
            let key = String(decoding: step.key, as: UTF8.self)
            text += step.index == nil ? ".\(key)" : "[\(key)]"
        }
    }

    /// Looks the value up and puts it into `value`, at most `room` bytes.
    package func find(in text: Span<UInt8>, into value: inout [UInt8], room: Int) -> Found {
        value.removeAll(keepingCapacity: true)
        var position = 0
        for step in steps {
            Self.skipBlanks(text, &position)
            guard position < text.count else { return .malformed }
            let isEntered: Found
            switch text[position] {
            case UInt8(ascii: "{"): isEntered = Self.enterObject(text, &position, step.key)
            case UInt8(ascii: "["):
                guard let index = step.index else { return .missing }
                isEntered = Self.enterArray(text, &position, index)
            default: return Self.skipValue(text, &position) ? .missing : .malformed
            }
            guard isEntered == .value else { return isEntered }
        }
        return Self.readScalar(text, &position, &value, room)
    }

    // MARK: The way in

    /// Goes to the value of a key.
    private static func enterObject(_ text: Span<UInt8>, _ position: inout Int, _ key: [UInt8]) -> Found {
        position += 1
        skipBlanks(text, &position)
        if position < text.count, text[position] == UInt8(ascii: "}") { return .missing }
        while true {
            var (matched, isSame) = (0, true)
            skipBlanks(text, &position)
            let isString = readString(text, &position) { byte in
                isSame = isSame && matched < key.count && key[matched] == byte
                matched += 1
            }
            guard isString else { return .malformed }
            skipBlanks(text, &position)
            guard position < text.count, text[position] == UInt8(ascii: ":") else { return .malformed }
            position += 1
            if isSame, matched == key.count { return .value }
            guard skipValue(text, &position) else { return .malformed }
            guard let hasMore = next(text, &position, end: UInt8(ascii: "}")) else { return .malformed }
            if !hasMore { return .missing }
        }
    }

    /// Goes to the value of an index.
    private static func enterArray(_ text: Span<UInt8>, _ position: inout Int, _ index: Int) -> Found {
        position += 1
        skipBlanks(text, &position)
        if position < text.count, text[position] == UInt8(ascii: "]") { return .missing }
        var rest = index
        while rest > 0 {
            guard skipValue(text, &position),
                let hasMore = next(text, &position, end: UInt8(ascii: "]"))
            else { return .malformed }
            if !hasMore { return .missing }
            rest -= 1
        }
        return .value
    }

    /// Behind a member: true at a comma, which is passed, false at the end, nil at anything else.
    private static func next(_ text: Span<UInt8>, _ position: inout Int, end: UInt8) -> Bool? {
        skipBlanks(text, &position)
        guard position < text.count else { return nil }
        if text[position] == end { return false }
        guard text[position] == UInt8(ascii: ",") else { return nil }
        position += 1
        return true
    }

    // MARK: Values

    private static func readScalar(
        _ text: Span<UInt8>, _ position: inout Int, _ value: inout [UInt8], _ room: Int
    ) -> Found {
        skipBlanks(text, &position)
        guard position < text.count else { return .malformed }
        switch text[position] {
        case UInt8(ascii: "\""):
            var length = 0
            let isString = readString(text, &position) { byte in
                length += 1
                if length <= room { value.append(byte) }
            }
            return !isString ? .malformed : length > room ? .tooLong : .value
        case UInt8(ascii: "{"), UInt8(ascii: "["): return skipValue(text, &position) ? .missing : .malformed
        default:
            let start = position
            guard skipWord(text, &position) else { return .malformed }
            let word = text.extracting(start..<position)
            if HTTPText.isEqual(word, "null", mask: 0) { return .missing }
            guard word.count <= room else { return .tooLong }
            for index in 0..<word.count { value.append(word[index]) }
            return .value
        }
    }

    /// Passes a value of any kind; false where it is none.
    private static func skipValue(_ text: Span<UInt8>, _ position: inout Int) -> Bool {
        var depth = 0
        repeat {
            skipBlanks(text, &position)
            guard position < text.count else { return false }
            switch text[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                guard depth <= depthMax else { return false }
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { return false }
                position += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { return false }
                position += 1
            case UInt8(ascii: "\""): guard readString(text, &position, { _ in }) else { return false }
            default: guard skipWord(text, &position) else { return false }
            }
        } while depth > 0
        return true
    }

    /// Passes a number, `true`, `false` or `null`.
    private static func skipWord(_ text: Span<UInt8>, _ position: inout Int) -> Bool {
        let start = position
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
                UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                position += 1
            default: return isWord(text.extracting(start..<position))
            }
        }
        return isWord(text.extracting(start..<position))
    }

    private static func isWord(_ word: Span<UInt8>) -> Bool {
        guard word.count > 0 else { return false }
        if word[0] == UInt8(ascii: "-") || word[0] <= UInt8(ascii: "9") {
            return word[word.count - 1] <= UInt8(ascii: "9") && word[0] >= UInt8(ascii: "-") && word[0] != 46
        }
        return HTTPText.isEqual(word, "true", mask: 0) || HTTPText.isEqual(word, "false", mask: 0)
            || HTTPText.isEqual(word, "null", mask: 0)
    }

    private static func skipBlanks(_ text: Span<UInt8>, _ position: inout Int) {
        while position < text.count, HTTPText.isBlank(text[position]) || text[position] == 10 || text[position] == 13 {
            position += 1
        }
    }

    // MARK: Strings

    /// Passes a string and gives its characters as UTF-8; false where it is none.
    private static func readString(_ text: Span<UInt8>, _ position: inout Int, _ emit: (UInt8) -> Void) -> Bool {
        guard position < text.count, text[position] == UInt8(ascii: "\"") else { return false }
        position += 1
        while position < text.count {
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"): guard readEscape(text, &position, emit) else { return false }
            case 0..<32: return false
            default: emit(byte)
            }
        }
        return false
    }

    private static func readEscape(_ text: Span<UInt8>, _ position: inout Int, _ emit: (UInt8) -> Void) -> Bool {
        guard position < text.count else { return false }
        let byte = text[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): emit(byte)
        case UInt8(ascii: "b"): emit(8)
        case UInt8(ascii: "f"): emit(12)
        case UInt8(ascii: "n"): emit(10)
        case UInt8(ascii: "r"): emit(13)
        case UInt8(ascii: "t"): emit(9)
        case UInt8(ascii: "u"):
            guard var code = readUnit(text, &position) else { return false }
            if code & 0xFC00 == 0xD800, position + 6 <= text.count, text[position] == UInt8(ascii: "\\"),
                text[position + 1] == UInt8(ascii: "u")
            {
                var ahead = position + 2
                if let low = readUnit(text, &ahead), low & 0xFC00 == 0xDC00 {
                    code = 0x1_0000 + (code & 0x3FF) << 10 + low & 0x3FF
                    position = ahead
                }
            }
            for unit in UTF8.encode(Unicode.Scalar(code) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter {
                emit(unit)
            }
        default: return false
        }
        return true
    }

    private static func readUnit(_ text: Span<UInt8>, _ position: inout Int) -> UInt32? {
        guard position + 4 <= text.count else { return nil }
        var code: UInt32 = 0
        for index in position..<(position + 4) {
            guard let digit = HTTPText.hexDigit(text[index]) else { return nil }
            code = code << 4 | UInt32(digit)
        }
        position += 4
        return code
    }
}
