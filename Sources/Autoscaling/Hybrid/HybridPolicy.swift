internal import Learning

/// The hybrid genetic and reinforcement scheduler as a scaling policy: each control period it searches a plan for the
/// load expected until new replicas could serve.
///
/// The load of a service is the larger of its rate smoothed over 5 s and the forecast's 90th percentile up to
/// `startup.p95 + 2 * period` seconds ahead, and of the same over the last `window` seconds, which keeps replicas through
/// short lulls. Plans are judged in `SteadyState`; the search starts from the plan in force, that of the calibrated rule
/// and those of similar past loads, and is bounded by evaluations. A plan that beats the one in force by less than
/// `margin` of F, and spares less than a tenth of the processors, is not taken, so that equal plans do not alternate
/// (ours). Near the open and the close, and where numbers are missing or old, no service gets fewer replicas than are in
/// force.
/// Priority and quota are advice: actuators may leave them alone, and a lower quota only ever spares what a replica does
/// not need at this load.
/// It searches once a period, however often it is asked, and keeps what is in force between.
/// A class because its network is one: one policy serves one chain. Same seed and observations, same decisions.
public final class HybridPolicy: ScalingPolicy {
    /// Settings; the defaults keep a decision for eight services within 5 ms of processor time.
    public struct Configuration: Sendable {
        /// The search; smaller than the adopted one of 2,500 evaluations.
        public var scheduler = HybridScheduler.Configuration()
        /// u*.
        public var utilisationTarget = 0.7
        /// Seconds over which the largest load is planned for.
        public var window = 120.0
        /// Seconds between decisions.
        public var period = 10.0
        /// F by which a plan must be better than the one in force.
        public var margin = 0.02
        /// Age in seconds up to which numbers are fresh.
        public var freshFor = 30.0
        /// Shares of a replica's processors a plan may allow; [1] for no advice.
        public var quotas: [Double] = [1]
        /// Growth of service times by node load above 0.7; more than 0 lets plans set priorities.
        public var contention = 0.0
        /// Processors of all nodes; nil for the profile's budget.
        public var nodeProcessors: Double?

        /// The defaults, with the start of all random numbers.
        public init(seed: UInt64 = 1) {
            scheduler.search.population = 20
            scheduler.search.populationRange = 14...28
            scheduler.search.elites = 3
            scheduler.search.evaluationsMax = 120
            scheduler.search.patience = 8
            scheduler.search.seed = seed
        }

        var fault: String? {
            if !(utilisationTarget > 0 && utilisationTarget <= 0.9) {
                return "utilisationTarget is more than 0, at most 0.9"
            }
            if !(window >= 0 && window <= 3_600) { return "window is 0...3600 s" }
            if !(period > 0 && period <= 3_600) { return "period is more than 0 and at most 3600 s" }
            if !(margin >= 0 && margin <= 1) { return "margin is 0...1" }
            if !(freshFor > 0 && freshFor.isFinite) { return "freshFor is more than 0 s" }
            if !(contention >= 0 && contention <= 100) { return "contention is 0...100" }
            if let nodeProcessors, !(nodeProcessors > 0) { return "nodeProcessors is more than 0" }
            return nil
        }
    }

    public let name: String
    /// Settings.
    public let configuration: Configuration
    /// What the last search found; nil before the first.
    public private(set) var last: HybridScheduler.Outcome?
    private let profile: ChainProfile
    private let fitness: PlanFitness
    private let priorities: [Double]
    private var scheduler: HybridScheduler
    private var memory = PlanMemory()
    private var offered: [OfferedRate]
    private var peaks: [TrailingMaximum]
    private var levels: [Int]?
    private var inForce: [Int]?
    private var cadence: Cadence
    private var decidedAt = -Double.infinity
    private var latest: Decision?

    /// A policy for `profile`.
    /// - Throws: `Configuration` where the profile contradicts itself or a setting is outside its limits.
    public init(
        _ profile: ChainProfile, _ configuration: Configuration = Configuration(), name: String = "hybrid"
    ) throws(PolicyFault) {
        if let fault = configuration.fault { throw PolicyFault("Configuration", fault) }
        self.name = name
        self.profile = profile
        self.configuration = configuration
        cadence = Cadence(period: configuration.period)
        priorities = configuration.contention > 0 ? [0.25, 0.5, 0.75, 1] : [1]
        let space = try PlanSpace(profile, priorities: priorities, quotas: configuration.quotas)
        do throws(LearningError) {
            _ = try GeneticAlgorithm(space.variation, configuration: configuration.scheduler.search)
        } catch {
            throw PolicyFault("Configuration", error.message)
        }
        fitness = PlanFitness(profile, utilisationTarget: configuration.utilisationTarget)
        scheduler = HybridScheduler(services: profile.services.count, configuration: configuration.scheduler)
        offered = profile.services.map { _ in OfferedRate() }
        peaks = profile.services.map { _ in TrailingMaximum(window: configuration.window) }
    }

