import Market
import Testing

@Suite struct TradingCalendarTests {
    /// The National Day week of 2023: closed from Friday 09-29 to Friday 10-06.
    private let nationalDay = (20_230_929...20_231_006).compactMap { TradingDate($0) }

    @Test("Weekends and holidays are closed, the other weekdays open")
    func openDays() throws {
        let calendar = try #require(TradingCalendar(holidays: nationalDay))
        #expect(calendar.isTradingDay(day(20_230_928)))
        #expect(!calendar.isTradingDay(day(20_230_929)))
        #expect(!calendar.isTradingDay(day(20_231_006)))
        #expect(!calendar.isTradingDay(day(20_231_007)))  // a Saturday, a working day by decree
        #expect(calendar.isTradingDay(day(20_231_009)))
    }

    @Test("Next and previous look across a holiday week")
    func neighbours() throws {
        let calendar = try #require(TradingCalendar(holidays: nationalDay))
        #expect(calendar.next(after: day(20_230_928)) == day(20_231_009))
        #expect(calendar.next(after: day(20_231_001)) == day(20_231_009))
        #expect(calendar.previous(before: day(20_231_009)) == day(20_230_928))
        #expect(calendar.next(after: day(20_231_009)) == day(20_231_010))
    }

    @Test("A closure of 59 days is crossed, one of 60 is not")
    func closureLimit() throws {
        let start = day(20_230_102)
        func calendar(closed: Int) throws -> TradingCalendar {
            try #require(TradingCalendar(holidays: (1...closed).compactMap { start.adding(days: $0) }))
        }
        // 2023-01-02 + 60 days is Friday 2023-03-03.
        #expect(try calendar(closed: 59).next(after: start) == start.adding(days: 60))
        #expect(try calendar(closed: 60).next(after: start) == nil)
        #expect(TradingCalendar.weekdays.next(after: day(21_991_231)) == nil)
    }

    @Test("Holidays are sorted, repeats dropped, and their number is limited")
    func holidayList() throws {
        let calendar = try #require(TradingCalendar(holidays: [day(20_230_405), day(20_230_102), day(20_230_405)]))
        #expect(calendar.holidays == [day(20_230_102), day(20_230_405)])
        let many = (0..<TradingCalendar.holidaysMax).compactMap { day(19_700_101).adding(days: $0) }
        #expect(TradingCalendar(holidays: many) != nil)
        #expect(TradingCalendar(holidays: many + [day(20_230_102)]) == nil)
    }
}
