internal import Glibc

/// The calibrated rule: replicas for the larger of the rate expected until new ones could be ready and the rate now.
///
/// `need = ceil(max(q(forecast) over [t, t + startup.p95 + 2 * period + lookahead], rate over 5 s) * visits /
/// (capacity * u*))`, raised to the schedule floor, then up at once and down after a window as `RateRule` does. This is
/// the bar that a learned policy has to pass (RLScale-Bench, arXiv 2605.26418).
public struct ForecastRule: ScalingPolicy, Sendable {
    /// The rule's numbers; the defaults are those calibrated for at most 0.1 % violations on mild training days of the
    /// simulator, with the window of 120 s that halves the reversals of 60 s for 5 % more replica-hours.
    public struct Settings: Sendable, Equatable {
        /// What it shares with the reactive rule: utilisation, window, limits.
        public var rule = RateRule.Settings(utilisation: 0.75, downWindow: 120)
        /// The quantile of the forecast that is served, 0.5...0.99.
        public var quantile = 0.95
        /// Seconds looked ahead beyond `startup.p95 + 2 * period`; negative for fewer.
        public var lookahead = 15.0
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
            return rule.fault
        }
    }

    public let name: String
    /// The rule's numbers.
    public let settings: Settings
    private let profile: ChainProfile
    private let floor: ScheduleFloor?
    private let spread: Double
    private var rules: [RateRule]
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
        rules = profile.services.map { _ in RateRule(settings.rule) }
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
        let services = rules.indices.map { index in
            var service = profile.services[index]
            if settings.learnsCapacity {
                capacities[index].add(observation.services[index], at: observation.time)
                service.serviceTime = Double(service.workers) / capacities[index].value
            }
            let visits = profile.visits(of: index)
            let measured = rules[index].measure(observation, index: index, visits: visits)
            let ahead = max(0, service.startup.p95 + 2 * settings.period + settings.lookahead)
            let expected = peak(forecast, until: ahead) * visits
            let demand = RateRule.Demand(
                rate: max(expected, measured ?? 0),
                source: expected >= (measured ?? 0) ? "expected within \(ahead) s" : "measured",
                isWhole: measured != nil)
            return rules[index].decide(
                demand, service, observation.services[index],
                floor: floor?.replicas(of: index, at: observation.market) ?? 0, at: observation.time)
        }
        return Decision(services: services)
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
