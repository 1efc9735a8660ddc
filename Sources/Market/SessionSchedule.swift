/// When each phase of the trading day begins, by date (times of Shanghai's exchange, which Shenzhen shares today).
///
/// | from | 09:15 | 09:20 | 09:25 | 09:30 | 11:30 | 13:00 | 14:57 | 15:00 |
/// |---|---|---|---|---|---|---|---|---|
/// | 2006-07-01 | call | no cancel | quiet | continuous | lunch | continuous | | ended |
/// | 2018-08-20 | call | no cancel | quiet | continuous | lunch | continuous | closing call | ended |
///
/// A phase begins at the microsecond of its time and lasts until the next one's. Days without trading are `closed`
/// throughout, and so is every day before 09:15. The schedule reads no clock: time is a parameter.
public struct SessionSchedule: Hashable, Sendable {
    /// The phases of one kind of day, valid from a date on.
    public struct Timetable: Hashable, Sendable {
        /// First day it holds.
        public var effectiveFrom: TradingDate
        /// Beginnings in microseconds since midnight, ascending, with the phase that begins.
        public var boundaries: [Boundary]

        /// A timetable in force from a day on; `boundaries` ascend strictly.
        public init(effectiveFrom: TradingDate, boundaries: [Boundary]) {
            self.effectiveFrom = effectiveFrom
            self.boundaries = boundaries
        }
    }

    /// A change of phase.
    public struct Boundary: Hashable, Sendable {
        /// In a timetable microseconds since midnight; from `nextBoundary` microseconds since 1970 UTC.
        public var time: Int64
        /// The phase that begins then.
        public var phase: SessionPhase

        /// A change to `phase` at `time`.
        public init(time: Int64, phase: SessionPhase) {
            self.time = time
            self.phase = phase
        }

        /// A change to `phase` at hour:minute of a day.
        public init(hour: Int, minute: Int, phase: SessionPhase) {
            self.init(time: ChinaStandardTime.timeOfDay(hour: hour, minute: minute), phase: phase)
        }
    }

    private let calendar: TradingCalendar
    private let timetables: [Timetable]
    private let fixedPhase: SessionPhase?

    /// The exchange's schedule over a calendar; other timetables can be given, in any order.
    ///
    /// - Returns: nil where a timetable's boundaries do not ascend strictly within a day, or none is given.
    public init?(calendar: TradingCalendar, timetables: [Timetable] = SessionSchedule.shanghai) {
        guard !timetables.isEmpty, timetables.allSatisfy(Self.isValid) else { return nil }
        self.calendar = calendar
        self.timetables = timetables.sorted { $0.effectiveFrom < $1.effectiveFrom }
        fixedPhase = nil
    }

    private init(fixed phase: SessionPhase) {
        calendar = .weekdays
        timetables = []
        fixedPhase = phase
    }

    /// A schedule that is always in one phase: for demonstrations outside market hours.
    public static func fixed(_ phase: SessionPhase) -> SessionSchedule { SessionSchedule(fixed: phase) }

    /// The phase at `time`, microseconds since 1970 UTC.
    public func phase(at time: Int64) -> SessionPhase {
        if let fixedPhase { return fixedPhase }
        guard let date = ChinaStandardTime.date(at: time) else { return .closed }
        let timeOfDay = ChinaStandardTime.timeOfDay(at: time)
        return boundaries(on: date).last { $0.time <= timeOfDay }?.phase ?? .closed
    }

    /// The next change of phase strictly after `time` (microseconds since 1970 UTC), or nil where none follows.
    ///
    /// After the closing uncross the next change is midnight, when the day that has `ended` becomes one that is
    /// `closed`; a day without trading changes only at the next trading day's first boundary.
    public func nextBoundary(after time: Int64) -> Boundary? {
        guard fixedPhase == nil, let date = ChinaStandardTime.date(at: time) else { return nil }
        let timeOfDay = ChinaStandardTime.timeOfDay(at: time)
        let today = boundaries(on: date)
        if let later = today.first(where: { $0.time > timeOfDay }) { return later.moved(to: date) }
        if let last = today.last, last.phase != .closed, let tomorrow = date.adding(days: 1) {
            return Boundary(time: 0, phase: .closed).moved(to: tomorrow)
        }
        guard let day = calendar.next(after: date) else { return nil }
        return boundaries(on: day).first?.moved(to: day)
    }

    private func boundaries(on date: TradingDate) -> [Boundary] {
        guard calendar.isTradingDay(date) else { return [] }
        return timetables.last { $0.effectiveFrom <= date }?.boundaries ?? []
    }

    private static func isValid(_ timetable: Timetable) -> Bool {
        let times = timetable.boundaries.map(\.time)
        let day = 0..<ChinaStandardTime.dayLength
        return !times.isEmpty && times.allSatisfy(day.contains) && zip(times, times.dropFirst()).allSatisfy { $0 < $1 }
    }

    /// Shanghai's timetables; the call with a part that refuses cancels dates from 2006-07-01 (from memory).
    public static let shanghai: [Timetable] = [
        (20_060_701, false), (20_180_820, true),
    ].compactMap { day, hasClosingCall in
        TradingDate(day).map {
            Timetable(effectiveFrom: $0, boundaries: shanghaiDay(hasClosingCall: hasClosingCall))
        }
    }

    private static func shanghaiDay(hasClosingCall: Bool) -> [Boundary] {
        let closingCall = [Boundary(hour: 14, minute: 57, phase: .closingCall)]
        return [
            Boundary(hour: 9, minute: 15, phase: .openingCall),
            Boundary(hour: 9, minute: 20, phase: .openingCallNoCancel),
            Boundary(hour: 9, minute: 25, phase: .quiet),
            Boundary(hour: 9, minute: 30, phase: .continuous),
            Boundary(hour: 11, minute: 30, phase: .lunch),
            Boundary(hour: 13, minute: 0, phase: .continuous),
        ] + (hasClosingCall ? closingCall : []) + [Boundary(hour: 15, minute: 0, phase: .ended)]
    }
}

extension SessionSchedule.Boundary {
    /// This time of day as an instant of `date`.
    fileprivate func moved(to date: TradingDate) -> Self {
        Self(time: ChinaStandardTime.instant(on: date, timeOfDay: time), phase: phase)
    }
}
