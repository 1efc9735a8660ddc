/// The kinds of simulated day that policies are trained and judged on.
public enum DayKind: String, Sendable, CaseIterable {
    /// Order flow without news: deviation 0.25.
    case mild
    /// Volumes: deviation 0.6.
    case bursty
    /// A mild day with two pieces of news on average.
    case eventful
    /// Two humps and an opening auction, as in Shanghai.
    case china
    /// A mild day, eight times the load for 20 s after two hours; for evaluation alone.
    case flash

    /// The generator of such days with a peak in requests a second.
    public func days(peak: Double) -> TradingDayLoad {
        var day: TradingDayLoad
        switch self {
        case .mild: day = .mild
        case .bursty: day = .bursty
        case .eventful: day = .eventful
        case .china:
            day = .mild
            day.exchange = .china
            day.leadIn = 1_200
        case .flash:
            day = .mild
            day.scaling = .profile
            day.flashCrash = 7_200
        }
        day.peak = peak
        return day
    }

    /// Second of the load at which a step begins whose recovery is timed; nil where the kind has none.
    public func step(leadIn: Int) -> Double? { self == .flash ? Double(leadIn + 7_200) : nil }

    /// Largest share of violations that is aimed for.
    public var violationGoal: Double { self == .mild || self == .china ? 0.001 : 0.01 }
}

/// Which seeds are days of what use. The ranges do not meet, so a day that is judged was never learned from.
public enum DaySeeds {
    /// Days that results are reported of.
    public static let test: Range<UInt64> = 1..<10_000
    /// Days that forecasters are fitted on.
    public static let forecast: Range<UInt64> = 10_000..<20_000
    /// Days that choose the best checkpoint.
    public static let validation: Range<UInt64> = 20_000..<30_000
    /// Days that rules are calibrated on.
    public static let calibration: Range<UInt64> = 30_000..<40_000
    /// Days that policies learn from.
    public static let training: Range<UInt64> = 100_000..<200_000

    /// All of them.
    public static let all = [test, forecast, validation, calibration, training]
}

extension DayKind {
    /// A forecaster fitted on `count` days of this kind from `DaySeeds.forecast`, in samples as `path` gives them; a flash
    /// crash cannot be foreseen, so its days have the mild days' forecaster.
    public func forecaster(
        peak: Double, path: MetricsPath = .gathered, days count: Int = 9
    ) throws(SimulationFault) -> TrainedForecast {
        let kind = self == .flash ? DayKind.mild : self
        let generator = kind.days(peak: peak)
        var fitted: [LoadTrace] = []
        for seed in DaySeeds.forecast.prefix(count) { fitted.append(try generator.load(seed: seed)) }
        return try TrainedForecast(days: fitted, period: Int(path.samplingPeriod))
    }
}
