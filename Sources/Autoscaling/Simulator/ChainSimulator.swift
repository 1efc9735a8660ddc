internal import Learning

/// A chain of services under a load, with replicas that a policy decides: Erlang-C waits and a fluid backlog, in steps
/// of one second between decisions some seconds apart.
///
/// Per service and second: arrivals λ_j are the flow of whole requests times the visits by one of the mix; what exceeds
/// the capacity waits, and what would wait longer than the timeout is dropped. A service passes on what it served, so a
/// backlog forms only before the narrowest one. Response times are those of M/M/c with Allen and Cunneen's factor for
/// variations, plus the backlog's time; means and variances add up along each class's visits, and percentiles of the
/// whole are those of gamma distributions with these moments, one a class, mixed by the classes' shares.
///
/// Replicas take time to start, may never do so, begin with an empty L1 and differ in speed; metrics are sampled, late,
/// noisy and sometimes lost. All chance comes from `SimulatorOptions.seed`: same arguments, same numbers. A value type:
/// a copy is another world that goes on from the same moment. Cost: 0.2 to 0.4 µs a service and second.
public struct ChainSimulator: Sendable {
    /// The profile as the policy knows it.
    public let profile: ChainProfile
    /// The load.
    public let load: LoadTrace
    /// The options.
    public let options: SimulatorOptions
    /// Seconds since the start of the load.
    public private(set) var second = 0

    var services: [SimulatedService] = []
    /// Visits of each service by one request of each class: `classVisits[class * services + service]`.
    let classVisits: [Double]
    let mix: [Double]
    var feeds: [MetricsFeed]
    var chainFeed: MetricsFeed
    var chance: ReplicaChance
    var metricsRandom: Xoshiro256StarStar
    var forecaster: (any LoadForecasting)?
    var observedRates: [Double] = []
    var latestForecast: RateForecast?
    var slowdowns: [Double]
    var nodeLoad = 0.0
    var dropShare = 0.0
    var chainSample = ChainSums()
    var chainPeriod = ChainSums()
    var classMoments: [ClassMoments]

    /// A chain at second 0 with its first replicas serving.
    ///
    /// - Throws: where the profile contradicts itself, the load has no seconds or rates that are negative or not finite,
    ///   or an option is outside its limits.
    public init(
        _ profile: ChainProfile, _ load: LoadTrace, _ options: SimulatorOptions
    ) throws(SimulationFault) {
        if let fault = profile.fault { throw SimulationFault(.profile, fault) }
        if let fault = load.fault ?? options.fault { throw fault }
        if let initial = options.initialReplicas, initial.count != profile.services.count {
            throw SimulationFault(
                .option, "initialReplicas has \(initial.count) numbers for \(profile.services.count) services")
        }
        let seeds = Xoshiro256StarStar(seed: options.seed)
        var actual = profile
        var lag = options.metricLag
        if let randomisation = options.randomisation {
            var random = seeds.split("domain")
            randomisation.apply(to: &actual, lag: &lag, random: &random)
        }
        self.profile = profile
        self.load = load
        self.options = options
        mix = actual.mix
        classVisits = actual.classes.indices.flatMap { index in actual.services.map { $0.visits[index] } }
        chance = ReplicaChance(
            random: seeds.split("replicas"), speedDeviation: options.replicaSpeedDeviation,
            tailShare: options.startupTailShare, tailDeviation: options.startupTailDeviation)
        metricsRandom = seeds.split("metrics")
        let feed = MetricsFeed(lag: lag, loss: options.metricLoss, noise: options.metricNoise)
        feeds = [MetricsFeed](repeating: feed, count: actual.services.count)
        chainFeed = feed
        forecaster = options.forecaster
        slowdowns = [Double](repeating: 1, count: actual.services.count)
        classMoments = [ClassMoments](repeating: ClassMoments(), count: actual.mix.count)
        for (index, service) in actual.services.enumerated() {
            let needed = profile.replicas(of: index, rate: load.rates[0], utilisation: 0.6)
            let wanted = options.initialReplicas?[index] ?? needed
            services.append(
                SimulatedService(
                    service, visits: actual.visits(of: index), replicas: Self.clamp(wanted, service.bounds),
                    random: &chance))
        }
        settle()
    }

    /// Whether the load has ended.
    public var isOver: Bool { second >= load.duration }

    /// Replicas wanted now, in the order of the profile.
    public var targets: [Int] { services.map(\.target) }

    /// Takes a decision and lets one control period pass; the last one ends with the load.
    ///
    /// Replicas outside a service's bounds are clamped; those above the processor budget are not started. Nothing
    /// happens once the load is over.
    public mutating func step(_ decision: Decision) -> StepOutcome {
        precondition(decision.services.count == services.count, "a decision for \(decision.services.count) services")
        for index in services.indices {
            let wanted = decision.services[index]
            services[index].target = Self.clamp(wanted.replicas, services[index].profile.bounds)
            if let quota = wanted.quota { services[index].quota = min(1, max(0.01, quota)) }
            if let priority = wanted.priority { services[index].priority = min(1, max(0.01, priority)) }
        }
        startPeriod()
        let last = min(second + Int(options.controlPeriod), load.duration)
        let begin = second
        while second < last {
            let now = Double(second)
            orderReplicas(at: now)
            passSecond(rate: load.rates[second], now: now)
            second += 1
            takeSamples(at: second)
        }
        readMetrics()
        return outcome(seconds: last - begin)
    }

    private static func clamp(_ replicas: Int, _ bounds: ClosedRange<Int>) -> Int {
        min(max(replicas, bounds.lowerBound), bounds.upperBound)
    }

    /// Lives through the seconds before the load, so that queues, caches and metrics are not those of a beginning.
    private mutating func settle() {
        for second in stride(from: -options.settling, to: 0, by: 1) {
            passSecond(rate: load.rates[0], now: Double(second))
            takeSamples(at: second + 1)
        }
        readMetrics()
    }

    private mutating func startPeriod() {
        chainPeriod = ChainSums()
        for index in services.indices { services[index].period = SimulatedService.PeriodSums() }
        for index in classMoments.indices { classMoments[index] = ClassMoments() }
    }

    /// Starts what is missing and stops what is too much.
    private mutating func orderReplicas(at now: Double) {
        var processors = 0.0
        for index in services.indices {
            services[index].advance(to: now, deadline: options.startupDeadline)
            if services[index].ordered > services[index].target {
                services[index].stopSurplus(at: now, drainTime: options.drainTime)
            }
            processors += Double(services[index].ordered) * services[index].profile.processors
        }
        let budget = profile.processorBudget ?? .infinity
        for index in services.indices {
            let size = services[index].profile.processors
            while services[index].ordered < services[index].target, processors + size <= budget + 1e-9 {
                services[index].start(at: now, chance: &chance)
                processors += size
            }
        }
    }
}
