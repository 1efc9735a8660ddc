/// Wall time in China: UTC+8 all year (no daylight saving since 1991), in microseconds.
///
/// Exchange rules name times of this clock; everything else in the house counts microseconds since 1970 UTC.
public enum ChinaStandardTime {
    /// Microseconds ahead of UTC.
    public static let offset: Int64 = 8 * 3_600_000_000
    /// Microseconds of a day.
    public static let dayLength: Int64 = 86_400_000_000

    /// The day in China at `time` (microseconds since 1970 UTC), or nil outside `TradingDate`'s range.
    public static func date(at time: Int64) -> TradingDate? {
        let (local, overflow) = time.addingReportingOverflow(offset)
        guard !overflow else { return nil }
        let days = local / dayLength - (local % dayLength < 0 ? 1 : 0)
        return TradingDate(daysSince1970: Int(days))
    }

    /// Microseconds since local midnight at `time` (microseconds since 1970 UTC), 0..<`dayLength`.
    public static func timeOfDay(at time: Int64) -> Int64 {
        let local = (time % dayLength) + offset
        return ((local % dayLength) + dayLength) % dayLength
    }

    /// The instant, in microseconds since 1970 UTC, of `timeOfDay` (microseconds since midnight) on `date`.
    public static func instant(on date: TradingDate, timeOfDay: Int64) -> Int64 {
        Int64(date.daysSince1970) * dayLength - offset + timeOfDay
    }

    /// Microseconds since midnight of hour:minute.
    public static func timeOfDay(hour: Int, minute: Int) -> Int64 {
        (Int64(hour) * 60 + Int64(minute)) * 60_000_000
    }
}
