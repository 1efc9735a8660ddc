/// A time of Kubernetes' type MicroTime: RFC 3339 in UTC with exactly six decimals, which the API server insists on.
public struct MicroTime: Sendable, Hashable, Comparable {
    /// Microseconds since 1970 UTC.
    public var microseconds: Int64

    /// A time by its microseconds since 1970 UTC, in the years 0 to 9999.
    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// Parses `2026-11-21T18:00:00.000000Z`; fewer decimals and none are taken too, other zones are not.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[4] == 45, bytes[7] == 45,
            bytes[10] == UInt8(ascii: "T"), bytes[13] == 58, bytes[16] == 58
        else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            guard bytes[range].allSatisfy({ (48...57).contains($0) }) else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 48) }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            guard bytes[19] == 46, bytes.count <= 30, bytes.count > 21 else { return nil }
            let digits = 20..<bytes.count - 1
            guard number(digits) != nil else { return nil }
            for place in 0..<6 {
                fraction = fraction * 10 + (place < digits.count ? Int64(bytes[20 + place] - 48) : 0)
            }
        }
        let seconds = Self.days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        microseconds = seconds * 1_000_000 + fraction
    }

    /// The time as text, always with six decimals.
    public var text: String {
        let seconds = microseconds.floored(by: 1_000_000)
        let days = seconds.floored(by: 86_400)
        let (year, month, day) = Self.date(days)
        let inDay = seconds - days * 86_400
        func pad(_ value: Int64, _ width: Int) -> String {
            let digits = "\(value)"
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(inDay / 3_600, 2)):\(pad(inDay / 60 % 60, 2)):"
            + "\(pad(inDay % 60, 2)).\(pad(microseconds - seconds * 1_000_000, 6))Z"
    }

    public static func < (a: MicroTime, b: MicroTime) -> Bool { a.microseconds < b.microseconds }

    /// Days since 1970 of a date in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms", days_from_civil).
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = y.floored(by: 400)
        let ofEra = y - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    /// The inverse (civil_from_days).
    private static func date(_ days: Int64) -> (Int64, Int64, Int64) {
        let z = days + 719_468
        let era = z.floored(by: 146_097)
        let ofEra = z - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * ofYear + 2) / 153
        let month = m + (m < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * m + 2) / 5 + 1)
    }
}

extension Int64 {
    /// The quotient rounded down.
    fileprivate func floored(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
