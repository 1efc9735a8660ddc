import Market
import Testing

/// A date that the test knows to exist.
func day(_ yyyymmdd: Int) -> TradingDate {
    guard let date = TradingDate(yyyymmdd) else { preconditionFailure("\(yyyymmdd) is no day") }
    return date
}

@Suite struct TradingDateTests {
    @Test(
        "Impossible days are refused",
        arguments: [
            0, -1, 20_230_229, 21_000_229, 20_230_431, 20_231_301, 20_230_001, 20_230_100, 20_230_132, 18_991_231,
            22_000_101, Int.max, Int.min,
        ])
    func refusesImpossible(number: Int) { #expect(TradingDate(number) == nil) }

    @Test("Every day of 300 years counts on by one, in days, weekdays and back")
    func everyDay() throws {
        var date = day(19_000_101)
        var days = -25_567  // 70 years of 365 days and 17 leap days (1904...1968) before 1970.
        var weekday = 1  // 1900-01-01 was a Monday.
        var count = 0
        while true {
            #expect(date.daysSince1970 == days && date.weekday == weekday, "\(date)")
            #expect(TradingDate(daysSince1970: days) == date)
            count += 1
            guard let next = date.adding(days: 1) else { break }
            #expect(next > date && date.days(to: next) == 1)
            (date, days, weekday) = (next, days + 1, weekday % 7 + 1)
        }
        #expect(date == day(21_991_231))
        // 1900...2199: 300 years, leap days every fourth year (75) without 1900 and 2100.
        #expect(count == 300 * 365 + 75 - 2)
    }

    @Test("Known days: the epoch, leap days, a Shanghai trading day")
    func knownDays() {
        #expect(day(19_700_101).daysSince1970 == 0)
        #expect(day(20_000_229).daysSince1970 == 11_016)  // date -d 2000-02-29 +%s = 951,782,400 = 11,016 x 86,400
        #expect(day(20_230_711).weekday == 2)
        #expect(day(20_230_711).description == "2023-07-11")
        #expect(day(20_240_228).adding(days: 1) == day(20_240_229))
        #expect(day(20_240_101).adding(days: -1) == day(20_231_231))
    }

    @Test("Days outside the range are nil, also for extreme distances")
    func range() {
        #expect(day(19_000_101).adding(days: -1) == nil)
        #expect(day(21_991_231).adding(days: 1) == nil)
        #expect(day(20_230_711).adding(days: 1_000_000) == nil)
        #expect(day(20_230_711).adding(days: -200_001) == nil)
        #expect(day(20_230_711).adding(days: .min) == nil)
        #expect(TradingDate(daysSince1970: .max) == nil)
        #expect(TradingDate(daysSince1970: .min) == nil)
    }
}
