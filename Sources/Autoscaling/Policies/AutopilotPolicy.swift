internal import Glibc

/// Horizontal scaling as Google's Autopilot does it (EuroSys 2020, section 3.3), with windows for a trading day.
///
/// Usage is the load in replicas at utilisation 1. Every interval `n = S(usage) * margin / utilisation`, with S one of
/// the moving-window statistics; then downscaling is deferred by the largest of a window, what is too much halves once
/// a period, small changes are ignored, and only a share of replicas may start at once. With a calendar the usage of
/// earlier days at the same time of the day, up to when new replicas would be ready, counts as usage of now.
public struct AutopilotPolicy: ScalingPolicy, Sendable {
    /// The policy's numbers.
    public struct Settings: Sendable, Equatable {
        /// What is recommended from the window: the paper's are the peak and the 95th percentile.
        public var statistic = AutopilotRecommender.Statistic.percentile(0.95)
        /// Target utilisation (r*).
        public var utilisation = 0.7
        /// Factor on the recommendation, 1.10 to 1.15 in the paper.
        public var margin = 1.1
        /// Seconds between recommendations.
        public var interval = 300.0
        /// Half-life in seconds of the statistics, 12 h in the paper.
        public var halfLife = 900.0
        /// Seconds over which the peak is kept.
        public var window = 1_800.0
        /// Seconds of which the largest recommendation is kept, 2 to 3 days in the paper (T_s).
        public var deferral = 1_200.0
        /// Seconds in which half of what is too much goes, 1 h in the paper.
        public var decayPeriod = 1_200.0
        /// Share of the replicas below which a change downwards is not made.
        public var ignoredShare = 0.05
        /// Largest share of the replicas that starts at once.
        public var startingShare = 0.5
        /// Whether earlier days at the same time of the day count.
        public var usesCalendar = false

        /// The defaults.
        public init() {}

        /// The first contradiction in the settings; nil where there is none.
        public var fault: String? {
            if !(utilisation > 0 && utilisation <= 1) { return "utilisation is more than 0 and at most 1" }
            if !(margin >= 1 && margin.isFinite) { return "margin is at least 1" }
            if !([interval, halfLife, window, decayPeriod].allSatisfy { $0 > 0 && $0.isFinite }) {
                return "times are more than 0 s"
            }
            if !(deferral >= 0 && deferral.isFinite) { return "deferral is at least 0 s" }
            if !(0..<1).contains(ignoredShare) { return "ignoredShare is 0..<1" }
            if !(startingShare > 0 && startingShare <= 1) { return "startingShare is more than 0 and at most 1" }
            if case .percentile(let share) = statistic, !(0...1).contains(share) { return "a percentile is 0...1" }
            return nil
        }
    }

    private struct Service: Sendable {
        var recommender: AutopilotRecommender
        var calendar: AutopilotCalendar
        var cadence: Cadence
        var deferred: TrailingMaximum
        var inForce = InForce()
        var sum = 0.0
        var count = 0.0
        var reasons: [Reason] = []
    }

    public let name: String
    /// The policy's numbers.
    public let settings: Settings
    private let profile: ChainProfile
    private var services: [Service]

    /// A policy without history.
    /// - Parameter calendars: what earlier days used, one for each service; none for nothing.
    /// - Throws: `PolicyFault` `Autopilot`.
    public init(
        _ profile: ChainProfile, _ settings: Settings = Settings(), calendars: [AutopilotCalendar] = [],
        name: String = "autopilot"
    ) throws(PolicyFault) {
        if let fault = settings.fault { throw PolicyFault("Autopilot", fault) }
        guard calendars.isEmpty || calendars.count == profile.services.count else {
            throw PolicyFault("Autopilot", "\(calendars.count) calendars for \(profile.services.count) services")
        }
        self.name = name
        self.settings = settings
        self.profile = profile
        services = profile.services.indices.map { index in
            Service(
                recommender: AutopilotRecommender(
                    largest: 1.5 * Double(profile.services[index].bounds.upperBound), halfLife: settings.halfLife,
                    window: settings.window, interval: settings.interval),
                calendar: calendars.isEmpty ? AutopilotCalendar(interval: settings.interval) : calendars[index],
                cadence: Cadence(period: settings.interval), deferred: TrailingMaximum(window: settings.deferral))
        }
    }

