/// What is known at one moment of one service. Nil is a number that is missing, never 0.
public struct ServiceObservation: Sendable, Equatable {
    /// Replicas that serve.
    public var ready: Int
    /// Ages in seconds of the replicas ordered that do not serve yet, oldest first.
    public var pending: [Double]
    /// Replicas that finish what they have and end.
    public var draining: Int
    /// Requests offered to this service a second, over the last sampling period.
    public var rate: Double?
    /// Work done over what the ready replicas could do, 0...1.
    public var utilisation: Double?
    /// Requests that wait.
    public var queue: Double?
    /// 95th percentile of this service's response time, in seconds.
    public var p95: Double?
    /// Share of requests that failed, 0...1.
    public var errorRatio: Double?
    /// Age in seconds of the numbers above; infinite where there never were any.
    public var age: Double

    /// An observation; what is not said is missing.
    public init(
        ready: Int, pending: [Double] = [], draining: Int = 0, rate: Double? = nil, utilisation: Double? = nil,
        queue: Double? = nil, p95: Double? = nil, errorRatio: Double? = nil, age: Double = 0
    ) {
        self.ready = ready
        self.pending = pending
        self.draining = draining
        self.rate = rate
        self.utilisation = utilisation
        self.queue = queue
        self.p95 = p95
        self.errorRatio = errorRatio
        self.age = age
    }

    /// Replicas paid for: those that serve and those that start.
    public var ordered: Int { min(ready, .max - pending.count) + pending.count }
}

/// Load expected: quantiles of the rate of requests of the whole mix, requests a second, at times ahead.
public struct RateForecast: Sendable, Equatable {
    /// One time ahead.
    public struct Point: Sendable, Equatable {
        /// Seconds from the observation.
        public var ahead: Double
        /// The median.
        public var q50: Double
        /// The 90th percentile.
        public var q90: Double

        /// The quantiles at `ahead` seconds.
        public init(ahead: Double, q50: Double, q90: Double) {
            self.ahead = ahead
            self.q50 = q50
            self.q90 = q90
        }
    }

    /// The points, by growing time; at least one.
    public var points: [Point]

    /// A forecast; `points` are ordered by time.
    public init(points: [Point]) {
        precondition(!points.isEmpty, "a forecast has points")
        self.points = points
    }

    /// The quantiles at a time ahead, between points along a line, beyond them those of the nearest.
    public func point(ahead: Double) -> Point {
        guard let next = points.firstIndex(where: { $0.ahead >= ahead }) else { return points[points.count - 1] }
        guard next > 0, points[next].ahead > ahead else { return points[next] }
        let (a, b) = (points[next - 1], points[next])
        let share = (ahead - a.ahead) / (b.ahead - a.ahead)
        return Point(ahead: ahead, q50: a.q50 + share * (b.q50 - a.q50), q90: a.q90 + share * (b.q90 - a.q90))
    }

    /// The largest 90th percentile from now up to a time ahead.
    public func peak(until ahead: Double) -> Double {
        max(points.filter { $0.ahead <= ahead }.map(\.q90).max() ?? 0, point(ahead: ahead).q90)
    }

    /// Whether all numbers are finite, not negative, and q50 is at most q90.
    public var isSound: Bool {
        points.allSatisfy { $0.ahead.isFinite && $0.q50 >= 0 && $0.q90.isFinite && $0.q50 <= $0.q90 }
    }
}

/// Where the trading day stands.
public struct MarketClock: Sendable, Equatable {
    /// Seconds since the day's opening; negative before.
    public var sinceOpen: Double
    /// Length of the session in seconds, breaks included.
    public var length: Double
    /// How many times shorter than in a real session its times are, 1 or more: of days compressed into minutes. A half
    /// day is none, since its auctions are as long as any.
    public var timeScale: Double

    /// A moment of a session.
    public init(sinceOpen: Double, length: Double = 23_400, timeScale: Double = 1) {
        self.sinceOpen = sinceOpen
        self.length = length
        self.timeScale = timeScale
    }

    /// Seconds until the close; negative after.
    public var untilClose: Double { length - sinceOpen }

    /// Within five minutes before or ten after the open, or ten before the close, each divided by `timeScale`: replicas
    /// are not taken away. In a session of less than twenty minutes of real time they never are.
    public var isNearAuction: Bool {
        let share = timeScale.isFinite ? 1 / max(1, timeScale) : 1
        return (-300 * share...600 * share).contains(sinceOpen) || (0...600 * share).contains(untilClose)
    }
}

/// All that a policy may look at.
public struct Observation: Sendable, Equatable {
    /// Seconds on a clock that never goes back.
    public var time: Double
    /// Where the trading day stands; nil where no calendar is known.
    public var market: MarketClock?
    /// Requests offered to the whole a second.
    public var rate: Double?
    /// 95th percentile of the whole response time, in seconds.
    public var p95: Double?
    /// Share of requests that failed or were dropped.
    public var errorRatio: Double?
    /// Load expected; nil where no forecast could be made.
    public var forecast: RateForecast?
    /// Why the forecast is not what its trained model says, a code of `ForecastNote`; nil where it is, or where forecasts
    /// come from a rule.
    public var forecastNote: Reason?
    /// The services, in the order of the chain's profile.
    public var services: [ServiceObservation]

    /// An observation; what is not said is missing.
    public init(
        time: Double, market: MarketClock? = nil, rate: Double? = nil, p95: Double? = nil, errorRatio: Double? = nil,
        forecast: RateForecast? = nil, forecastNote: Reason? = nil, services: [ServiceObservation]
    ) {
        self.time = time
        self.market = market
        self.rate = rate
        self.p95 = p95
        self.errorRatio = errorRatio
        self.forecast = forecast
        self.forecastNote = forecastNote
        self.services = services
    }
}
