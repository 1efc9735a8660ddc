/// What a field's text must look like: the data types of FIX 4.4, and lists of legal values where they are short.
enum ValueKind: UInt8, Sendable {
    case text
    case integer
    /// Sequence numbers, lengths and group counts: an integer that is not negative.
    case count
    case decimal
    /// A decimal that must be exact in thousandths: quantities and prices that reach an order.
    case milli
    case boolean
    case character
    case timestamp
    case date
    case monthYear
    case side
    case orderType
    case timeInForce
    case handling
    case capacity
    case positionEffect
    case executionInstructions
    case securityType
    case encryptMethod
    case oneToThree

    enum Verdict {
        case good, malformed, outOfRange
    }

    func check(_ value: Span<UInt8>, tag: Int) -> Verdict {
        switch self {
        case .text: .good
        case .integer: FieldFormat.int(value) == nil ? .malformed : .good
        case .count: FieldFormat.int(value).map { $0 >= 0 ? .good : .malformed } ?? .malformed
        case .decimal: Self.isDecimal(value) ? .good : .malformed
        case .milli: FieldFormat.decimalMilli(value) == nil ? .malformed : .good
        case .timestamp: UTCTimestamp.parse(value) == nil ? .malformed : .good
        case .date: Self.isDate(value, digits: 8) ? .good : .malformed
        case .monthYear: Self.isDate(value, digits: 6) || Self.isDate(value, digits: 8) ? .good : .malformed
        case .boolean: value.count == 1 && (value[0] == 0x59 || value[0] == 0x4E) ? .good : .malformed
        case .executionInstructions: Self.areInstructions(value)
        case .securityType: DictionaryTables.securityTypes.contains(Self.string(value)) ? .good : .outOfRange
        case .encryptMethod: Self.one(value, of: "0123456")
        default: characterVerdict(value)
        }
    }

    private func characterVerdict(_ value: Span<UInt8>) -> Verdict {
        switch self {
        case .side: Self.one(value, of: "123456789ABCDEFG")
        case .orderType: Self.one(value, of: "12346789DEGIJKLMP")
        case .timeInForce: Self.one(value, of: "01234567")
        case .handling, .oneToThree: Self.one(value, of: "123")
        case .capacity: Self.one(value, of: "AGIPRW")
        case .positionEffect: Self.one(value, of: "OCRF")
        default: value.count == 1 ? .good : .malformed
        }
    }

    private static func one(_ value: Span<UInt8>, of legal: StaticString) -> Verdict {
        guard value.count == 1 else { return .malformed }
        for index in 0..<legal.utf8CodeUnitCount where unsafe legal.utf8Start[index] == value[0] { return .good }
        return .outOfRange
    }

    /// Single characters with a blank between them.
    private static func areInstructions(_ value: Span<UInt8>) -> Verdict {
        guard value.count % 2 == 1 else { return .malformed }
        for index in 0..<value.count {
            let byte = value[index]
            if index % 2 == 1 {
                guard byte == 0x20 else { return .malformed }
            } else {
                let isLetter = (0x41...0x5A).contains(byte) || (0x61...0x65).contains(byte)
                guard isLetter || (0x30...0x39).contains(byte) else { return .outOfRange }
            }
        }
        return .good
    }

    private static func isDecimal(_ value: Span<UInt8>) -> Bool {
        var digits = 0
        var points = 0
        for index in 0..<value.count {
            switch value[index] {
            case 0x30...0x39: digits += 1
            case UInt8(ascii: "."): points += 1
            case UInt8(ascii: "-") where index == 0: break
            default: return false
            }
        }
        return digits > 0 && points <= 1
    }

    private static func isDate(_ value: Span<UInt8>, digits: Int) -> Bool {
        guard value.count == digits else { return false }
        for index in 0..<digits where !(0x30...0x39).contains(value[index]) { return false }
        let month = (value[4] - 0x30) * 10 + value[5] - 0x30
        guard (1...12).contains(month) else { return false }
        guard digits == 8 else { return true }
        return (1...31).contains((value[6] - 0x30) * 10 + value[7] - 0x30)
    }

    private static func string(_ value: Span<UInt8>) -> String {
        var bytes: [UInt8] = []
        for index in 0..<value.count { bytes.append(value[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
