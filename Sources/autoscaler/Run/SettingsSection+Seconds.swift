internal import Settings

extension SettingsSection {
    /// A time in seconds within `range`, written `10s` or `1.5m`.
    func seconds(
        _ key: String, default fallback: Double, in range: ClosedRange<Double>
    ) throws(SettingsError) -> Double {
        try value(key)?.seconds(in: range) ?? fallback
    }

    /// A share within `range`, written `2%` or `0.02`.
    func share(
        _ key: String, default fallback: Double, in range: ClosedRange<Double>
    ) throws(SettingsError) -> Double {
        try value(key)?.share(in: range) ?? fallback
    }
}

extension SettingValue {
    /// A time in seconds within `range`.
    func seconds(in range: ClosedRange<Double>) throws(SettingsError) -> Double {
        let nanoseconds = Int64(range.lowerBound * 1e9)...Int64(range.upperBound * 1e9)
        return Double(try self.nanoseconds(in: nanoseconds)) / 1e9
    }

    /// A time in seconds that may be negative, such as `-15m`.
    func signedSeconds() throws(SettingsError) -> Double {
        let text = try text()
        let isNegative = text.hasPrefix("-")
        guard let nanoseconds = QuantityText.nanoseconds(isNegative ? String(text.dropFirst()) : text) else {
            throw must("be a time such as -15m or 1h")
        }
        return Double(nanoseconds) / (isNegative ? -1e9 : 1e9)
    }

    /// Seconds of the day of a text such as `09:30`.
    func clockTime() throws(SettingsError) -> Double {
        let parts = try text().split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let hour = parts[0], let minute = parts[1], (0..<24).contains(hour),
            (0..<60).contains(minute)
        else { throw must("be a time of the day such as 09:30") }
        return Double(hour * 3_600 + minute * 60)
    }

    /// A URL of http or https.
    func url() throws(SettingsError) -> String {
        let text = try name()
        guard text.hasPrefix("http://") || text.hasPrefix("https://"), !text.contains(" ") else {
            throw must("be a URL such as http://127.0.0.1:9400/metrics")
        }
        return text
    }
}

extension SettingsError {
    /// An unknown key, with the nearest known one.
    static func stranger(_ key: String, _ place: SettingPlace, _ path: String, _ known: [String]) -> SettingsError {
        let hint = NearestName.nearest(to: key, among: known).map { "; did you mean \($0)?" } ?? ""
        return SettingsError(place, "unknown service \(path)\(hint)")
    }
}