    /// - Throws: `ObservationShape` for another number of services or impossible counts, `ForecastMissing`, `NotFinite`
    ///   for a forecast whose numbers cannot be used.
    public func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        guard observation.services.count == profile.services.count else {
            throw PolicyFault(
                "ObservationShape", "\(observation.services.count) services observed, \(profile.services.count) known")
        }
        guard observation.services.allSatisfy(Plausible.counts) else {
            throw PolicyFault("ObservationShape", "counts of replicas that cannot be")
        }
        guard observation.forecast != nil else { throw PolicyFault("ForecastMissing", "no forecast of the load") }
        guard let forecast = Plausible.forecast(observation.forecast) else {
            throw PolicyFault("NotFinite", "the forecast has numbers that cannot be used")
        }
        let (rates, isComplete) = plannedRates(observation, forecast)
        let held = inForce ?? observation.services.map(\.ordered)
        var next = observation.time < decidedAt ? Cadence(period: configuration.period) : cadence
        guard next.isDue(at: observation.time) else { return between(held) }
        (cadence, decidedAt) = (next, observation.time)
        let mayShrink = isComplete && !(observation.market?.isNearAuction ?? false)
        let space = try PlanSpace(
            profile, floors: mayShrink ? nil : held, priorities: priorities, quotas: configuration.quotas)
        var model = SteadyState(
            space, rates: rates, contention: configuration.contention, nodeProcessors: configuration.nodeProcessors)
        var current = space.genome(replicas: held)
        if let levels { current.replaceSubrange(held.count..., with: levels) }
        let ruled = space.genome(
            replicas: profile.services.indices.map { index in
                profile.services[index].replicas(serving: rates[index], utilisation: configuration.utilisationTarget)
            })
        let similar = memory.similar(
            rates: rates, profile: profile, utilisation: configuration.utilisationTarget,
            countMax: configuration.scheduler.search.population)
        var found = try scheduler.plan(
            space, fitness, seeds: [current, ruled], similar: similar, rates: rates,
            evaluate: { model.outcome($0) })
        let kept = fitness.fitness(model.outcome(current))
        // Without load all plans have the same F: the rule's is the smallest.
        let isIdle = rates.allSatisfy { $0 == 0 }
        let isKept =
            !isIdle && kept.violation <= found.fitness.violation
            && found.fitness.value - kept.value < configuration.margin
            && space.processors(current) <= 1.1 * found.outcome.processors
        if isKept || isIdle {
            found.genome = isKept ? current : ruled
            found.outcome = model.outcome(found.genome)
            found.fitness = fitness.fitness(found.outcome)
        }
        memory.remember(rates: rates, genome: found.genome)
        levels = Array(found.genome[held.count...])
        inForce = Array(found.genome[..<held.count])
        last = found
        let decision = explained(space.decision(found.genome), found, held, rates, isKept: isKept)
        latest = decision
        return decision
    }

    /// The latest plan's advice with the replicas in force.
    private func between(_ held: [Int]) -> Decision {
        var services = latest?.services ?? held.map { ServiceDecision(replicas: $0) }
        for index in services.indices {
            services[index].replicas = profile.services[index].clamp(held[index])
            services[index].reasons = [Reason("BetweenDecisions", "one each \(configuration.period) s")]
        }
        return Decision(services: services)
    }

    public func applied(_ decision: Decision, at time: Double) {
        guard decision.services.count == profile.services.count else { return }
        inForce = decision.replicas.map { min(.replicasEnd, max(0, $0)) }
    }

    /// The load of each service to plan for, and whether all that it should be made of was known.
    private func plannedRates(_ observation: Observation, _ forecast: RateForecast) -> ([Double], Bool) {
        var isComplete = true
        let rates = profile.services.indices.map { index -> Double in
            let visits = profile.visits(of: index)
            let ahead = profile.services[index].startup.p95 + 2 * configuration.period
            var rate = forecast.peak(until: ahead) * visits
            if let now = offered[index].add(
                observation, index: index, visits: visits, ageMax: configuration.freshFor)
            {
                rate = max(rate, now)
            } else {
                isComplete = false
            }
            return Double(peaks[index].add(Int(clamping: rate.rounded(.up)), at: observation.time))
        }
        return (rates, isComplete)
    }

    private func explained(
        _ decision: Decision, _ found: HybridScheduler.Outcome, _ held: [Int], _ rates: [Double], isKept: Bool
    ) -> Decision {
        func rounded(_ value: Double, _ scale: Double) -> Double { (value * scale).rounded() / scale }
        let search =
            "F \(rounded(found.fitness.value, 1_000)), p95 \(rounded(found.outcome.responseTime * 1_000, 10)) ms, "
            + "\(found.evaluations) evaluations, \(found.stop.rawValue)"
        var decision = decision
        for index in decision.services.indices {
            let load =
                "\(rounded(rates[index], 10))/s at utilisation \(rounded(found.outcome.utilisations[index], 100))"
            decision.services[index].reasons = [
                Reason(isKept ? "PlanKept" : "PlanFound", "\(load), from \(held[index]) replicas; \(search)")
            ]
        }
        return decision
    }
}
