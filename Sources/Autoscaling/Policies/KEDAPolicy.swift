/// KEDA: a loop that activates and deactivates each service, and the HPA it creates for everything between.
///
/// The loop runs every `pollingInterval` and alone moves a service between 0 (or idle) and its minimum; the HPA syncs
/// every 15 s on the rate as `AverageValue` (`pkg/scaling/executor/scale_scaledobjects.go`, `pkg/fallback`). A rate is
/// null where the observation has none or it is older than 60 s.
public struct KEDAPolicy: ScalingPolicy, Sendable {
    public let name: String
    private let profile: ChainProfile
    private var services: [Service]

    /// A ScaledObject for each service, each at the same utilisation of its own capacity.
    /// - Throws: `PolicyFault` `KEDAConfiguration`.
    public init(_ profile: ChainProfile, utilisation: Double = 0.7, name: String = "keda") throws(PolicyFault) {
        try self.init(
            profile, each: profile.services.map { KEDAConfiguration($0, utilisation: utilisation) }, name: name)
    }

    /// A ScaledObject for each service, in the order of the profile.
    /// - Throws: `PolicyFault` `KEDAConfiguration`.
    public init(_ profile: ChainProfile, each: [KEDAConfiguration], name: String = "keda") throws(PolicyFault) {
        guard each.count == profile.services.count else {
            throw PolicyFault("KEDAConfiguration", "\(each.count) objects for \(profile.services.count) services")
        }
        if let fault = each.lazy.compactMap(\.fault).first { throw PolicyFault("KEDAConfiguration", fault) }
        self.name = name
        self.profile = profile
        services = zip(profile.services, each).map { Service($1, bounds: $0.bounds) }
    }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        guard observation.services.count == services.count else {
            throw PolicyFault(
                "ObservationShape", "\(observation.services.count) services observed, \(services.count) known")
        }
        guard observation.time.isFinite else { throw PolicyFault("NotFinite", "the time is \(observation.time)") }
        let decisions = services.indices.map { index in
            services[index].decide(observation.services[index], at: observation.time)
        }
        return Decision(services: decisions)
    }

    public mutating func applied(_ decision: Decision, at time: Double) {
        for (index, service) in decision.services.enumerated() where services.indices.contains(index) {
            services[index].commit(service.replicas, at: time)
        }
    }
}

extension KEDAPolicy {
    /// One ScaledObject.
    fileprivate struct Service: Sendable {
        /// What the trigger answers.
        private enum Reading {
            case rate(Double)
            case failed
        }

        private let configuration: KEDAConfiguration
        private let replicasMin: Int
        private var controller: HPAController
        private var polls: Cadence
        private var syncs: Cadence
        private var inForce = InForce()
        private var isByHPA = false
        private var created: Double?
        private var lastActive: Double?
        private var failures = 0
        private var reasons: [Reason] = []

        init(_ configuration: KEDAConfiguration, bounds: ClosedRange<Int>) {
            self.configuration = configuration
            replicasMin = configuration.replicasMin ?? bounds.lowerBound
            let hpa = configuration.hpa(bounds: bounds)
            controller = HPAController(hpa, bounds: bounds)
            polls = Cadence(period: configuration.pollingInterval)
            syncs = Cadence(period: hpa.syncPeriod)
        }

        mutating func commit(_ replicas: Int, at time: Double) {
            let change = inForce.commit(replicas, at: time)
            if let change, isByHPA { controller.scaled(by: change.count, at: change.time) }
        }

        mutating func decide(_ observed: ServiceObservation, at now: Double) -> ServiceDecision {
            var (replicas, change) = inForce.settle(observed)
            if let change, isByHPA { controller.scaled(by: change.count, at: change.time) }
            if created == nil { created = now }
            isByHPA = false
            let reading = read(observed)
            var isNew = false
            if polls.isDue(at: now) {
                isNew = true
                reasons = []
                poll(reading, &replicas, at: now)
            }
            if syncs.isDue(at: now) {
                if !isNew { reasons = [] }
                sync(reading, &replicas, at: now)
            } else if !isNew {
                inForce.propose(replicas, at: now)
                return ServiceDecision(replicas: replicas, reasons: [Reason("BetweenSyncs")] + reasons)
            }
            inForce.propose(replicas, at: now)
            return ServiceDecision(replicas: replicas, reasons: reasons)
        }

        private func read(_ observed: ServiceObservation) -> Reading {
            if observed.age >= 0, observed.age <= HPAPolicy.ageMax, let rate = Plausible.rate(observed.rate) {
                return .rate(rate)
            }
            return configuration.ignoresNull ? .rate(0) : .failed
        }

        /// `RequestScale`: between 0 or idle and the minimum.
        private mutating func poll(_ reading: Reading, _ replicas: inout Int, at now: Double) {
            let idle = configuration.replicasIdle
            if case .rate(let rate) = reading, rate > configuration.activation {
                if replicas == 0 || (idle != nil && replicas < replicasMin) {
                    replicas = max(1, replicasMin)
                    reasons.append(Reason("KEDAScaleTargetActivated", "\(rate)/s > \(configuration.activation)/s"))
                }
                lastActive = now
                return
            }
            if case .failed = reading {
                return reasons.append(Reason("TriggerError", "the trigger failed, activation stays as it is"))
            }
            let lowest = idle ?? 0
            if replicas > lowest, idle != nil || replicasMin == 0 {
                let since =
                    lastActive.map { $0 + configuration.cooldown } ?? (created ?? now) + configuration.initialCooldown
                guard since < now else {
                    return reasons.append(Reason("ScalerCooldown", "inactive, deactivated after \(since)"))
                }
                replicas = lowest
                reasons.append(Reason("KEDAScaleTargetDeactivated", "inactive for the cooldown"))
            } else if replicas < replicasMin, idle == nil {
                replicas = replicasMin
                reasons.append(Reason("TooFewReplicas", "minReplicaCount is \(replicasMin)"))
            }
        }

        /// The HPA's sync, which leaves 0 and idle replicas alone.
        private mutating func sync(_ reading: Reading, _ replicas: inout Int, at now: Double) {
            if let idle = configuration.replicasIdle, replicas <= idle { return }
            let proposal: HPACalculator.Proposal
            switch reading {
            case .rate(let rate):
                failures = 0
                proposal = HPACalculator.averageValue(
                    rate, target: configuration.threshold, current: replicas, statusReplicas: replicas,
                    tolerance: controller.configuration.tolerances)
            case .failed:
                failures = min(failures + 1, .replicasEnd)
                if let fallback = configuration.fallback, failures > fallback.failuresMax {
                    let asked = fallback.replicas(current: replicas)
                    reasons.append(Reason("FallbackExists", "after \(failures) failures \(asked) replicas"))
                    proposal = HPACalculator.averageValue(
                        configuration.threshold * Double(asked), target: configuration.threshold, current: replicas,
                        statusReplicas: replicas, tolerance: controller.configuration.tolerances)
                } else {
                    proposal = .invalid("the trigger failed \(failures) times")
                }
            }
            let outcome = controller.sync(spec: replicas, proposals: [proposal], now: now)
            isByHPA = outcome.replicas != replicas
            replicas = outcome.replicas
            reasons += outcome.reasons
        }
    }
}
