/// Decides with the ablest policy that can be trusted at the moment, and falls to simpler ones as trust is lost.
///
/// Pure: time is the observation's, there is no clock, randomness or I/O; the same observations give the same rounds.
/// One round: impossible numbers are taken out; freshness is judged; all policies are asked, those that only propose
/// too; the highest rung that the state allows and that has a valid decision acts; its decision passes the shield; every
/// decision, those of hold and floor too, passes the gate (A1, A3).
///
/// Down, at once: to hold when no service has had a good sample for `stalePeriods`; to forecast when one service has
/// not; to reactive when the forecast has drifted; one rung below a policy that gave an output that is no decision or a
/// fault of its own, one that lacked its input for more than `stalePeriods` rounds, or a model under which the latency
/// target was missed in `breachesMax` periods in a row while the shield changed its decisions. For a single round
/// without its input a rung is passed over without that. From hold to floor after `holdTime`, or at once where no
/// decision on data was ever made.
///
/// Up: from hold and floor to reactive after `freshWindows` fresh samples, as a hold only answers missing data; from
/// there one rung after each `cleanTime` in which the rung above could have acted. A model with `badOutputsMax` bad
/// outputs in a row is disabled until `enableModel` or another model.
///
/// During hold and floor replicas may grow where the reactive rule says so, and never shrink, but to the bounds.
public struct SafetyLadder {
    /// One rung with a policy and its record.
    struct Rung {
        var level: LadderLevel
        var policy: any ScalingPolicy
        /// Rounds in a row in which it lacked its input.
        var missing = 0
    }

    /// The profile decided for.
    public let profile: ChainProfile
    /// When it is left and climbed.
    public let settings: LadderSettings
    /// The rung in force.
    public internal(set) var level: LadderLevel
    /// Whether the model was disabled after bad outputs.
    public internal(set) var isModelDisabled = false
    /// Replicas of the last decision made on data; nil where there was none.
    public internal(set) var lastGood: Decision?

    var rungs: [Rung]
    var beside: [(role: PolicyRole, policy: any ScalingPolicy)]
    var shield: Shield?
    var watch: MetricsWatch
    var forecastWatch: ForecastWatch
    var gate: ReplicaGate
    /// Bad outputs of the model in a row.
    var badOutputs = 0
    /// Periods in a row over the target while the shield changed what the model proposed.
    var breaches = 0
    /// Whether the decision in force is a learned one that the shield changed.
    var isShielded = false
    /// Since when the next rung up could have acted.
    var cleanSince: Double?
    /// Rounds in a row in which data could have been decided on, counted during hold and floor.
    var seeing = 0
    /// When the hold began.
    var holdSince: Double?
    /// Conditions told already, so that each is told once and not each round.
    var told: Set<String> = []
    /// Rounds in a row without any service to decide from.
    var blindRounds = 0

    /// A ladder at its top.
    ///
    /// - Parameters:
    ///   - learned: the top rung; nil where there is no model.
    ///   - forecast: the rule on the load expected.
    ///   - reactive: the rule on the load offered.
    ///   - shield: what bounds every policy; nil for the gate alone.
    ///   - shadows: policies that propose beside, seeing what is in force.
    ///   - counterfactuals: policies that propose as if they had always acted.
    /// - Throws: `PolicyFault` `Settings` for a profile or settings that contradict themselves.
    public init(
        _ profile: ChainProfile, _ settings: LadderSettings = LadderSettings(), learned: (any ScalingPolicy)? = nil,
        forecast: (any ScalingPolicy)?, reactive: (any ScalingPolicy)?, shield: Shield? = nil,
        shadows: [any ScalingPolicy] = [], counterfactuals: [any ScalingPolicy] = []
    ) throws(PolicyFault) {
        if let fault = profile.fault ?? settings.fault { throw PolicyFault("Settings", fault) }
        self.profile = profile
        self.settings = settings
        self.shield = shield
        rungs = []
        for (level, policy) in [(.learned, learned), (.forecast, forecast), (.reactive, reactive)]
            as [(LadderLevel, (any ScalingPolicy)?)]
        {
            if let policy { rungs.append(Rung(level: level, policy: policy)) }
        }
        beside = shadows.map { (.shadow, $0) }
        for policy in counterfactuals { beside.append((.counterfactual, CounterfactualPolicy(policy, profile))) }
        watch = MetricsWatch(services: profile.services.count, settings)
        forecastWatch = ForecastWatch(settings)
        gate = ReplicaGate(profile, settings)
        level = .floor
        level = top
    }

    /// The highest rung that may act at all.
    public var top: LadderLevel { rungs.first { mayAct($0.level) }?.level ?? .hold }

    /// Mean absolute percentage error of the last forecasts, as a share; nil before enough of them came true.
    public var forecastError: Double? { forecastWatch.meanError }

    /// Names of the policies asked, rungs first.
    public var policyNames: [String] { rungs.map(\.policy.name) + beside.map(\.policy.name) }

