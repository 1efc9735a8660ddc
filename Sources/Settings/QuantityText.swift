/// Quantities as settings and options write them.
public enum QuantityText {
    private static let timeUnits: [(suffix: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9),
    ]
    private static let rateUnits: [(suffix: String, perSecond: Double)] = [
        ("/ms", 1_000), ("/s", 1), ("/sec", 1), ("/m", 1.0 / 60), ("/min", 1.0 / 60), ("/h", 1.0 / 3_600),
        ("/hour", 1.0 / 3_600), ("", 1),
    ]
    private static let byteUnits: [(suffix: String, bytes: Double)] = [
        ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9),
        ("TB", 1e12), ("B", 1), ("", 1),
    ]

    /// Nanoseconds in `90s`, `1.5m`, `500ms`, `200us`, `16m10s`: numbers with units from large to small, at most
    /// 100 days; nil for anything else, also for a number without unit.
    public static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        var total = 0.0
        var last = Double.infinity
        repeat {
            let digits = rest.prefix { isDigit($0) || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let word = rest.prefix { !isDigit($0) }
            rest = rest.dropFirst(word.count)
            guard let value = decimal(digits), let unit = timeUnits.first(where: { $0.suffix == word }),
                unit.nanoseconds < last
            else { return nil }
            total += value * unit.nanoseconds
            last = unit.nanoseconds
        } while !rest.isEmpty
        return total <= 8_640_000e9 ? Int64(total.rounded()) : nil
    }

    /// The length of time in a text; see `nanoseconds`.
    public static func duration(_ text: String) -> Duration? { nanoseconds(text).map { .nanoseconds($0) } }

    /// Events a second in `15000`, `1000/s`, `60/min`, `0.5/s`, `3600/h`; blanks before and after the stroke are allowed.
    public static func rate(_ text: String) -> Double? {
        let compact = text.replacing(" ", with: "")
        guard text.first != " ", text.last != " " else { return nil }
        return scaled(compact, rateUnits.map { ($0.suffix, $0.perSecond) })
    }

    /// Bytes in `64MiB`, `10 kB`, `512`: a whole number below 2^53.
    public static func bytes(_ text: String) -> Int? {
        guard let value = scaled(text, byteUnits.map { ($0.suffix, $0.bytes) }), value < 9.007e15,
            value == value.rounded()
        else { return nil }
        return Int(value)
    }

    /// A share in `2%`, `0.02`, `2.5 %`.
    public static func share(_ text: String) -> Double? {
        guard text.hasSuffix("%") else { return decimal(Substring(text)) }
        let number = text.dropLast()
        return decimal(number.hasSuffix(" ") ? number.dropLast() : number).map { $0 / 100 }
    }

    /// A decimal number such as `-1.5`, `3`, `1e6`, `1_000_000`; nil for infinities and what is no number.
    public static func number(_ text: String) -> Double? {
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), let compact = withoutSeparators(text),
            compact.utf8.allSatisfy({ "0123456789.-+eE".utf8.contains($0) }), let value = Double(compact),
            value.isFinite
        else { return nil }
        return value
    }

    /// A whole number such as `-12`, `1_000_000`.
    public static func integer(_ text: String) -> Int? {
        guard text.utf8.first != UInt8(ascii: "+"), let compact = withoutSeparators(text) else { return nil }
        return Int(compact)
    }

    private static func scaled(_ text: String, _ units: [(suffix: String, factor: Double)]) -> Double? {
        let digits = text.prefix { isDigit($0) || $0 == "." || $0 == "_" }
        var word = text.dropFirst(digits.count)
        if word.hasPrefix(" ") { word = word.dropFirst() }
        guard let compact = withoutSeparators(String(digits)), let value = decimal(compact[...]),
            let unit = units.first(where: { $0.suffix == word })
        else { return nil }
        return value * unit.factor
    }

    /// Digits with at most one point, at least one digit, at most 18 characters.
    private static func decimal(_ text: Substring) -> Double? {
        guard text.count <= 18, text.contains(where: isDigit), text.allSatisfy({ isDigit($0) || $0 == "." }) else {
            return nil
        }
        return Double(text)
    }

    /// The text without `_` between digits; nil where one stands elsewhere.
    private static func withoutSeparators(_ text: String) -> String? {
        guard text.contains("_") else { return text }
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        let isRight = zip(parts, parts.dropFirst()).allSatisfy { left, right in
            left.last.map(isDigit) == true && right.first.map(isDigit) == true
        }
        return isRight ? parts.joined() : nil
    }

    private static func isDigit(_ character: Character) -> Bool { character.isASCII && character.isNumber }
}
