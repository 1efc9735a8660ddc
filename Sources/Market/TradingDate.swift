/// A day of the Gregorian calendar between 1900-01-01 and 2199-12-31, as the number yyyymmdd.
///
/// Exchange files, SQL keys and configuration carry dates in this form. Day arithmetic goes through `daysSince1970`
/// (H. Hinnant, "chrono-compatible low-level date algorithms": exact for the proleptic Gregorian calendar).
@frozen
public struct TradingDate: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Year x 10,000 + month x 100 + day.
    public let rawValue: Int32

    /// Years that can be written.
    public static let years = 1900...2199

    /// The day written as `yyyymmdd`, or nil where no such day exists in the range.
    public init?(_ yyyymmdd: Int) {
        guard yyyymmdd > 0, yyyymmdd <= 99_991_231 else { return nil }
        self.init(year: yyyymmdd / 10_000, month: yyyymmdd / 100 % 100, day: yyyymmdd % 100)
    }

    /// The day of that year, month (1...12) and day of the month, or nil where no such day exists in the range.
    public init?(year: Int, month: Int, day: Int) {
        guard Self.years.contains(year), (1...12).contains(month) else { return nil }
        guard day >= 1, day <= Self.length(ofMonth: month, year: year) else { return nil }
        rawValue = Int32(year * 10_000 + month * 100 + day)
    }

    /// The day that lies `daysSince1970` days after 1970-01-01 (negative: before), or nil outside the range.
    public init?(daysSince1970 days: Int) {
        guard (-25_567...84_005).contains(days) else { return nil }
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        self.init(year: year, month: month, day: dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// The year, 1900...2199.
    public var year: Int { Int(rawValue) / 10_000 }
    /// The month, 1...12.
    public var month: Int { Int(rawValue) / 100 % 100 }
    /// The day of the month, 1...31.
    public var day: Int { Int(rawValue) % 100 }

    /// Days since 1970-01-01; negative before.
    public var daysSince1970: Int {
        let marchYear = month <= 2 ? year - 1 : year
        let era = marchYear / 400
        let yearOfEra = marchYear % 400
        let marchMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// ISO weekday: Monday is 1, Sunday is 7.
    public var weekday: Int {
        let days = (daysSince1970 + 3) % 7
        return (days < 0 ? days + 7 : days) + 1
    }

    /// The day `days` later (negative: earlier), or nil outside the range.
    public func adding(days: Int) -> TradingDate? {
        guard (-200_000...200_000).contains(days) else { return nil }
        return TradingDate(daysSince1970: daysSince1970 + days)
    }

    /// Days from this day to `other`; negative where `other` is earlier.
    public func days(to other: TradingDate) -> Int { other.daysSince1970 - daysSince1970 }

    /// yyyy-mm-dd.
    public var description: String {
        "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }

    /// Earlier days come first.
    @inlinable
    public static func < (a: TradingDate, b: TradingDate) -> Bool { a.rawValue < b.rawValue }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}
