/// What all rules that count replicas from a rate share: up at once within a limit, down after the largest need of a
/// window, no faster than another limit, never on numbers that are missing; and one more for each replica that starts
/// longer than its profile's longest start.
public struct RateRule: Sendable, Equatable {
    /// The rule's numbers.
    public struct Settings: Sendable, Equatable {
        /// Utilisation that replicas are counted for, more than 0 and at most 1 (u*).
        public var utilisation = 0.7
        /// Seconds of which the largest need is kept before replicas are taken away.
        public var downWindow = 120.0
        /// Time constant in seconds over which the measured rate is smoothed.
        public var smoothing = 5.0
        /// Seconds in which requests that wait are to be worked off beside the rate; nil to leave them to the
        /// headroom.
        public var drain: Double?
        /// Age in seconds past which numbers are missing.
        public var ageMax = 30.0
        /// How fast replicas may become more.
        public var up = ScalingRules.upDefault
        /// How fast replicas may become fewer.
        public var down = ScalingRules.downQuarter

        /// Utilisation 0.7, 120 s, 5 s, no draining.
        public init(utilisation: Double = 0.7, downWindow: Double = 120) {
            self.utilisation = utilisation
            self.downWindow = downWindow
        }

        /// The first contradiction in the settings; nil where there is none.
        public var fault: String? {
            if !(utilisation > 0 && utilisation <= 1) { return "utilisation is more than 0 and at most 1" }
            if !(downWindow >= 0 && downWindow <= 86_400) { return "downWindow is 0...86400 s" }
            if !(smoothing >= 0 && smoothing.isFinite) { return "smoothing is at least 0 s" }
            if let drain, !(drain > 0 && drain.isFinite) { return "drain is more than 0 s" }
            if !(ageMax > 0) { return "ageMax is more than 0 s" }
            return up.fault.map { "up: \($0)" } ?? down.fault.map { "down: \($0)" }
        }
    }

    /// The load that replicas of one service are counted for, in requests a second at the service.
    struct Demand {
        /// The load.
        var rate: Double
        /// Where it comes from.
        var source: String
        /// Whether all of it was measured or forecast, so that replicas may be taken away.
        var isWhole: Bool
        /// Replicas that a plan has for it; nil to count them at the rule's utilisation.
        var replicas: Int?
    }

    /// The rule's numbers.
    public let settings: Settings
    private var inForce = InForce()
    private var offered: OfferedRate
    private var needs: TrailingMaximum
    private var history = ScaleHistory()
    /// When the last need was added, and the shortest time between two.
    private var neededAt: Double?
    private var pace = Double.infinity

    /// A rule for one service without memory.
    init(_ settings: Settings) {
        self.settings = settings
        offered = OfferedRate(timeConstant: settings.smoothing)
        needs = TrailingMaximum(window: settings.downWindow)
    }

    /// The smoothed rate at service `index`, with what waits there spread over `drain`; nil where it is missing.
    mutating func measure(_ observation: Observation, index: Int, visits: Double) -> Double? {
        let rate = offered.add(observation, index: index, visits: visits, ageMax: settings.ageMax)
        guard let rate, let drain = settings.drain, let queue = Plausible.rate(observation.services[index].queue)
        else { return rate }
        return rate + queue / drain
    }

