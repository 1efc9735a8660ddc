/// Numbers with a fixed number of decimals, the same on every machine.
public enum FixedText {
    /// `value` rounded half away from zero; `-` for NaN and infinities.
    public static func decimals(_ value: Double, _ places: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "-" }
        var factor = 1.0
        for _ in 0..<places { factor *= 10 }
        let scaled = (abs(value) * factor).rounded(.toNearestOrAwayFromZero)
        guard scaled < 9e18 else { return "\(value)" }
        let digits = String(Int(scaled))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return sign + padded.dropLast(places) + "." + padded.suffix(places)
    }

    /// `text` filled with blanks to `width` at its right, or at its left.
    public static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return right ? blanks + text : text + blanks
    }

    /// `text` as a JSON string, in quotes.
    public static func quoted(_ text: String) -> String {
        let digits = Array("0123456789abcdef")
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case _ where scalar.value < 32:
                out += "\\u00\(digits[Int(scalar.value) / 16])\(digits[Int(scalar.value) % 16])"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
