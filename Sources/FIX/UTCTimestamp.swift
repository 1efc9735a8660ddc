/// FIX UTCTimestamp text and microseconds since 1970, without a calendar library.
public enum UTCTimestamp {
    static let microsecondsPerDay: Int64 = 86_400_000_000

    /// Microseconds since 1970 of `YYYYMMDD-HH:MM:SS` with an optional fraction of 3 or 6 digits; nil if malformed.
    ///
    /// Second 60 (a leap second) is taken as the first of the next minute.
    public static func parse(_ text: Span<UInt8>) -> Int64? {
        guard text.count == 17 || text.count == 21 || text.count == 24 else { return nil }
        guard text[8] == UInt8(ascii: "-"), text[11] == UInt8(ascii: ":"), text[14] == UInt8(ascii: ":"),
            let year = digits(text, 0, 4), let month = digits(text, 4, 2), let day = digits(text, 6, 2),
            let hour = digits(text, 9, 2), let minute = digits(text, 12, 2), let second = digits(text, 15, 2),
            year > 0, (1...12).contains(month), day >= 1, day <= daysInMonth(year, month),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var micros: Int64 = 0
        if text.count > 17 {
            guard text[17] == UInt8(ascii: "."), let fraction = digits(text, 18, text.count - 18) else { return nil }
            micros = text.count == 21 ? fraction * 1_000 : fraction
        }
        let seconds = daysSince1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        return seconds * 1_000_000 + micros
    }

    private static func digits(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for index in start..<start + count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
        }
        return value
    }

    private static func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar; years start in March so that leap days come last.
    static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The date that many days after 1970-01-01: the inverse of `daysSince1970`.
    static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        return (year, month < 10 ? month + 3 : month - 9, day)
    }
}
