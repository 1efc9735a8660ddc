/// Which days the exchange trades: Monday to Friday, except a configured list of holidays.
///
/// The exchanges never open on a weekend, not even on the working weekends that the state council declares around
/// holidays, so a list of closed weekdays says everything. The list is reference data of each year and has no default.
public struct TradingCalendar: Hashable, Sendable {
    /// Most holidays a calendar holds.
    public static let holidaysMax = 10_000
    /// Longest closure that `next` and `previous` look across, in days.
    public static let closureMax = 60

    /// Closed weekdays, ascending, without repeats.
    public let holidays: [TradingDate]

    /// A calendar with these holidays in any order, repeats allowed; nil for more than `holidaysMax`.
    public init?(holidays: [TradingDate]) {
        guard holidays.count <= Self.holidaysMax else { return nil }
        var unique: [TradingDate] = []
        for day in holidays.sorted() where day != unique.last { unique.append(day) }
        self.holidays = unique
    }

    /// Weekends only: for replays of days known to have traded, and for tests.
    public static let weekdays = TradingCalendar()

    private init() { holidays = [] }

    /// Whether the exchange opens on `date`: O(log holidays).
    public func isTradingDay(_ date: TradingDate) -> Bool {
        guard date.weekday <= 5 else { return false }
        var low = 0
        var high = holidays.count
        while low < high {
            let middle = (low + high) / 2
            if holidays[middle] < date { low = middle + 1 } else { high = middle }
        }
        return low == holidays.count || holidays[low] != date
    }

    /// The first trading day after `date`, or nil where none follows within `closureMax` days.
    public func next(after date: TradingDate) -> TradingDate? { nearest(to: date, step: 1) }

    /// The last trading day before `date`, or nil where none precedes within `closureMax` days.
    public func previous(before date: TradingDate) -> TradingDate? { nearest(to: date, step: -1) }

    private func nearest(to date: TradingDate, step: Int) -> TradingDate? {
        for distance in 1...Self.closureMax {
            guard let day = date.adding(days: distance * step) else { return nil }
            if isTradingDay(day) { return day }
        }
        return nil
    }
}
