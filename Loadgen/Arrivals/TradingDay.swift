/// The rate of a trading day: a U with a burst at the open, a smaller one after the break, and one into the close.
///
/// Within the trading time x = 0...1 the weight is `1 + depth (2x - 1)^2 + burst e^(-t / decay)` with one such burst
/// at the open, one after the break and one, mirrored, at the close; straight lines join its values at knots a minute
/// apart, and the whole is scaled so that the mean rate over the trading time (the break left out) is the one given.
/// The defaults give a first minute 4.0 times the mean one; recorded symbol-days of the Shanghai exchange have their
/// busiest minute at 5.5 to 13 times the mean minute, on a random minute where news breaks.
public struct TradingDay: Sendable, Equatable {
    /// Seconds of trading before the break, or of the whole day where there is none.
    public var morningSeconds: Double
    /// Seconds without an arrival; 0 for a day without a break.
    public var breakSeconds: Double
    /// Seconds of trading after it; 0 for a day without a break.
    public var afternoonSeconds: Double
    /// Weight added at the very open and its decay in seconds.
    public var openBurst = 4.5, openDecaySeconds = 600.0
    /// Weight added right after the break and its decay in seconds.
    public var reopenBurst = 0.6, reopenDecaySeconds = 600.0
    /// Weight added at the very close and its growth in seconds.
    public var closeBurst = 1.2, closeDecaySeconds = 900.0
    /// How much more the ends weigh than the middle, bursts aside.
    public var depth = 0.5
    /// Mean arrivals a second over the trading time.
    public var meanRate: Double

    /// A day of the mainland exchanges: 9:30-11:30 and 13:00-15:00.
    public static func aShare(meanRate: Double) -> TradingDay {
        TradingDay(morningSeconds: 7_200, breakSeconds: 5_400, afternoonSeconds: 7_200, meanRate: meanRate)
    }

    /// A day of the exchanges in the United States: 9:30-16:00 without a break.
    public static func unitedStates(meanRate: Double) -> TradingDay {
        TradingDay(morningSeconds: 23_400, breakSeconds: 0, afternoonSeconds: 0, meanRate: meanRate)
    }

    /// A day of the given sessions.
    public init(morningSeconds: Double, breakSeconds: Double, afternoonSeconds: Double, meanRate: Double) {
        self.morningSeconds = morningSeconds
        self.breakSeconds = breakSeconds
        self.afternoonSeconds = afternoonSeconds
        self.meanRate = meanRate
    }

    /// The profile of the day.
    ///
    /// - Throws: where a length, weight or rate is negative or not finite, or the day longer than 24 hours.
    public func profile() throws(ArrivalError) -> RateProfile {
        let sizes = [
            meanRate, breakSeconds, afternoonSeconds, openBurst, reopenBurst, closeBurst, depth, morningSeconds,
        ]
        try require(
            sizes.allSatisfy { $0 >= 0 && $0 <= 1e9 }, "a trading day's rates, weights and lengths are 0 or more")
        let decays = [openDecaySeconds, reopenDecaySeconds, closeDecaySeconds, morningSeconds]
        try require(decays.allSatisfy { $0 > 0 && $0 <= 86_400 }, "the morning and the decays last 1 s to a day")
        try require(
            morningSeconds + breakSeconds + afternoonSeconds <= 86_400, "a trading day lasts at most 24 hours")
        var segments = session(from: 0, seconds: morningSeconds)
        if afternoonSeconds > 0 {
            if breakSeconds > 0 { segments.append(.init(from: 0, to: 0, seconds: breakSeconds)) }
            segments += session(from: morningSeconds, seconds: afternoonSeconds)
        }
        let shape = RateProfile(segments)
        return shape.scaled(by: meanRate * (morningSeconds + afternoonSeconds) / shape.mass)
    }

    private func session(from start: Double, seconds: Double) -> [RateProfile.Segment] {
        let knots = max(1, Int((seconds / 60).rounded(.up)))
        let step = seconds / Double(knots)
        return (0..<knots).map { knot in
            .init(
                from: weight(start + Double(knot) * step, isAfternoon: start > 0),
                to: weight(start + Double(knot + 1) * step, isAfternoon: start > 0), seconds: step)
        }
    }

    /// The weight so many seconds of trading into the day.
    private func weight(_ time: Double, isAfternoon: Bool) -> Double {
        let length = morningSeconds + afternoonSeconds
        let side = 2 * time / length - 1
        var weight = 1 + depth * side * side + openBurst * Elementary.exp(-time / openDecaySeconds)
        weight += closeBurst * Elementary.exp((time - length) / closeDecaySeconds)
        if isAfternoon { weight += reopenBurst * Elementary.exp((morningSeconds - time) / reopenDecaySeconds) }
        return weight
    }
}
