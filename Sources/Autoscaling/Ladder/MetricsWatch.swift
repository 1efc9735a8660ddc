/// Judges how much of an observation can be believed: what is fresh, what is stale, what travels in time.
struct MetricsWatch {
    /// What is known of one service's samples.
    private struct Course {
        /// Time of the newest good sample.
        var newest: Double?
        /// Good samples in a row, each newer than the one before.
        var run = 0
    }

    /// The judgement of one round.
    struct Health {
        /// By service: no good sample within the stale time, or never one.
        var isStale: [Bool]
        /// By service: enough fresh samples in a row to take replicas away.
        var isSettled: [Bool]
        /// Whether the observation is newer than the one before.
        var isTimeSound: Bool
        /// Whether any service ever had a good sample.
        var hasKnown: Bool
        /// What is wrong, for people.
        var events: [Reason]

        /// Whether no service has numbers to decide from.
        var isBlind: Bool { !isTimeSound || !isStale.contains(false) }
    }

    private let staleTime: Double
    private let freshWindows: Int
    private var courses: [Course]
    private var last = -Double.infinity
    /// Samples this close in time are one sample.
    private static let tolerance = 1e-3

    init(services: Int, _ settings: LadderSettings) {
        staleTime = settings.stalePeriods * settings.period
        freshWindows = settings.freshWindows
        courses = Array(repeating: Course(), count: services)
    }

    /// Takes an observation without impossible numbers.
    mutating func take(_ observation: Observation) -> Health {
        var health = Health(
            isStale: [], isSettled: [], isTimeSound: observation.time > last && observation.time.isFinite,
            hasKnown: false, events: [])
        if health.isTimeSound {
            last = observation.time
        } else {
            health.events.append(
                Reason("TimeTravel", "an observation of \(observation.time) s came after one of \(last) s"))
        }
        for (index, service) in observation.services.enumerated() {
            if health.isTimeSound { take(service, at: observation.time, index, &health.events) }
            let course = courses[index]
            let isStale = course.newest.map { last - $0 > staleTime } ?? true
            if isStale { courses[index].run = 0 }
            health.hasKnown = health.hasKnown || course.newest != nil
            health.isStale.append(isStale)
            health.isSettled.append(!isStale && health.isTimeSound && course.run >= freshWindows)
        }
        return health
    }

    private mutating func take(
        _ service: ServiceObservation, at time: Double, _ index: Int, _ events: inout [Reason]
    ) {
        guard service.rate != nil || service.utilisation != nil, service.age.isFinite else {
            courses[index].run = 0
            return
        }
        let sampled = time - service.age
        guard let newest = courses[index].newest else {
            courses[index] = Course(newest: sampled, run: 1)
            return
        }
        if sampled < newest - Self.tolerance {
            courses[index].run = 0
            events.append(
                Reason("SampleTravel", "service \(index): a sample of \(sampled) s came after one of \(newest) s"))
        } else if sampled > newest + Self.tolerance {
            courses[index].run = sampled - newest > staleTime ? 1 : courses[index].run + 1
            courses[index].newest = sampled
        }
    }
}

extension Observation {
    /// The observation without numbers that cannot be true (not finite, negative, a share above 1, a sample of the
    /// future, a forecast whose quantiles cross), and what was taken out.
    func sanitised() -> (observation: Observation, events: [Reason]) {
        var clean = self
        var wrong: [String] = []
        func keep(_ value: Double?, _ name: String, max most: Double = .greatestFiniteMagnitude) -> Double? {
            guard let value else { return nil }
            guard value >= 0, value <= most else {
                wrong.append("\(name) \(value)")
                return nil
            }
            return value
        }
        clean.rate = keep(rate, "rate")
        clean.p95 = keep(p95, "p95")
        clean.errorRatio = keep(errorRatio, "errorRatio", max: 1)
        if let forecast, !forecast.isSound || forecast.points.isEmpty {
            wrong.append("forecast")
            clean.forecast = nil
        }
        if let market, !market.sinceOpen.isFinite || !market.length.isFinite || !(market.timeScale >= 1) {
            wrong.append("market clock")
            clean.market = nil
        }
        for (index, service) in services.enumerated() {
            var kept = service
            let label = "of service \(index)"
            kept.rate = keep(service.rate, "rate \(label)")
            kept.utilisation = keep(service.utilisation, "utilisation \(label)")
            kept.queue = keep(service.queue, "queue \(label)")
            kept.p95 = keep(service.p95, "p95 \(label)")
            kept.errorRatio = keep(service.errorRatio, "errorRatio \(label)", max: 1)
            if !(service.age >= 0) {
                wrong.append("age \(service.age) \(label)")
                kept.age = .infinity
            }
            kept.ready = max(0, service.ready)
            kept.draining = max(0, service.draining)
            kept.pending = service.pending.map { $0.isFinite ? max(0, $0) : 0 }
            clean.services[index] = kept
        }
        return (clean, wrong.isEmpty ? [] : [Reason("NotFinite", "left out: \(wrong.joined(separator: ", "))")])
    }
}
