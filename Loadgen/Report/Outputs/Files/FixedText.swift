/// Numbers with a fixed number of decimals, as C's `%.3f` writes them; half is rounded up.
enum FixedText {
    /// The number; beyond 64 bits after scaling it is cut to them.
    static func text(_ value: Double, decimals: Int, width: Int = 0) -> String {
        let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = (abs(value) * scale).rounded(.toNearestOrAwayFromZero)
        var digits = String(UInt64(min(scaled.isFinite ? scaled : 0, 0x1p63)))
        if decimals > 0 {
            if digits.count <= decimals { digits = String(repeating: "0", count: decimals + 1 - digits.count) + digits }
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals))
        }
        return padded(value < 0 && scaled > 0 ? "-" + digits : digits, width)
    }

    /// Text on the right of a column.
    static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