    /// A calendar for each service of one day's rates of the whole mix, one value a second from `from` seconds since
    /// the open on.
    public static func calendars(
        _ profile: ChainProfile, rates: [Double], from: Double, interval: Double = 300
    ) -> [AutopilotCalendar] {
        profile.services.indices.map { index in
            let each = profile.visits(of: index) / profile.services[index].capacity
            return AutopilotCalendar(day: rates.map { $0 * each }, from: from, interval: interval)
        }
    }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        try observation.check(services: services.count)
        return Decision(services: services.indices.map { decide($0, observation) })
    }

    public mutating func applied(_ decision: Decision, at time: Double) {
        for (index, service) in decision.services.enumerated() where services.indices.contains(index) {
            _ = services[index].inForce.commit(service.replicas, at: time)
        }
    }

    private mutating func decide(_ index: Int, _ observation: Observation) -> ServiceDecision {
        let observed = observation.services[index]
        let now = observation.time
        let held = services[index].inForce.settle(observed).count
        let isFresh = observed.age >= 0 && observed.age <= 60
        let own = isFresh ? Plausible.rate(observed.rate) : nil
        if let rate = own ?? Plausible.rate(observation.rate).map({ $0 * profile.visits(of: index) }) {
            let usage = rate / profile.services[index].capacity
            services[index].recommender.add(usage)
            services[index].sum += usage
            services[index].count += 1
        }
        var replicas = held
        if services[index].cadence.isDue(at: now) {
            replicas = recommend(index, observation, held: held)
        }
        services[index].inForce.propose(replicas, at: now)
        return ServiceDecision(replicas: replicas, reasons: services[index].reasons)
    }

    /// The interval's end: from the statistics to replicas.
    private mutating func recommend(_ index: Int, _ observation: Observation, held: Int) -> Int {
        let service = profile.services[index]
        let wasMeasured = services[index].count > 0
        services[index].recommender.endInterval(at: observation.time)
        if wasMeasured, let market = observation.market, market.sinceOpen.isFinite {
            services[index].calendar.add(
                services[index].sum / services[index].count, at: market.sinceOpen - settings.interval / 2)
        }
        (services[index].sum, services[index].count) = (0, 0)
        let measured = services[index].recommender.recommendation(settings.statistic)
        let known = settings.usesCalendar ? calendar(index, observation) : nil
        guard let usage = [measured, known].compactMap(\.self).max() else {
            services[index].reasons = [Reason("MetricsMissing", "no usage is known")]
            return service.clamp(held)
        }
        let wanted = service.clamp(Int(clamping: (usage * settings.margin / settings.utilisation - 1e-9).rounded(.up)))
        var reasons = [Reason("UsageWindow", "\(wanted) for a usage of \(usage) replicas")]
        let deferred = services[index].deferred.add(wanted, at: observation.time)
        var replicas = deferred
        if deferred < held {
            if !wasMeasured {
                replicas = held
                reasons.insert(Reason("MetricsMissing", "not below \(held)"), at: 0)
            } else if Double(held - deferred) <= settings.ignoredShare * Double(held) {
                replicas = held
                reasons.insert(Reason("SmallChange", "\(held) -> \(deferred)"), at: 0)
            } else {
                // The excess halves once a period: what is left of it after one interval, rounded up.
                let left = Double(held - deferred) * exp2(-settings.interval / settings.decayPeriod)
                replicas = min(held - 1, deferred + Int(clamping: left.rounded(.up)))
                reasons.insert(Reason("SlowDecay", "\(held) -> \(replicas) on the way to \(deferred)"), at: 0)
            }
        } else if deferred > held {
            // Starting replicas are at most a share of all: n - ready <= share * n; one may always start.
            let ready = max(0, observation.services[index].ready)
            let most =
                settings.startingShare < 1
                ? max(held + 1, Int(clamping: Double(ready) / (1 - settings.startingShare))) : deferred
            replicas = min(deferred, most)
            if replicas < deferred {
                reasons.insert(Reason("StartingShare", "\(replicas) of \(deferred)"), at: 0)
            }
        }
        services[index].reasons = reasons
        return service.clamp(replicas)
    }

    private func calendar(_ index: Int, _ observation: Observation) -> Double? {
        guard let market = observation.market, market.sinceOpen.isFinite else { return nil }
        let ahead = profile.services[index].startup.p95 + settings.interval
        return services[index].calendar.largest(from: market.sinceOpen, to: market.sinceOpen + ahead)
    }
}