    func mayAct(_ level: LadderLevel) -> Bool { level != .learned || !(settings.isShadow || isModelDisabled) }

    func rung(_ level: LadderLevel) -> Int? { rungs.firstIndex { $0.level == level } }

    /// The next lower rung there is.
    func below(_ level: LadderLevel) -> LadderLevel {
        rungs.first { $0.level > level && mayAct($0.level) }?.level ?? max(.hold, level)
    }

    /// Decides for one control period.
    ///
    /// - Parameters:
    ///   - raw: what is seen; its services are those of the profile, in its order.
    ///   - isActing: whether the decision will be put in force; a standby's is not.
    public mutating func decide(_ raw: Observation, isActing: Bool = true) -> LadderRound {
        precondition(raw.services.count == profile.services.count, "an observation of another chain")
        var (seen, events) = raw.sanitised()
        let health = watch.take(seen)
        events += health.events
        let isBlind = health.isBlind
        if !isBlind { forecastWatch.take(seen) }
        let observation = isBlind ? seen.blinded() : seen
        let proposals = isBlind ? [] : ask(observation)
        judge(proposals, &events)
        descend(observation, health, proposals, &events)
        climb(observation, health, proposals, &events)

        var (acting, decider, wanted) = choose(observation, proposals, isBlind: isBlind)
        let ordered = observation.services.map(\.ordered)
        var changes: [ReplicaChange] = []
        if acting.needsData, let shielded = shield?.apply(wanted, observation, current: ordered) {
            wanted = shielded.decision
            changes = shielded.interventions.map(ReplicaChange.init)
        } else {
            shield?.observe(observation)
        }
        isShielded = acting == .learned && !changes.isEmpty
        if health.isTimeSound { gate.note(ordered, at: observation.time) }
        let isSettled = acting.needsData ? health.isSettled : health.isSettled.map { _ in false }
        var decision = gate.admit(wanted, observation, isSettled: isSettled, &changes)
        if !isActing {
            isShielded = false
            for index in ordered.indices { decision.services[index].replicas = ordered[index] }
        }
        conclude(observation, decision, acting: acting, isBlind: isBlind, isTimeSound: health.isTimeSound)
        return LadderRound(
            observation: seen, level: level, acting: acting, decider: decider, isBlind: isBlind,
            proposals: proposals, changes: changes, decision: decision, events: events)
    }

    /// Tells everyone what is in force.
    private mutating func conclude(
        _ observation: Observation, _ decision: Decision, acting: LadderLevel, isBlind: Bool, isTimeSound: Bool
    ) {
        // A time that went back would wipe out what the step limits remember.
        if isTimeSound { gate.note(decision.replicas, at: observation.time) }
        if acting.needsData {
            lastGood = decision
            holdSince = nil
        } else {
            // What grew during a hold stays for the rest of it.
            if lastGood != nil { lastGood?.raise(to: decision.replicas) }
            holdSince = holdSince ?? observation.time
        }
        guard !isBlind else { return }
        for index in rungs.indices where rungs[index].level != .learned || !isModelDisabled {
            rungs[index].policy.applied(decision, at: observation.time)
        }
        for index in beside.indices { beside[index].policy.applied(decision, at: observation.time) }
    }

    /// Goes on where a run before ended.
    ///
    /// - Parameters:
    ///   - replicas: what the last decision put in force.
    ///   - level: the rung it ended on; the ladder starts there if it is lower than the top.
    ///   - isModelDisabled: whether this model was disabled.
    public mutating func resume(replicas: [Int]?, level: LadderLevel?, isModelDisabled: Bool) {
        self.isModelDisabled = isModelDisabled && rung(.learned) != nil
        if let replicas, replicas.count == profile.services.count {
            lastGood = Decision(services: replicas.map { ServiceDecision(replicas: $0) })
        }
        // Hold and floor answer missing data, which the first observation will show anew.
        if let level, level.needsData { self.level = max(level, top) } else { self.level = top }
    }

    /// Puts another model on the top rung, enabled; one that was not there before acts after `cleanTime`.
    public mutating func replaceModel(_ policy: any ScalingPolicy) {
        if let index = rung(.learned) {
            rungs[index] = Rung(level: .learned, policy: policy)
        } else {
            rungs.insert(Rung(level: .learned, policy: policy), at: 0)
        }
        enableModel()
    }

    /// Gives a disabled model another chance: it acts after `cleanTime`.
    public mutating func enableModel() {
        isModelDisabled = false
        badOutputs = 0
        cleanSince = nil
    }
}

extension Decision {
    /// Raises replicas, service by service, to at least `counts`.
    mutating func raise(to counts: [Int]) {
        for (index, count) in counts.enumerated() where services[index].replicas < count {
            services[index].replicas = count
        }
    }
}

extension Observation {
    /// The observation with nothing but replicas and time: what a hold may look at.
    func blinded() -> Observation {
        Observation(
            time: time, market: market,
            services: services.map {
                ServiceObservation(ready: $0.ready, pending: $0.pending, draining: $0.draining, age: $0.age)
            })
    }
}
