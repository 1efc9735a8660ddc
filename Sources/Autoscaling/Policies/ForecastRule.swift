internal import Glibc

/// The calibrated rule: replicas for the larger of the rate expected until new ones could be ready and the rate now.
///
/// The load is `max(q(forecast) over [t, t + startup.p95 + 2 * period + lookahead], rate over 5 s)`, the rate being the
/// larger of the service's own and the chain's, so that no service waits for the one before it to grow. With `latencyShare`
/// its replicas are those of `ReplicaPlan`, which knows the chain's promise; without it each service has
/// `ceil(load * visits / (capacity * u*))`. They are raised to the schedule floor, and to the number from which the limit
/// upwards still lets the replicas of the median forecast further ahead be reached in time where they are twice as many,
/// by a start half as long again as the longest: of the dozens that an open asks for some are slow. Then up at once and
/// down after a window as `RateRule` does. This is the bar that a learned policy has to pass (RLScale-Bench, arXiv
/// 2605.26418).
///
/// The window does more than steady the replicas: bursts come again within minutes, so the largest need of twelve minutes
/// is itself room for the next one, and a smaller quantile serves. Measured against two minutes at equal violations: a
/// twentieth of the reversals, for 3 % more replica-hours on mild and 19 % on bursty days.
public struct ForecastRule: ScalingPolicy, Sendable {
    /// The rule's numbers; the defaults are those that `RuleTuning.calibrated` finds.
    public struct Settings: Sendable, Equatable {
        /// What it shares with the reactive rule: utilisation, window, limits. With `latencyShare` the utilisation is the
        /// largest that any service may have.
        public var rule = RateRule.Settings(utilisation: 0.92, downWindow: 720)
        /// The part of the promised response time that replicas are planned for, more than 0 and at most 1; nil to count
        /// the replicas of each service by its utilisation alone.
        public var latencyShare: Double? = 0.75
        /// The quantile of the forecast that is served, 0.5...0.99.
        public var quantile = 0.9
        /// Seconds looked ahead beyond `startup.p95 + 2 * period`; negative for fewer.
        public var lookahead = 0.0
        /// Seconds between decisions.
        public var period = 10.0
        /// Whether the capacity of a replica is corrected by what is measured.
        public var learnsCapacity = false

        /// The defaults.
        public init() {}

        /// The first contradiction in the settings; nil where there is none.
        public var fault: String? {
            if !(quantile >= 0.5 && quantile <= 0.99) { return "quantile is 0.5...0.99" }
            if !(lookahead.isFinite && abs(lookahead) <= 3_600) { return "lookahead is -3600...3600 s" }
            if !(period > 0 && period.isFinite) { return "period is more than 0 s" }
            if let latencyShare {
                if !(latencyShare > 0 && latencyShare <= 1) { return "latencyShare is more than 0 and at most 1" }
                if rule.utilisation > 0.99 { return "utilisation is at most 0.99 where latencyShare is set" }
            }
            return rule.fault
        }
    }

    /// The slowest start that counts where many replicas start at once, in longest ordinary ones.
    static let slowStart = 1.5
    /// Times the replicas needed soon from which on those needed later are a rise that takes preparation.
    static let largeRise = 2

    public let name: String
    /// The rule's numbers.
    public let settings: Settings
    private let profile: ChainProfile
    private let floor: ScheduleFloor?
    private let spread: Double
    private let plan: ReplicaPlan?
    private var rules: [RateRule]
    private var whole: ExponentialMean
    private var capacities: [CapacityEstimate]

    /// A rule of the same numbers for each service.
    /// - Throws: `PolicyFault` `ForecastRule`.
    public init(
        _ profile: ChainProfile, _ settings: Settings = Settings(), floor: ScheduleFloor? = nil,
        name: String = "forecast"
    ) throws(PolicyFault) {
        if let fault = settings.fault { throw PolicyFault("ForecastRule", fault) }
        self.name = name
        self.settings = settings
        self.profile = profile
        self.floor = floor
        spread = Self.normalQuantile(settings.quantile) / Self.normalQuantile(0.9)
        plan = settings.latencyShare.map { share in
            ReplicaPlan(
                profile, latency: share * profile.latencyTarget, utilisationMost: settings.rule.utilisation)
        }
        rules = profile.services.map { _ in RateRule(settings.rule) }
        whole = ExponentialMean(timeConstant: settings.rule.smoothing)
        capacities = profile.services.map { CapacityEstimate($0) }
    }

