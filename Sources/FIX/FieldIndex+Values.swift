/// Typed values. Each getter gives nil where the tag is missing and where its text is malformed; `contains` tells which.
extension FieldIndex {
    /// A whole number, an optional `-` and digits; no `+`. Leading zeros are legal.
    public func int(_ tag: Int) -> Int64? { find(tag).flatMap { int(at: $0) } }

    /// A decimal number in thousandths, exact: more than three decimals must be zeros. No `+`, no exponent.
    public func decimalMilli(_ tag: Int) -> Int64? {
        find(tag).flatMap { index in withValue(at: index) { FieldFormat.decimalMilli($0) } }
    }

    /// A number of whole shares; decimals must be zeros (`200.00`).
    public func quantity(_ tag: Int) -> Int64? {
        guard let milli = decimalMilli(tag), milli % 1_000 == 0 else { return nil }
        return milli / 1_000
    }

    /// A UTC timestamp in microseconds since 1970.
    public func timestamp(_ tag: Int) -> Int64? {
        find(tag).flatMap { index in withValue(at: index) { UTCTimestamp.parse($0) } }
    }

    /// A value of exactly one character.
    public func char(_ tag: Int) -> UInt8? {
        find(tag).flatMap { index in withValue(at: index) { $0.count == 1 ? $0[0] : nil } }
    }

    /// Whether the value is `Y`; nil for anything but `Y` and `N`.
    public func flag(_ tag: Int) -> Bool? {
        switch char(tag) {
        case UInt8(ascii: "Y"): true
        case UInt8(ascii: "N"): false
        default: nil
        }
    }

    /// A copy of the value's bytes; for cold paths.
    public func bytes(_ tag: Int) -> [UInt8]? {
        find(tag).map { index in
            withValue(at: index) { span in
                var copy: [UInt8] = []
                copy.reserveCapacity(span.count)
                for position in 0..<span.count { copy.append(span[position]) }
                return copy
            }
        }
    }

    /// The value as text; for cold paths.
    public func string(_ tag: Int) -> String? { bytes(tag).map { String(decoding: $0, as: UTF8.self) } }

    /// Whether the value is exactly `expected`.
    public func equals(_ tag: Int, _ expected: [UInt8]) -> Bool {
        guard let index = find(tag) else { return false }
        return withValue(at: index) { span in
            guard span.count == expected.count else { return false }
            for position in 0..<span.count where span[position] != expected[position] { return false }
            return true
        }
    }

    func int(at index: Int) -> Int64? { withValue(at: index) { FieldFormat.int($0) } }
}

/// The number formats of FIX 4.4 fields, into integers.
public enum FieldFormat {
    /// A whole number; nil for `+`, for anything but digits behind an optional `-`, and beyond 18 digits.
    public static func int(_ text: Span<UInt8>) -> Int64? {
        let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
        let start = isNegative ? 1 : 0
        guard text.count > start else { return nil }
        var value: Int64 = 0
        for index in start..<text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10, value < 100_000_000_000_000_000 else { return nil }
            value = value * 10 + Int64(digit)
        }
        return isNegative ? -value : value
    }

    /// A decimal number in thousandths; nil if malformed, not exact, or beyond 15 digits before the point.
    ///
    /// `12.`, `.5` and `-0.5` are legal, as the standard says; an empty text and a lone point are not.
    public static func decimalMilli(_ text: Span<UInt8>) -> Int64? {
        let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
        var index = isNegative ? 1 : 0
        var value: Int64 = 0
        var digitCount = 0
        while index < text.count, text[index] != UInt8(ascii: ".") {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10, value < 100_000_000_000_000 else { return nil }
            value = value * 10 + Int64(digit)
            digitCount += 1
            index += 1
        }
        index += 1
        var scale: Int64 = 1_000
        value *= 1_000
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            scale /= 10
            guard scale > 0 || digit == 0 else { return nil }
            value += Int64(digit) * scale
            digitCount += 1
            index += 1
        }
        guard digitCount > 0 else { return nil }
        return isNegative ? -value : value
    }
}

/// Fields of type data: their value may hold SOH, and a length field stands right before them.
enum DataField {
    static func lengthTag(of tag: Int) -> Int? {
        switch tag {
        case 89: 93
        case 91: 90
        case 96: 95
        case 213: 212
        case 349, 351, 353, 355, 357, 359, 361, 363, 365: tag - 1
        case 446: 445
        case 619: 618
        case 622: 621
        default: nil
        }
    }
}
