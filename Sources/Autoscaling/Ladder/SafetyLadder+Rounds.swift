extension SafetyLadder {
    /// Codes of faults that say the input was missing: they are not the policy's own.
    private static let inputFaults: Set = ["MetricsMissing", "ForecastMissing"]

    /// What every policy says; a disabled model is not asked.
    mutating func ask(_ observation: Observation) -> [Proposal] {
        var proposals: [Proposal] = []
        for index in rungs.indices where rungs[index].level != .learned || !isModelDisabled {
            proposals.append(Self.ask(&rungs[index].policy, .rung, rungs[index].level, observation, profile))
        }
        for index in beside.indices {
            proposals.append(Self.ask(&beside[index].policy, beside[index].role, nil, observation, profile))
        }
        return proposals
    }

    private static func ask(
        _ policy: inout any ScalingPolicy, _ role: PolicyRole, _ level: LadderLevel?, _ observation: Observation,
        _ profile: ChainProfile
    ) -> Proposal {
        let name = policy.name
        do {
            let decision = try policy.decide(observation)
            let choices = (policy as? any ChoosingPolicy)?.choices ?? []
            if let fault = decision.fault(for: profile) {
                return Proposal(policy: name, role: role, level: level, answer: .fault(fault), choices: choices)
            }
            return Proposal(policy: name, role: role, level: level, answer: .decision(decision), choices: choices)
        } catch {
            return Proposal(policy: name, role: role, level: level, answer: .fault(error))
        }
    }

    /// Counts bad outputs of the model and missing inputs of every rung.
    mutating func judge(_ proposals: [Proposal], _ events: inout [Reason]) {
        for proposal in proposals {
            guard let level = proposal.level, let index = rung(level) else { continue }
            guard let fault = proposal.fault else {
                rungs[index].missing = 0
                if level == .learned { badOutputs = 0 }
                continue
            }
            if Self.inputFaults.contains(fault.code) {
                rungs[index].missing += 1
                continue
            }
            events.append(Reason(fault.code, "\(proposal.policy): \(fault.description)"))
            guard level == .learned else { continue }
            badOutputs += 1
            guard badOutputs >= settings.badOutputsMax else { continue }
            isModelDisabled = true
            events.append(
                Reason("ModelDisabled", "\(badOutputs) outputs in a row that are no decision, the last \(fault.code)"))
        }
    }

    /// Whether a rung's proposal takes it out of force: not for a round or two without its input.
    private func hasFailed(_ level: LadderLevel, _ proposals: [Proposal]) -> Bool {
        guard let index = rung(level) else { return true }
        guard let fault = proposals.first(where: { $0.level == level })?.fault else { return false }
        return !Self.inputFaults.contains(fault.code) || Double(rungs[index].missing) > settings.stalePeriods
    }

    /// The highest rung that the data allow, and why it is not the top.
    private mutating func ceiling(
        _ observation: Observation, _ health: MetricsWatch.Health, _ events: inout [Reason]
    ) -> LadderLevel {
        let stale = health.isStale.indices.filter { health.isStale[$0] }.map { profile.services[$0].name }
        let isAllStale = stale.count == health.isStale.count
        blindRounds = health.isBlind ? blindRounds + 1 : 0
        tell(
            "MetricsMissing", !health.hasKnown && Double(blindRounds) > settings.stalePeriods,
            "no sample of any service in \(blindRounds) periods", &events)
        tell(
            "MetricsStale", !stale.isEmpty && health.hasKnown,
            "no good sample within \(settings.stalePeriods) periods of \(stale.joined(separator: ", "))", &events)
        if !health.isBlind { tellNotes(observation.forecastNote, &events) }
        // Before the first sample nothing is known against the top rung: it waits, held.
        if isAllStale { return health.hasKnown ? .hold : .learned }
        if hasDrifted(observation) { return .reactive }
        if observation.forecastNote?.code == ForecastNote.outOfRange.rawValue { return .forecast }
        return stale.isEmpty || !health.hasKnown ? .learned : .forecast
    }

    /// Whether the forecast is worse than allowed, by the errors seen here or by its own account.
    private func hasDrifted(_ observation: Observation) -> Bool {
        forecastWatch.hasDrifted || observation.forecastNote?.code == ForecastNote.drift.rawValue
    }

    /// Reports what is wrong with the forecast.
    private mutating func tellNotes(_ note: Reason?, _ events: inout [Reason]) {
        for known in ForecastNote.allCases where known.isReported {
            let isNoted = note?.code == known.rawValue
            var text = note?.text ?? ""
            var isTrue = isNoted
            if known == .drift, forecastWatch.hasDrifted {
                isTrue = true
                let error = forecastWatch.meanError ?? 0
                text = "mean error \(error) over \(settings.driftFactor) x \(settings.forecastError ?? 0)"
            }
            tell(known.rawValue, isTrue, text, &events)
        }
    }

    /// Reports the beginning and the end of a condition, not each round of it.
    private mutating func tell(_ code: String, _ isTrue: Bool, _ text: String, _ events: inout [Reason]) {
        if isTrue, told.insert(code).inserted { events.append(Reason(code, text)) }
        if !isTrue, told.remove(code) != nil { events.append(Reason(code + "Over")) }
    }

    /// Steps down where a rung has lost trust.
    mutating func descend(
        _ observation: Observation, _ health: MetricsWatch.Health, _ proposals: [Proposal], _ events: inout [Reason]
    ) {
        let before = level
        var why = ""
        let ceiling = ceiling(observation, health, &events)
        if level < ceiling {
            level = rung(ceiling) != nil && mayAct(ceiling) ? ceiling : below(ceiling)
            why = "data allow \(ceiling.word) at most"
        }
        if level.needsData, !mayAct(level) {
            level = below(level)
            why = "the model may not act"
        }
        while level.needsData, !health.isBlind, hasFailed(level, proposals) {
            let fault = proposals.first { $0.level == level }?.fault
            why = "\(level.word): \(fault?.code ?? "no policy")"
            level = below(level)
        }
        if countBreach(observation), level == .learned {
            level = below(level)
            why = "target missed in \(settings.breachesMax) periods in a row while the shield changed the decisions"
            breaches = 0
        }
        if level == .hold, let holdSince, observation.time - holdSince >= settings.holdTime {
            level = .floor
            why = "held for \(settings.holdTime) s"
        }
        guard level > before else { return }
        cleanSince = nil
        seeing = 0
        events.append(Reason("StepDown", "\(before.word) to \(level.word): \(why)"))
    }

    /// Counts this period if the latency target was missed under a shielded decision; true at the limit.
    private mutating func countBreach(_ observation: Observation) -> Bool {
        guard let p95 = observation.p95 else { return false }
        breaches = p95 > profile.latencyTarget && isShielded ? breaches + 1 : 0
        return breaches >= settings.breachesMax
    }

    /// Steps up where the rung above has been fit to act for long enough.
    mutating func climb(
        _ observation: Observation, _ health: MetricsWatch.Health, _ proposals: [Proposal], _ events: inout [Reason]
    ) {
        guard level > top else {
            cleanSince = nil
            return
        }
        let target = level.needsData ? rungs.last { $0.level < level && mayAct($0.level) }?.level : rungs.last?.level
        guard let target else { return }
        let isStale = health.isStale.contains(true)
        let isTrusted = !hasDrifted(observation) && observation.forecastNote?.code != ForecastNote.outOfRange.rawValue
        let isAllowed =
            switch target {
            case .learned: !isStale && isTrusted
            case .reactive: true
            default: !hasDrifted(observation)
            }
        let isFit = !health.isBlind && isAllowed && !hasFailed(target, proposals)
        if !level.needsData {
            seeing = isFit ? seeing + 1 : 0
            guard seeing >= settings.freshWindows else { return }
        } else {
            cleanSince = isFit ? cleanSince ?? observation.time : nil
            guard let cleanSince, observation.time - cleanSince >= settings.cleanTime else { return }
        }
        events.append(Reason("StepUp", "\(level.word) to \(target.word)"))
        level = target
        cleanSince = level > top ? observation.time : nil
        seeing = 0
        holdSince = nil
    }

    /// The decision of the highest rung in force or below that has one.
    func choose(
        _ observation: Observation, _ proposals: [Proposal], isBlind: Bool
    ) -> (LadderLevel, String, Decision) {
        for rung in rungs where rung.level >= level && mayAct(rung.level) {
            let proposal = proposals.first { $0.level == rung.level }
            if let decision = proposal?.decision { return (rung.level, rung.policy.name, decision) }
        }
        let acting: LadderLevel = level == .floor || lastGood == nil ? .floor : .hold
        var decision = observation.inForce
        for index in decision.services.indices {
            decision.services[index].reasons = [
                Reason(acting == .hold ? "LastKnownGood" : "ScheduleFloor", "nothing to decide from")
            ]
        }
        if acting == .hold, let lastGood {
            decision.raise(to: lastGood.replicas)
            for (index, service) in lastGood.services.enumerated() {
                decision.services[index].priority = service.priority
                decision.services[index].quota = service.quota
            }
        }
        // With some data during a hold: up only.
        if let more = proposals.first(where: { $0.level == .reactive })?.decision { decision.raise(to: more.replicas) }
        return (acting, acting.word, decision)
    }
}

extension Observation {
    /// The replicas ordered now, as a decision.
    var inForce: Decision { Decision(services: services.map { ServiceDecision(replicas: $0.ordered) }) }
}

extension Decision {
    /// Replicas beyond which an output is no decision.
    static let absurd = 100_000

    /// What makes this no decision for a chain; nil where it is one.
    func fault(for profile: ChainProfile) -> PolicyFault? {
        guard services.count == profile.services.count else {
            return PolicyFault("ModelShape", "\(services.count) services decided of \(profile.services.count)")
        }
        for (index, service) in services.enumerated() {
            let name = profile.services[index].name
            if !(0...Self.absurd).contains(service.replicas) {
                return PolicyFault("OutOfRange", "\(service.replicas) replicas of '\(name)'")
            }
            for share in [service.priority, service.quota] {
                if let share, !(0...1).contains(share) {
                    return PolicyFault("NotFinite", "a share of \(share) for '\(name)'")
                }
            }
        }
        return nil
    }
}
