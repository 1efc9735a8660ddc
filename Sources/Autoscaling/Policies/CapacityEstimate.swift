/// Requests a second that one replica serves at utilisation 1, measured while the service runs.
///
/// By the utilisation law capacity is `rate / (ready * utilisation)`, taken where the utilisation is 0.3...0.9 and no
/// requests wait, smoothed over five minutes; it is never below the largest rate a replica served within the latency
/// budget in the last hour, and stays within half and one and a half of the profile's.
public struct CapacityEstimate: Sendable, Equatable {
    private let prior: Double
    private let budget: Double
    private var mean = ExponentialMean(timeConstant: 300)
    private var knee = 0.0
    private var kneeTime = 0.0

    /// The profile's capacity until something is measured.
    public init(_ service: ServiceProfile) {
        prior = service.capacity
        budget = service.latencyBudget
    }

    /// Requests a second of one replica.
    public var value: Double { min(1.5 * prior, max(0.5 * prior, max(mean.value ?? prior, knee))) }

    /// Takes an observation; what is missing, waiting or out of range changes nothing.
    public mutating func add(_ observed: ServiceObservation, at time: Double) {
        if time - kneeTime > 3_600 { knee = 0 }
        guard observed.ready > 0, observed.age >= 0, observed.age <= 30, let rate = Plausible.rate(observed.rate),
            let utilisation = Plausible.share(observed.utilisation)
        else { return }
        let each = rate / Double(observed.ready)
        if let p95 = observed.p95, p95 > 0, p95 <= budget, each >= knee { (knee, kneeTime) = (each, time) }
        guard (0.3...0.9).contains(utilisation), observed.pending.isEmpty, (observed.queue ?? 0) < 1 else { return }
        if mean.value == nil { mean.add(prior, at: time) }
        mean.add(each / utilisation, at: time)
    }
}
