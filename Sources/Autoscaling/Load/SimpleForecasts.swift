internal import Glibc
internal import Learning

/// The true load times a lognormal error: a yardstick, not a forecaster.
///
/// The truth is the mean over 10 s around the time ahead. An error is that of all times ahead at a call, and independent
/// from one call to the next; q90 lies at the error's own 90th percentile.
public struct PerfectForecast: LoadForecasting {
    public let name: String
    /// Standard deviation of the logarithm of the error.
    public let logError: Double
    private var random: Xoshiro256StarStar

    /// A forecast whose error has the given deviation; 0 for the truth.
    public init(logError: Double = 0, seed: UInt64 = 1) {
        precondition(logError >= 0 && logError <= 3, "a log-error of \(logError)")
        self.logError = logError
        name = logError > 0 ? "perfect with error \(logError)" : "perfect"
        random = Xoshiro256StarStar(seed: seed).split("forecast")
    }

    public mutating func forecast(_ view: LoadView) -> RateForecast? {
        let upper = exp(RateForecast.normal90 * logError)
        let error = exp(logError * random.normal())
        var points: [RateForecast.Point] = []
        points.reserveCapacity(RateForecast.horizons.count)
        for ahead in RateForecast.horizons {
            let middle = Int(view.time + ahead)
            let truth = view.truth.mean(middle - 5..<middle + 5)
            let median = truth * error
            points.append(RateForecast.Point(ahead: ahead, q50: median, q90: median * upper))
        }
        return RateForecast(points: points)
    }
}

/// The newest rate goes on; q90 widens by the changes seen so far over as many samples.
public struct PersistenceForecast: LoadForecasting {
    public let name = "persistence"
    /// Mean square of log changes over each time ahead, forgotten with a half-life of 30 minutes.
    private var squares = [Double](repeating: 0.01, count: RateForecast.horizons.count)
    private var seen = 0

    /// A forecast that has seen nothing; changes of 10 % are presumed.
    public init() {}

    public mutating func forecast(_ view: LoadView) -> RateForecast? {
        guard let newest = view.observed.last else { return nil }
        let isNew = view.observed.count > seen
        seen = view.observed.count
        var points: [RateForecast.Point] = []
        points.reserveCapacity(RateForecast.horizons.count)
        for (index, ahead) in RateForecast.horizons.enumerated() {
            let back = view.observed.count - 1 - Int(((ahead + view.age) / view.period).rounded())
            if isNew, back >= 0 {
                let change = log((newest + 1) / (view.observed[back] + 1))
                let weight = 1 - exp(-log(2) * view.period / 1_800)
                squares[index] += weight * (change * change - squares[index])
            }
            let upper = newest * exp(RateForecast.normal90 * squares[index].squareRoot())
            points.append(RateForecast.Point(ahead: ahead, q50: newest, q90: upper))
        }
        return RateForecast(points: points)
    }
}
