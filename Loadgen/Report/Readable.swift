/// Numbers as people read them.
public enum Readable {
    /// Nanoseconds in the unit that leaves one to three digits before the point: `850 us`, `3.21 ms`, `1.50 s`.
    public static func duration(_ nanoseconds: Double) -> String {
        if nanoseconds < 999_500 { return "\(significant(nanoseconds / 1e3)) µs" }
        if nanoseconds < 999_500_000 { return "\(significant(nanoseconds / 1e6)) ms" }
        return "\(significant(nanoseconds / 1e9)) s"
    }

    /// Nanoseconds as text.
    public static func duration(_ nanoseconds: Int64) -> String { duration(Double(nanoseconds)) }

    /// Three significant digits, trailing zeros kept off.
    static func significant(_ value: Double) -> String {
        if value == 0 { return "0" }
        if value >= 99.95 { return "\(Int(value.rounded()))" }
        return plain(value >= 9.995 ? (value * 10).rounded() / 10 : (value * 100).rounded() / 100)
    }

    /// A number without a superfluous `.0`.
    static func plain(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }

    /// A count or rate with thousands separated by commas; one decimal below 100 unless it is whole.
    public static func number(_ value: Double) -> String {
        if abs(value) < 100, value != value.rounded() { return plain((value * 10).rounded() / 10) }
        return count(Int(value.rounded()))
    }

    /// A count with thousands separated by commas.
    public static func count(_ value: Int) -> String {
        var digits = String(value.magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }

    /// A ratio in per cent, with as many decimals as its size needs.
    public static func percent(_ ratio: Double) -> String {
        let value = ratio * 100
        if value == 0 { return "0 %" }
        if abs(value) < 0.01 { return "\(plain((value * 10_000).rounded() / 10_000)) %" }
        if abs(value) < 10 { return "\(plain((value * 100).rounded() / 100)) %" }
        return "\(plain((value * 10).rounded() / 10)) %"
    }

    /// Bytes in the unit that leaves one to three digits before the point.
    public static func bytes(_ value: Double) -> String {
        for (limit, factor, unit) in [(1e3, 1.0, "B"), (1e6, 1e3, "kB"), (1e9, 1e6, "MB"), (1e12, 1e9, "GB")]
        where abs(value) < limit * 0.9995 { return "\(significant(value / factor)) \(unit)" }
        return "\(significant(value / 1e12)) TB"
    }

    /// Text made safe inside HTML.
    static func html(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.append(character)
            }
        }
        return out
    }
}
