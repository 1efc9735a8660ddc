/// The limits no policy gets past, whatever it proposes.
///
/// | rule | effect |
/// |---|---|
/// | need | at least what serves the load at utilisation 0.92, at most what served all seen or forecast in 15 minutes at 0.45 |
/// | schedule floor | at least what the calendar asks for |
/// | no scale-down | on missing, stale or backward data, before three fresh observations in a row, while replicas start or end, within the cooldown, near the open and the close unless `holdsNearAuctions` is false |
/// | no blind scale-up | where neither measurement nor forecast says anything, not before three such observations |
/// | rate limits | up at most the larger of doubling and four in 15 s, down at most a quarter in 60 s |
/// | budget | replicas granted on top are taken back, those least needed first |
/// | bounds | those of the profile, above all other rules |
///
/// The load of the need is the larger of the rate smoothed over 5 s and the forecast's 90th percentile over the next
/// `startup.p95 + 2 * period` seconds. A value, its memory included: same inputs, same results; no clock, no chance.
/// One `apply` costs O(services + replicas taken back).
public struct Shield: Sendable {
    /// What the shield allows.
    public struct Settings: Sendable, Equatable {
        /// Largest utilisation that a decision may lead to: near saturation, so that a calibrated rule is not overruled.
        public var utilisationHigh = 0.92
        /// Smallest utilisation that a decision may lead to.
        public var utilisationLow = 0.45
        /// Seconds of which the largest load bounds the replicas from above, so that a policy may keep what a burst took.
        public var needWindow = 900.0
        /// Seconds between decisions.
        public var period = 10.0
        /// Age in seconds up to which numbers are fresh.
        public var freshFor = 30.0
        /// Fresh observations in a row before replicas are taken away.
        public var freshWindows = 3
        /// Observations that know nothing before a proposal upwards is followed all the same.
        public var blindWindows = 3
        /// Seconds after replicas were added in which none are taken away.
        public var downCooldown = 60.0
        /// Whether no replicas are taken away near the open and the close.
        public var holdsNearAuctions = true
        /// How fast replicas may become more.
        public var up = ScalingRules.upDefault
        /// How fast replicas may become fewer.
        public var down = ScalingRules.downQuarter
        /// What the calendar asks for; nil for nothing.
        public var floor: ScheduleFloor?

        /// The defaults.
        public init() {}

        /// The first contradiction in the settings; nil where there is none.
        public var fault: String? {
            if !(utilisationHigh > 0 && utilisationHigh <= 1) { return "utilisationHigh is more than 0 and at most 1" }
            if !(utilisationLow > 0 && utilisationLow <= utilisationHigh) {
                return "utilisationLow is more than 0 and at most utilisationHigh"
            }
            if !(needWindow >= 0 && needWindow.isFinite) { return "needWindow is at least 0 s" }
            if !(period > 0 && period.isFinite) { return "period is more than 0 s" }
            if !(freshFor > 0 && freshFor.isFinite) { return "freshFor is more than 0 s" }
            if freshWindows < 1 || blindWindows < 1 { return "freshWindows and blindWindows are at least 1" }
            if !(downCooldown >= 0 && downCooldown.isFinite) { return "downCooldown is at least 0 s" }
            return up.fault.map { "up: \($0)" } ?? down.fault.map { "down: \($0)" }
        }
    }

    /// What is remembered of one service.
    struct Memory: Sendable {
        var rate = OfferedRate()
        /// The smoothed rate of this observation; nil where it is missing.
        var measured: Double?
        var freshInRow = 0
        var blindInRow = 0
        /// The most replicas that any load of `needWindow` asked for at `utilisationLow`, and the largest of them now.
        var needs: TrailingMaximum
        var mostNeeded = 0
        var history = ScaleHistory()
        /// Replicas in force before the last decision, and those it left.
        var last: (before: Int, left: Int)?

        init(needWindow: Double) { needs = TrailingMaximum(window: needWindow) }
    }

    /// The chain that is guarded.
    public let profile: ChainProfile
    /// What is allowed.
    public let settings: Settings
    var memories: [Memory]
    var time: Double?
    var timesBack = 0
    var wentBack = false

    /// A shield without memory.
    /// - Throws: `PolicyFault` `ShieldSettings` or `Profile` with what contradicts itself.
    public init(_ profile: ChainProfile, _ settings: Settings = Settings()) throws(PolicyFault) {
        if let fault = profile.fault { throw PolicyFault("Profile", fault) }
        if let fault = settings.fault { throw PolicyFault("ShieldSettings", fault) }
        self.profile = profile
        self.settings = settings
        memories = Array(repeating: Memory(needWindow: settings.needWindow), count: profile.services.count)
    }