    /// - Throws: `PolicyFault` `ForecastMissing` without a forecast, `NotFinite` where its numbers cannot be.
    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        try observation.check(services: rules.count)
        guard let forecast = observation.forecast else {
            throw PolicyFault("ForecastMissing", "no forecast of the rate is known")
        }
        guard let forecast = Plausible.forecast(forecast) else {
            throw PolicyFault("NotFinite", "the forecast has numbers that no rate has")
        }
        let offered = Plausible.rate(observation.rate).map { whole.add($0, at: observation.time) }
        let services = rules.indices.map { decide($0, forecast, offered: offered ?? 0, observation) }
        return Decision(services: services)
    }

    private mutating func decide(
        _ index: Int, _ forecast: RateForecast, offered: Double, _ observation: Observation
    ) -> ServiceDecision {
        var service = profile.services[index]
        if settings.learnsCapacity {
            capacities[index].add(observation.services[index], at: observation.time)
            service.serviceTime = Double(service.workers) / capacities[index].value
        }
        let visits = profile.visits(of: index)
        let measured = rules[index].measure(observation, index: index, visits: visits)
        let ahead = max(0, service.startup.p95 + 2 * settings.period + settings.lookahead)
        let expected = peak(forecast, until: ahead) * visits
        // What enters the chain comes to every service, even while one before it lets less through.
        let now = max(measured ?? 0, offered * visits)
        let rate = max(expected, now)
        let near = service.clamp(replicas(of: index, service, serving: rate))
        let demand = RateRule.Demand(
            rate: rate, source: expected >= now ? "expected within \(ahead) s" : "measured", isWhole: measured != nil,
            replicas: near)
        var floor = floor?.replicas(of: index, at: observation.market) ?? 0
        // Done a period of the limit early, so that what the served quantile then adds is not held up by it.
        let slowest =
            Self.slowStart * service.startup.range.upperBound + 2 * settings.period + settings.lookahead
            + settings.rule.up.longestPeriod
        for point in forecast.points where point.ahead > ahead {
            let later = service.clamp(replicas(of: index, service, serving: point.q50 * visits))
            guard later >= Self.largeRise * near else { continue }
            floor = max(floor, settings.rule.up.fewest(reaching: later, in: point.ahead - slowest))
        }
        return rules[index].decide(demand, service, observation.services[index], floor: floor, at: observation.time)
    }

    /// Replicas for so many requests a second at a service, whose capacity may be other than in the profile.
    private func replicas(of index: Int, _ service: ServiceProfile, serving rate: Double) -> Int {
        let visits = profile.visits(of: index)
        guard let plan, visits > 0 else {
            return service.replicas(serving: rate, utilisation: settings.rule.utilisation)
        }
        // A replica that serves less than the profile says makes the load as much larger.
        let load = rate / visits * profile.services[index].capacity / service.capacity
        return plan.replicas[plan.place(of: load)][index]
    }

    public mutating func applied(_ decision: Decision, at time: Double) {
        for (index, service) in decision.services.enumerated() where rules.indices.contains(index) {
            rules[index].commit(service.replicas, at: time)
        }
    }

    /// The largest of the served quantile from now up to a time ahead, read between its points along a line.
    func peak(_ forecast: RateForecast, until ahead: Double) -> Double {
        var largest = quantile(forecast.point(ahead: ahead))
        for point in forecast.points where point.ahead <= ahead { largest = max(largest, quantile(point)) }
        return largest
    }

    /// The served quantile of one point: between and beyond q50 and q90 as a lognormal distribution has it.
    private func quantile(_ point: RateForecast.Point) -> Double {
        if spread == 1 { return point.q90 }
        guard point.q50 > 0 else { return point.q90 * min(1, spread) }
        return min(Plausible.rateMax, point.q50 * pow(point.q90 / point.q50, spread))
    }

    /// Quantiles of the standard normal distribution by Newton's method on `erfc`; exact to rounding on 0.5...0.99.
    static func normalQuantile(_ share: Double) -> Double {
        var z = 0.0
        for _ in 0..<40 {
            let density = exp(-z * z / 2) / (2 * Double.pi).squareRoot()
            z -= (1 - 0.5 * erfc(z / 2.0.squareRoot()) - share) / density
        }
        return z
    }
}
