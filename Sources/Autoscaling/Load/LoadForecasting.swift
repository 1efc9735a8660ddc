/// What a forecaster may know at a moment.
public struct LoadView: Sendable {
    /// Seconds since the start of the load.
    public var time: Double
    /// Where the trading day stands.
    public var market: MarketClock?
    /// Rates as metrics told them, one a sampling period, oldest first; a lost sample repeats the one before.
    public var observed: [Double]
    /// Seconds from the middle of the last sample in `observed` to now.
    public var age: Double
    /// Seconds between samples.
    public var period: Double
    /// The load itself: only `PerfectForecast` and policies that serve as yardsticks look into it.
    public var truth: LoadTrace

    /// A view.
    public init(
        time: Double, market: MarketClock?, observed: [Double], age: Double, period: Double, truth: LoadTrace
    ) {
        self.time = time
        self.market = market
        self.observed = observed
        self.age = age
        self.period = period
        self.truth = truth
    }
}

/// Tells the load ahead, once a control period.
public protocol LoadForecasting: Sendable {
    /// What it is called in tables.
    var name: String { get }

    /// The load expected from now on; nil where too little is known.
    mutating func forecast(_ view: LoadView) -> RateForecast?
}

extension RateForecast {
    /// Times ahead of the forecasts in the simulator, in seconds.
    public static let horizons: [Double] = [10, 30, 45, 60, 90, 120]
    /// The 90th percentile of the standard normal distribution.
    static let normal90 = 1.2815515655446004
}
