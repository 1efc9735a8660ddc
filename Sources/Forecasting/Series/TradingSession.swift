/// When a day has load: segments of the wall clock, cut into bins of one interval.
///
/// Bins are numbered through the whole day, over breaks: the first bin after lunch follows the last one before it. Times
/// are wall-clock times of the exchange; summer time is the caller's affair.
public struct TradingSession: Sendable, Equatable {
    /// Which end of its interval a row's time is.
    public enum Stamp: String, Sendable, CaseIterable {
        case start
        case end
    }

    /// `a-share`, `us`, `24x7`, or the text of a custom session.
    public let name: String
    /// Seconds of the day, rising, each a whole number of intervals long.
    public let segments: [Range<Int>]
    /// Length of a bin in seconds.
    public let intervalSeconds: Int
    /// How rows are stamped.
    public let stamp: Stamp
    /// Bins of a day.
    public let binsPerDay: Int

    /// Most bins of a day.
    public static let binsMax = 8_640

    /// A session of `segments`; throws where they overlap, are not whole intervals, or give more than `binsMax` bins.
    public init(
        name: String, segments: [Range<Int>], intervalSeconds: Int, stamp: Stamp
    ) throws(ForecastError) {
        guard (1...86_400).contains(intervalSeconds) else {
            throw ForecastError(.configuration, "an interval of \(intervalSeconds) seconds")
        }
        var end = 0
        for segment in segments {
            guard segment.lowerBound >= end, segment.upperBound <= 86_400, !segment.isEmpty else {
                throw ForecastError(.configuration, "session '\(name)': segments must rise within the day")
            }
            guard segment.count % intervalSeconds == 0 else {
                throw ForecastError(
                    .configuration, "session '\(name)': a segment of \(segment.count) s holds no whole number of bins")
            }
            end = segment.upperBound
        }
        let bins = segments.reduce(0) { $0 + $1.count } / intervalSeconds
        guard (2...Self.binsMax).contains(bins) else {
            throw ForecastError(
                .configuration, "session '\(name)' has \(bins) bins a day, 2 to \(Self.binsMax) are allowed")
        }
        self.name = name
        self.segments = segments
        self.intervalSeconds = intervalSeconds
        self.stamp = stamp
        binsPerDay = bins
    }

    /// The session called `name`: `a-share` (09:30-11:30, 13:00-15:00, stamped at the end), `us` (09:30-16:00, start),
    /// `24x7` (start), or a custom list such as `09:00-11:30,13:30-15:00`.
    public init(_ name: String, intervalSeconds: Int = 60, stamp: Stamp? = nil) throws(ForecastError) {
        switch name {
        case "a-share":
            try self.init(
                name: name, segments: [34_200..<41_400, 46_800..<54_000], intervalSeconds: intervalSeconds,
                stamp: stamp ?? .end)
        case "us":
            try self.init(
                name: name, segments: [34_200..<57_600], intervalSeconds: intervalSeconds, stamp: stamp ?? .start)
        case "24x7":
            try self.init(name: name, segments: [0..<86_400], intervalSeconds: intervalSeconds, stamp: stamp ?? .start)
        default:
            try self.init(
                name: name, segments: try Self.segments(name), intervalSeconds: intervalSeconds, stamp: stamp ?? .start)
        }
    }

    private static func segments(_ text: String) throws(ForecastError) -> [Range<Int>] {
        var segments: [Range<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { second(of: $0) }
            guard ends.count == 2, let open = ends[0], let close = ends[1], open < close else {
                throw ForecastError(
                    .configuration, "session '\(text)' is none of a-share, us, 24x7, nor like 09:00-11:30,13:30-15:00")
            }
            segments.append(open..<close)
        }
        return segments
    }

    private static func second(of text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let hour = parts[0], let minute = parts[1], (0...24).contains(hour),
            (0...59).contains(minute), hour * 60 + minute <= 1_440
        else { return nil }
        return hour * 3_600 + minute * 60
    }

    /// Whether days follow each other without a night.
    public var isContinuous: Bool { segments.count == 1 && segments[0] == 0..<86_400 }

    /// Days from a day to the same weekday before it.
    public var daysPerWeek: Int { isContinuous ? 7 : 5 }

    /// Day and bin of a row's time; nil outside the session.
    ///
    /// With end stamps, the opening time of a later segment belongs to the last bin before the break (some sources stamp
    /// 11:30 as 13:00).
    public func place(_ time: CivilTime) -> (day: Int, bin: Int)? {
        var seconds = time.seconds
        if stamp == .end {
            for (number, segment) in segments.enumerated()
            where number > 0 && segment.lowerBound == time.second && segments[number - 1].upperBound != time.second {
                return (time.day, bins(before: number) - 1)
            }
            seconds -= 1
        }
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = seconds - day * 86_400
        return bin(at: second).map { (day, $0) }
    }

    /// The bin that a second of the day lies in, whichever end of its bin a row's time is; nil outside the session.
    public func bin(at second: Int) -> Int? {
        guard let number = segments.firstIndex(where: { $0.contains(second) }) else { return nil }
        return bins(before: number) + (second - segments[number].lowerBound) / intervalSeconds
    }

    /// The time that the row of a bin has.
    public func stamp(day: Int, bin: Int) -> CivilTime {
        let second = start(ofBin: bin) + (stamp == .end ? intervalSeconds : 0)
        return CivilTime(day: day + second / 86_400, second: second % 86_400)
    }

    /// Second of the day at which a bin starts.
    public func start(ofBin bin: Int) -> Int {
        var rest = bin
        for segment in segments {
            let bins = segment.count / intervalSeconds
            if rest < bins { return segment.lowerBound + rest * intervalSeconds }
            rest -= bins
        }
        preconditionFailure("bin \(bin) of \(binsPerDay)")
    }

    /// Bins since the segment of `bin` opened, and bins until it closes; both 0 in a segment of one bin.
    public func edges(ofBin bin: Int) -> (sinceOpen: Int, toClose: Int) {
        var rest = bin
        for segment in segments {
            let bins = segment.count / intervalSeconds
            if rest < bins { return (rest, bins - 1 - rest) }
            rest -= bins
        }
        preconditionFailure("bin \(bin) of \(binsPerDay)")
    }

    private func bins(before number: Int) -> Int {
        segments[..<number].reduce(0) { $0 + $1.count } / intervalSeconds
    }
}