    /// Takes an observation into the memory. `apply` does so itself; a mask that asks `mayScaleDown` before calls it
    /// first. The same time twice counts once.
    ///
    /// A time before the last, or none, is not taken in; after as many in a row as `freshWindows` the clock is
    /// believed to have been set back, and the memory begins anew.
    public mutating func observe(_ observation: Observation) {
        let now = observation.time
        if let time, !(now > time) {
            if now == time { return }
            wentBack = true
            timesBack += 1
            guard timesBack >= settings.freshWindows, now.isFinite else { return }
            memories = Array(repeating: Memory(needWindow: settings.needWindow), count: memories.count)
        } else if !now.isFinite {
            wentBack = true
            return
        }
        time = now
        timesBack = 0
        wentBack = false
        let isShaped = observation.services.count == memories.count
        let forecast = Plausible.forecast(observation.forecast)
        for index in memories.indices {
            guard isShaped else {
                memories[index].measured = nil
                memories[index].freshInRow = 0
                memories[index].blindInRow += forecast == nil ? 1 : 0
                continue
            }
            let visits = profile.visits(of: index)
            let isFresh = freshness(observation.services[index]) == nil
            memories[index].measured = memories[index].rate.add(
                observation, index: index, visits: visits, ageMax: settings.freshFor)
            memories[index].freshInRow = isFresh ? min(memories[index].freshInRow + 1, .replicasEnd) : 0
            let isBlind = memories[index].measured == nil && forecast == nil
            memories[index].blindInRow = isBlind ? min(memories[index].blindInRow + 1, .replicasEnd) : 0
            if let demand = demand(index, observation) {
                let ahead = forecast.map { $0.peak(until: .infinity) * profile.visits(of: index) } ?? 0
                let count = profile.services[index].replicas(
                    serving: max(demand, ahead), utilisation: settings.utilisationLow)
                memories[index].mostNeeded = memories[index].needs.add(count, at: now)
            }
        }
    }

    /// The proposal within all limits.
    ///
    /// - Parameters:
    ///   - proposal: one number of replicas for each service; any numbers.
    ///   - observation: what the proposal was made from; any numbers.
    ///   - current: replicas in force, one for each service; a missing one is read from the observation.
    public mutating func apply(_ proposal: Decision, _ observation: Observation, current: [Int]) -> Shielded {
        observe(observation)
        let now = present(observation)
        var interventions: [Intervention] = []
        var counts: [Int] = []
        var wanted = proposal.services
        let held = profile.services.indices.map { inForce($0, observation, current) }
        if wanted.count != held.count {
            interventions.append(
                Intervention(
                    service: 0, rule: .proposalShape, from: wanted.count, to: held.count,
                    text: "the proposal has \(wanted.count) services, the chain \(held.count): all hold"))
            wanted = held.map { ServiceDecision(replicas: $0) }
        }
        for index in held.indices {
            correct(index, current: held[index], now: now)
            counts.append(
                limit(wanted[index].replicas, index, observation, held: held[index], now: now, &interventions))
        }
        spend(&counts, held: held, observation, now: now, &interventions)
        for index in counts.indices {
            bound(&counts[index], index, &interventions)
            memories[index].history.record(counts[index] - held[index], at: now, keeping: keeping)
            memories[index].last = (held[index], counts[index])
            sanitise(&wanted[index], index, counts[index], &interventions)
        }
        let services = wanted.indices.map { index in
            let reasons = interventions.filter { $0.service == index }.map(\.reason) + wanted[index].reasons
            return ServiceDecision(
                replicas: counts[index], priority: wanted[index].priority, quota: wanted[index].quota,
                reasons: reasons)
        }
        return Shielded(decision: Decision(services: services), interventions: interventions)
    }

    /// Replicas in force of one service, within what a number of replicas can mean.
    private func inForce(_ index: Int, _ observation: Observation, _ current: [Int]) -> Int {
        let observed = observation.services.indices.contains(index) ? Plausible.ordered(observation.services[index]) : 0
        let count = current.indices.contains(index) ? current[index] : observed
        return min(.replicasEnd, max(0, count))
    }

    /// The time that counts: that of the last observation that was taken in, where this one went back.
    func present(_ observation: Observation) -> Double {
        wentBack || !observation.time.isFinite ? (time ?? 0) : observation.time
    }

    /// Counts a change that others made since the last decision, and takes back what was not carried out of its own.
    private mutating func correct(_ index: Int, current: Int, now: Double) {
        guard let last = memories[index].last, last.left != current else { return }
        if current >= min(last.before, last.left) && current <= max(last.before, last.left) {
            memories[index].history.retract(last.left - current)
        } else {
            memories[index].history.record(current - last.left, at: now, keeping: keeping)
        }
        memories[index].last = (current, current)
    }

    private var keeping: Double { max(settings.up.longestPeriod, settings.down.longestPeriod) }

    private func sanitise(
        _ wanted: inout ServiceDecision, _ index: Int, _ count: Int, _ interventions: inout [Intervention]
    ) {
        for (name, path) in [("priority", \ServiceDecision.priority), ("quota", \ServiceDecision.quota)] {
            guard let value = wanted[keyPath: path], !(value >= 0 && value <= 1) else { continue }
            wanted[keyPath: path] = value.isNaN ? nil : min(1, max(0, value))
            interventions.append(
                Intervention(service: index, rule: .notFinite, from: count, to: count, text: "\(name) was \(value)"))
        }
    }
}
