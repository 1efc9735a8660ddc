/// Kubernetes' HPA v2, one object for each service, fed with what is known of a service as a whole.
///
/// Every ready replica is a running pod with the service's mean utilisation, every pending one a pending pod. A
/// replica that became ready less than a metric window before the reading counts as unready, as a pod within its
/// initialisation period does. Numbers that are missing or older than 60 s are metrics that could not be read. Between
/// syncs (15 s, however often it is asked) the last decision stands.
///
/// With `applied` never called the policy takes its own proposals to be in force.
public struct HPAPolicy: ScalingPolicy, Sendable {
    public let name: String
    private let profile: ChainProfile
    private var services: [Service]

    fileprivate struct Service: Sendable {
        var controller: HPAController
        var cadence: Cadence
        var inForce = InForce()
        var readiness = ReadinessLog()
        var last: HPAController.Outcome?
    }

    /// The age in seconds past which metrics-server has no reading of a pod.
    static let ageMax = 60.0

    /// An HPA of the same configuration for each service.
    /// - Throws: `PolicyFault` `HPAConfiguration`.
    public init(
        _ profile: ChainProfile, _ configuration: HPAConfiguration = HPAConfiguration(), name: String = "hpa"
    ) throws(PolicyFault) {
        try self.init(profile, each: profile.services.map { _ in configuration }, name: name)
    }

    /// An HPA for each service, in the order of the profile.
    /// - Throws: `PolicyFault` `HPAConfiguration`.
    public init(_ profile: ChainProfile, each: [HPAConfiguration], name: String = "hpa") throws(PolicyFault) {
        guard each.count == profile.services.count else {
            throw PolicyFault("HPAConfiguration", "\(each.count) HPAs for \(profile.services.count) services")
        }
        if let fault = each.lazy.compactMap(\.fault).first { throw PolicyFault("HPAConfiguration", fault) }
        self.name = name
        self.profile = profile
        services = zip(profile.services, each).map { service, configuration in
            Service(
                controller: HPAController(configuration, bounds: service.bounds),
                cadence: Cadence(period: configuration.syncPeriod))
        }
    }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        guard observation.services.count == services.count else {
            throw PolicyFault(
                "ObservationShape", "\(observation.services.count) services observed, \(services.count) known")
        }
        guard observation.time.isFinite else { throw PolicyFault("NotFinite", "the time is \(observation.time)") }
        let decisions = services.indices.map { index in
            services[index].decide(observation.services[index], profile.services[index], at: observation.time)
        }
        return Decision(services: decisions)
    }

    public mutating func applied(_ decision: Decision, at time: Double) {
        for (index, service) in decision.services.enumerated() where services.indices.contains(index) {
            guard let change = services[index].inForce.commit(service.replicas, at: time) else { continue }
            services[index].controller.scaled(by: change.count, at: change.time)
        }
    }
}

extension HPAPolicy.Service {
    mutating func decide(_ observed: ServiceObservation, _ profile: ServiceProfile, at now: Double) -> ServiceDecision {
        let (spec, change) = inForce.settle(observed)
        if let change { controller.scaled(by: change.count, at: change.time) }
        readiness.note(max(0, observed.ready), at: now, keeping: controller.configuration.cpuInitialisation)
        guard cadence.isDue(at: now) else {
            inForce.propose(spec, at: now)
            return ServiceDecision(replicas: spec, reasons: [Reason("BetweenSyncs")] + (last?.reasons ?? []))
        }
        let proposals = controller.configuration.metrics.map { propose($0, observed, profile, spec: spec, now: now) }
        let outcome = controller.sync(spec: spec, proposals: proposals, now: now)
        last = outcome
        inForce.propose(outcome.replicas, at: now)
        return ServiceDecision(replicas: outcome.replicas, reasons: outcome.reasons)
    }

    private func propose(
        _ metric: HPAMetric, _ observed: ServiceObservation, _ profile: ServiceProfile, spec: Int, now: Double
    ) -> HPACalculator.Proposal {
        let configuration = controller.configuration
        guard observed.age >= 0, observed.age <= HPAPolicy.ageMax, Plausible.counts(observed) else {
            return .invalid("no metrics known")
        }
        let read = now - observed.age
        switch metric {
        case .cpu(let percent):
            guard let share = Plausible.share(observed.utilisation) else { return .invalid("no metrics known") }
            let young = min(observed.ready, readiness.count(after: read - configuration.metricWindow))
            let request = Int64((profile.processors * 1_000).rounded())
            let groups = groups(observed, young: young, usage: share * profile.processors, request: max(1, request))
            return HPACalculator.utilisation(
                groups, percent: percent, current: spec, tolerance: configuration.tolerances)
        case .pods(let source, let target):
            guard let sum = value(source, observed) else { return .invalid("no metrics known") }
            let mean = observed.ready > 0 ? sum / Double(observed.ready) : 0
            let groups = groups(observed, young: 0, usage: mean, request: 0)
            return HPACalculator.average(
                groups, target: max(1, Int64((target * 1_000).rounded())), current: spec,
                tolerance: configuration.tolerances)
        case .externalValue(let source, let target):
            guard let sum = value(source, observed) else { return .invalid("no metrics known") }
            return HPACalculator.value(
                sum, target: target, current: spec, readyPods: observed.ready, tolerance: configuration.tolerances)
        case .externalAverage(let source, let target):
            guard let sum = value(source, observed) else { return .invalid("no metrics known") }
            return HPACalculator.averageValue(
                sum, target: target, current: spec, statusReplicas: spec, tolerance: configuration.tolerances)
        }
    }

    /// The service's replicas as groups of pods of `usage` units each.
    private func groups(
        _ observed: ServiceObservation, young: Int, usage: Double, request: Int64
    ) -> HPAPodGroups {
        let each = Int64((usage * 1_000).rounded())
        let (old, unready) = (observed.ready - young, observed.pending.count + young)
        return HPAPodGroups(
            ready: HPAPodGroups.Group(count: old, usage: each * Int64(old), request: request * Int64(old)),
            unready: HPAPodGroups.Group(count: unready, request: request * Int64(unready)))
    }

    private func value(_ source: HPASource, _ observed: ServiceObservation) -> Double? {
        switch source {
        case .rate: Plausible.rate(observed.rate)
        case .queue: Plausible.rate(observed.queue)
        }
    }
}

/// When how many replicas became ready, read off the number that is ready.
struct ReadinessLog: Sendable, Equatable {
    private var ready: Int?
    private var risen: [(time: Double, count: Int)] = []

    /// Takes the number that is ready; replicas that end are the youngest.
    mutating func note(_ count: Int, at time: Double, keeping: Double) {
        defer { ready = count }
        risen.removeAll { $0.time <= time - keeping }
        guard let ready, count != ready else { return }
        if count > ready { return risen.append((time, count - ready)) }
        var gone = ready - count
        while gone > 0, let last = risen.popLast() {
            if last.count > gone { risen.append((last.time, last.count - gone)) }
            gone -= min(gone, last.count)
        }
    }

    /// Replicas that became ready after a time.
    func count(after time: Double) -> Int { risen.reduce(0) { $0 + ($1.time > time ? $1.count : 0) } }

    static func == (one: ReadinessLog, other: ReadinessLog) -> Bool {
        one.ready == other.ready && one.risen.elementsEqual(other.risen) { $0 == $1 }
    }
}
