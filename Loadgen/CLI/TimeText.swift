/// Lengths of time as options and scenarios write them: a number and `ms`, `s`, `m` or `h`.
public enum TimeText {
    private static let units: [(suffix: String, seconds: Double)] = [
        ("us", 0.000_001), ("ms", 0.001), ("s", 1), ("m", 60), ("h", 3_600),
    ]

    /// Seconds in `90s`, `1.5m`, `500ms`, `1h`; nil for anything else.
    public static func seconds(_ text: String) -> Double? {
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
        let number = text.dropLast(unit.suffix.utf8.count)
        guard number.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let value = Double(number),
            value <= 1e6
        else { return nil }
        return value * unit.seconds
    }
}
