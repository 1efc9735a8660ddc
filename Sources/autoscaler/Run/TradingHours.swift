internal import Autoscaling
internal import Forecasting

/// Days as numbers since 1970.
enum CalendarDay {
    /// The day of a date written yyyymmdd; nil where there is no such date.
    static func day(yyyymmdd: Int) -> Int? {
        let (year, month, day) = (yyyymmdd / 10_000, yyyymmdd / 100 % 100, yyyymmdd % 100)
        guard (1...12).contains(month), (1...31).contains(day) else { return nil }
        let number = CivilTime.days(year: year, month: month, day: day)
        return CivilTime.date(number) == (year, month, day) ? number : nil
    }
}

extension RunConfiguration.Calendar {
    /// The session's clock so long after the open.
    func clock(sinceOpen: Double) -> MarketClock {
        MarketClock(sinceOpen: sinceOpen, length: length, timeScale: timeScale)
    }

    /// Whether the local day of a time of UTC is one of trading.
    func isTrading(at utc: Double) -> Bool { isTrading(Int(((utc + offset) / 86_400).rounded(.down))) }

    private func isTrading(_ day: Int) -> Bool {
        // 1970-01-01 was a Thursday.
        let weekday = (day + 3) % 7
        return weekday < 5 && !holidays.contains(day)
    }

    /// Seconds since the open at a time of UTC: of the one session there is, else of today's until midnight, else before
    /// the next one, at most two weeks ahead.
    func sinceOpen(at utc: Double) -> Double {
        if let opensAt { return utc - opensAt }
        let local = utc + offset
        let today = Int((local / 86_400).rounded(.down))
        let since = local - Double(today) * 86_400 - open
        if isTrading(today) { return since }
        for ahead in 1...14 where isTrading(today + ahead) { return since - Double(ahead) * 86_400 }
        return since - 14 * 86_400
    }
}
