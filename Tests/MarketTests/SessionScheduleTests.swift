import Market
import Testing

@Suite struct SessionScheduleTests {
    private let schedule: SessionSchedule

    init() throws {
        let calendar = try #require(TradingCalendar(holidays: [day(20_230_712)]))
        schedule = try #require(SessionSchedule(calendar: calendar))
    }

    /// Microseconds since 1970 UTC of a wall time in China, computed apart from the code under test.
    private func instant(_ date: Int, _ hour: Int, _ minute: Int) -> Int64 {
        Int64(day(date).daysSince1970 * 86_400 + hour * 3600 + minute * 60 - 28_800) * 1_000_000
    }

    @Test("2023-07-11 09:15 in China is 01:15 UTC")
    func wallTime() {
        // date -u -d '2023-07-11 01:15' +%s = 1689038100
        #expect(instant(20_230_711, 9, 15) == 1_689_038_100_000_000)
        #expect(ChinaStandardTime.date(at: 1_689_038_100_000_000) == day(20_230_711))
        #expect(ChinaStandardTime.timeOfDay(at: 1_689_038_100_000_000) == 33_300_000_000)
        #expect(ChinaStandardTime.instant(on: day(20_230_711), timeOfDay: 33_300_000_000) == 1_689_038_100_000_000)
    }

    @Test("Dates turn at 16:00 UTC, before 1970 too, and absurd times have none")
    func midnight() {
        #expect(ChinaStandardTime.date(at: instant(20_230_711, 0, 0) - 1) == day(20_230_710))
        #expect(ChinaStandardTime.date(at: instant(20_230_711, 0, 0)) == day(20_230_711))
        #expect(ChinaStandardTime.date(at: instant(19_500_101, 0, 0) - 1) == day(19_491_231))
        #expect(ChinaStandardTime.timeOfDay(at: instant(19_500_101, 0, 0) - 1) == ChinaStandardTime.dayLength - 1)
        #expect(ChinaStandardTime.date(at: .max) == nil && ChinaStandardTime.date(at: .min) == nil)
        #expect((0..<ChinaStandardTime.dayLength).contains(ChinaStandardTime.timeOfDay(at: .min)))
        #expect((0..<ChinaStandardTime.dayLength).contains(ChinaStandardTime.timeOfDay(at: .max)))
        #expect(schedule.phase(at: .max) == .closed && schedule.nextBoundary(after: .max) == nil)
    }

    @Test(
        "Every phase begins at its microsecond and not before",
        arguments: [
            (9, 15, SessionPhase.closed, SessionPhase.openingCall), (9, 20, .openingCall, .openingCallNoCancel),
            (9, 25, .openingCallNoCancel, .quiet), (9, 30, .quiet, .continuous), (11, 30, .continuous, .lunch),
            (13, 0, .lunch, .continuous), (14, 57, .continuous, .closingCall), (15, 0, .closingCall, .ended),
        ])
    func boundaries(hour: Int, minute: Int, before: SessionPhase, after: SessionPhase) {
        let time = instant(20_230_711, hour, minute)
        #expect(schedule.phase(at: time - 1) == before)
        #expect(schedule.phase(at: time) == after)
        #expect(schedule.nextBoundary(after: time - 1) == .init(time: time, phase: after))
        #expect(schedule.nextBoundary(after: time)?.time != time)
    }

    @Test("Walking from boundary to boundary visits a week's phases, weekend and holiday skipped")
    func walk() throws {
        var time = instant(20_230_710, 12, 0)  // a Monday
        var phase = schedule.phase(at: time)
        var seen = [phase]
        while time < instant(20_230_717, 12, 0) {
            let next = try #require(schedule.nextBoundary(after: time))
            #expect(next.time > time && next.phase != phase)
            #expect(schedule.phase(at: next.time - 1) == phase && schedule.phase(at: next.time) == next.phase)
            (time, phase) = (next.time, next.phase)
            seen.append(phase)
        }
        // Monday from lunch: 4 phases. Tuesday, Thursday, Friday: closed and 8 more each. Next Monday up to 13:00: 7.
        #expect(seen.count == 4 + 3 * 9 + 7)
        #expect(seen.filter { $0 == .closingCall }.count == 4)
    }

    @Test("Days without trading are closed at every hour")
    func closedDays() {
        for date in [20_230_712, 20_230_715, 20_230_716] {
            for hour in 0..<24 { #expect(schedule.phase(at: instant(date, hour, 0)) == .closed) }
        }
        #expect(
            schedule.nextBoundary(after: instant(20_230_714, 23, 59))
                == .init(time: instant(20_230_715, 0, 0), phase: .closed))
        #expect(
            schedule.nextBoundary(after: instant(20_230_715, 0, 0))
                == .init(time: instant(20_230_717, 9, 15), phase: .openingCall))
    }

    @Test("The closing call exists since 2018-08-20; before, trading is continuous to 15:00")
    func closingCallIsDated() {
        #expect(schedule.phase(at: instant(20_180_820, 14, 57)) == .closingCall)
        #expect(schedule.phase(at: instant(20_180_817, 14, 57)) == .continuous)
        #expect(schedule.phase(at: instant(20_180_817, 15, 0) - 1) == .continuous)
        #expect(schedule.phase(at: instant(20_180_817, 15, 0)) == .ended)
        #expect(schedule.phase(at: instant(20_060_630, 10, 0)) == .closed)  // before the table
    }

    @Test("A fixed schedule never changes", arguments: SessionPhase.allCases)
    func fixed(phase: SessionPhase) {
        let fixed = SessionSchedule.fixed(phase)
        for time in [Int64.min, 0, instant(20_230_711, 3, 0), .max] {
            #expect(fixed.phase(at: time) == phase)
            #expect(fixed.nextBoundary(after: time) == nil)
        }
    }

    @Test("Timetables that contradict themselves are refused")
    func badTimetables() {
        typealias Boundary = SessionSchedule.Boundary
        func accepts(_ boundaries: [Boundary]) -> Bool {
            let timetable = SessionSchedule.Timetable(effectiveFrom: day(20_230_101), boundaries: boundaries)
            return SessionSchedule(calendar: .weekdays, timetables: [timetable]) != nil
        }
        #expect(accepts([Boundary(time: 0, phase: .continuous)]))
        #expect(accepts([Boundary(time: ChinaStandardTime.dayLength - 1, phase: .continuous)]))
        #expect(!accepts([]))
        #expect(!accepts([Boundary(time: -1, phase: .continuous)]))
        #expect(!accepts([Boundary(time: ChinaStandardTime.dayLength, phase: .continuous)]))
        #expect(!accepts([Boundary(time: 5, phase: .continuous), Boundary(time: 5, phase: .ended)]))
        #expect(SessionSchedule(calendar: .weekdays, timetables: []) == nil)
    }
}