    /// The service's replicas for a load, or those in force where nothing is known of it.
    mutating func decide(
        _ demand: Demand?, _ service: ServiceProfile, _ observed: ServiceObservation, floor: Int, at now: Double
    ) -> ServiceDecision {
        let (held, change) = inForce.settle(observed)
        if let change { record(change) }
        guard let demand else {
            let replicas = service.clamp(max(held, floor))
            inForce.propose(replicas, at: now)
            return ServiceDecision(replicas: replicas, reasons: [Reason("MetricsMissing", "hold \(held)")])
        }
        let counted = demand.replicas ?? service.replicas(serving: demand.rate, utilisation: settings.utilisation)
        let need = service.clamp(max(floor, counted))
        // A replica that should serve by now may never do so: another takes its place until it does or is given up.
        let overdue = observed.pending.count { $0 > service.startup.range.upperBound }
        if isBeginning(at: now) { needs.add(held, at: now) }
        let lasting = service.clamp(needs.add(need, at: now) + overdue)
        let wanted = service.clamp(need + overdue)
        var reasons = [
            Reason("CapacityNeed", "\(need) for \(demand.rate)/s \(demand.source) at \(settings.utilisation)")
        ]
        if overdue > 0 { reasons.insert(Reason("ReplicaOverdue", "\(overdue) more, as many start too long"), at: 0) }
        var replicas = held
        if wanted > held {
            replicas = min(wanted, history.most(settings.up, current: held, now: now))
            if replicas < wanted { reasons.insert(Reason("ScaleUpLimit", "\(replicas) of \(wanted)"), at: 0) }
        } else if lasting < held, demand.isWhole {
            replicas = max(lasting, history.fewest(settings.down, current: held, now: now))
            if replicas > lasting { reasons.insert(Reason("ScaleDownLimit", "\(replicas) of \(lasting)"), at: 0) }
        } else if wanted < held {
            reasons.insert(
                demand.isWhole
                    ? Reason("ScaleDownStabilized", "\(lasting) within \(settings.downWindow) s")
                    : Reason("MetricsMissing", "not below \(held)"),
                at: 0)
        }
        let bounded = service.clamp(replicas)
        inForce.propose(bounded, at: now)
        return ServiceDecision(replicas: bounded, reasons: reasons)
    }

    /// Whether nothing is known of the needs before: what is in force then counts as one, so that the rule begins with no
    /// scale-down, neither at its start nor where numbers were missing for so long that its window ran empty.
    private mutating func isBeginning(at now: Double) -> Bool {
        defer { neededAt = now }
        guard let neededAt else { return true }
        let gap = now - neededAt
        defer { if gap > 0 { pace = min(pace, gap) } }
        return gap > max(settings.ageMax, pace.isFinite ? 3 * pace : 0)
    }

    /// Takes what was applied after a decision.
    mutating func commit(_ replicas: Int, at time: Double) {
        if let change = inForce.commit(replicas, at: time) { record(change) }
    }

    private mutating func record(_ change: (count: Int, time: Double)) {
        history.record(
            change.count, at: change.time, keeping: max(settings.up.longestPeriod, settings.down.longestPeriod))
    }
}

/// Replicas for the rate that is offered now: the rung below the forecast rule, and what KEDA with a short poll does.
public struct ReactiveRule: ScalingPolicy, Sendable {
    public let name: String
    private let profile: ChainProfile
    private let floor: ScheduleFloor?
    private var rules: [RateRule]

    /// A rule of the same numbers for each service.
    /// - Throws: `PolicyFault` `RateRule`.
    public init(
        _ profile: ChainProfile, _ settings: RateRule.Settings = RateRule.Settings(), floor: ScheduleFloor? = nil,
        name: String = "reactive"
    ) throws(PolicyFault) {
        if let fault = settings.fault { throw PolicyFault("RateRule", fault) }
        self.name = name
        self.profile = profile
        self.floor = floor
        rules = profile.services.map { _ in RateRule(settings) }
    }

    /// - Throws: `PolicyFault` `MetricsMissing` where no service's rate is known.
    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        try observation.check(services: rules.count)
        let rates = rules.indices.map {
            rules[$0].measure(observation, index: $0, visits: profile.visits(of: $0))
        }
        guard rates.contains(where: { $0 != nil }) else {
            throw PolicyFault("MetricsMissing", "no rate is known of any service")
        }
        let services = rules.indices.map { index in
            let demand = rates[index].map { RateRule.Demand(rate: $0, source: "measured", isWhole: true) }
            return rules[index].decide(
                demand, profile.services[index], observation.services[index],
                floor: floor?.replicas(of: index, at: observation.market) ?? 0, at: observation.time)
        }
        return Decision(services: services)
    }

    public mutating func applied(_ decision: Decision, at time: Double) {
        for (index, service) in decision.services.enumerated() where rules.indices.contains(index) {
            rules[index].commit(service.replicas, at: time)
        }
    }
}

extension Observation {
    /// - Throws: `PolicyFault` `ObservationShape` or `NotFinite`.
    func check(services count: Int) throws(PolicyFault) {
        guard services.count == count else {
            throw PolicyFault("ObservationShape", "\(services.count) services observed, \(count) known")
        }
        guard time.isFinite else { throw PolicyFault("NotFinite", "the time is \(time)") }
    }
}
