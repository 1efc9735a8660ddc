/// Numbers that a metric may have; everything else is missing, never 0.
enum Plausible {
    /// More requests a second than any chain of ours is offered.
    static let rateMax = 1e12

    /// A rate or a queue that is finite, not negative and not absurd.
    static func rate(_ value: Double?) -> Double? {
        guard let value, value >= 0, value <= rateMax else { return nil }
        return value
    }

    /// A share of 0...1 with a little room for noise above.
    static func share(_ value: Double?) -> Double? {
        guard let value, value >= 0, value <= 1.5 else { return nil }
        return value
    }

    /// A forecast all of whose numbers can be used.
    static func forecast(_ forecast: RateForecast?) -> RateForecast? {
        guard let forecast, forecast.isSound, forecast.points.allSatisfy({ $0.q90 <= rateMax }) else { return nil }
        return forecast
    }

    /// Replicas ordered, for counts that may be anything.
    static func ordered(_ service: ServiceObservation) -> Int {
        min(.replicasEnd, max(0, service.ready.clampedSum(service.pending.count)))
    }

    /// Whether the counts of replicas can be true.
    static func counts(_ service: ServiceObservation) -> Bool {
        service.ready >= 0 && service.draining >= 0 && service.ready <= .replicasEnd
            && service.pending.allSatisfy { $0 >= 0 && $0.isFinite }
    }
}

/// The rate offered to one service, smoothed.
struct OfferedRate: Sendable, Equatable {
    private var mean: ExponentialMean

    /// The smoothed rate as it was last known; nil before the first.
    var last: Double? { mean.value }

    /// A rate smoothed over `timeConstant` seconds, 5 in the calibrated rule.
    init(timeConstant: Double = 5) { mean = ExponentialMean(timeConstant: timeConstant) }

    /// Takes what an observation says of service `index` and returns the smoothed rate: of the service's own reading
    /// where it is at most `ageMax` seconds old, else of the chain's rate times `visits`; nil where both are missing.
    mutating func add(_ observation: Observation, index: Int, visits: Double, ageMax: Double) -> Double? {
        let service = observation.services[index]
        let own = service.age >= 0 && service.age <= ageMax ? Plausible.rate(service.rate) : nil
        guard let rate = own ?? Plausible.rate(observation.rate).map({ $0 * visits }) else { return nil }
        return mean.add(rate, at: observation.time)
    }
}

extension ServiceProfile {
    /// Replicas that serve `rate` requests a second offered to this very service at `utilisation`; not bounded.
    func replicas(serving rate: Double, utilisation: Double) -> Int {
        Int(clamping: max(0, (rate / (capacity * utilisation) - 1e-9).rounded(.up)))
    }

    /// The replicas nearest to `count` within the bounds.
    func clamp(_ count: Int) -> Int { min(bounds.upperBound, max(bounds.lowerBound, count)) }
}
