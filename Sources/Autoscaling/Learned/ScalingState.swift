/// What a learned policy remembers between observations: rates of the last five minutes, the last known numbers, and
/// its own steps. One for each running policy; fed by `observe`, then asked for features and masks, then told what was
/// `applied`.
struct ScalingState: Sendable {
    /// Numbers of one service, missing ones filled with the last known.
    struct Service: Sendable {
        /// Replicas ordered at the last observation, and those of them that serve.
        var ordered = 0
        var ready = 0
        /// Share of `ordered` that starts and is expected within 10, within 20 and later than 20 s.
        var pendingShares: (Double, Double, Double) = (0, 0, 0)
        var pending = 0
        /// Requests offered a second; nil until known once.
        var rate: Double?
        var utilisation = 0.0
        var queue = 0.0
        var p95 = 0.0
        /// Whether the last observation lacked the rate.
        var isMissing = true
        var age = Double.infinity
        /// Signed size of the last step relative to what was ordered, and its time.
        var lastStep = 0.0
        var lastStepTime = -Double.infinity
    }

    let profile: ChainProfile
    /// Visits by one request of the mix, by service.
    let visits: [Double]
    /// Capacity of one warm replica, by service.
    let capacity: [Double]
    private(set) var services: [Service]
    private(set) var observation: Observation?
    /// Asked whether replicas may be taken away at all; it applies nothing here.
    private var shield: Shield
    /// Rates offered over the last five minutes, oldest first: times, and services side by side.
    private var times: [Double] = []
    private var rates: [Double] = []

    /// Seconds of rates kept.
    static let historySeconds = 300.0
    /// Observations kept at most.
    static let historyMax = 64

    /// Nothing seen yet.
    /// - Throws: what contradicts itself in the profile.
    init(_ profile: ChainProfile) throws(PolicyFault) {
        shield = try Shield(profile)
        self.profile = profile
        visits = profile.services.indices.map { profile.visits(of: $0) }
        capacity = profile.services.map(\.capacity)
        services = Array(repeating: Service(), count: profile.services.count)
    }

    /// Takes in an observation of the chain's services.
    mutating func observe(_ observation: Observation) throws(PolicyFault) {
        guard observation.services.count == services.count else {
            throw PolicyFault(
                "ModelShape", "observation of \(observation.services.count) services, the chain has \(services.count)")
        }
        if let last = self.observation, observation.time < last.time {
            throw PolicyFault("TimeWentBack", "observation at \(observation.time) s after one at \(last.time) s")
        }
        for index in services.indices { update(index, observation) }
        self.observation = observation
        shield.observe(observation)
        remember(observation.time)
    }

    /// Replicas in force after a decision.
    mutating func applied(_ replicas: [Int], at time: Double) {
        for index in services.indices where index < replicas.count {
            let ordered = services[index].ordered
            guard replicas[index] != ordered else { continue }
            services[index].lastStep = Double(replicas[index] - ordered) / Double(max(ordered, 1))
            services[index].lastStepTime = time
        }
    }

    /// Change of the rate offered to a service over the last `seconds`, requests a second; 0 before that is known.
    func rateChange(_ index: Int, over seconds: Double) -> Double {
        guard let now = times.last, let rate = services[index].rate else { return 0 }
        guard let past = times.lastIndex(where: { now - $0 >= seconds - 0.5 }) else { return 0 }
        return rate - rates[past * services.count + index]
    }

    /// Mean and standard deviation of the rates kept of a service.
    func rateMoments(_ index: Int) -> (mean: Double, deviation: Double) {
        guard !times.isEmpty else { return (0, 0) }
        var sum = 0.0
        var squares = 0.0
        for row in times.indices {
            let rate = rates[row * services.count + index]
            sum += rate
            squares += rate * rate
        }
        let mean = sum / Double(times.count)
        return (mean, max(0, squares / Double(times.count) - mean * mean).squareRoot())
    }

    /// Requests a second that `replicas` of a service serve at utilisation 1, at least a hundredth of one replica's.
    func served(_ index: Int, by replicas: Int) -> Double { max(Double(replicas), 0.01) * capacity[index] }

    /// Largest load of a service that is seen or expected up to `ahead` seconds, requests a second; nil if unknown.
    func expected(_ index: Int, until ahead: Double) -> Double? {
        guard let rate = services[index].rate else { return nil }
        guard let forecast = observation?.forecast, forecast.isSound else { return nil }
        return max(rate, forecast.peak(until: ahead) * visits[index])
    }

    private mutating func update(_ index: Int, _ observation: Observation) {
        let seen = observation.services[index]
        var service = services[index]
        service.ordered = seen.ordered
        service.ready = seen.ready
        service.pending = seen.pending.count
        let rate = Self.sound(seen.rate) ?? Self.sound(observation.rate).map { $0 * visits[index] }
        service.isMissing = rate == nil
        service.rate = rate ?? service.rate
        service.utilisation = Self.sound(seen.utilisation) ?? service.utilisation
        service.queue = Self.sound(seen.queue) ?? service.queue
        service.p95 = Self.sound(seen.p95) ?? service.p95
        service.age = seen.age.isNaN ? .infinity : max(0, seen.age)
        let startup = profile.services[index].startup.p95
        var shares = (0.0, 0.0, 0.0)
        let one = 1 / Double(max(seen.ordered, 1))
        for age in seen.pending {
            let left = startup - age
            if left <= 10 { shares.0 += one } else if left <= 20 { shares.1 += one } else { shares.2 += one }
        }
        service.pendingShares = shares
        services[index] = service
    }

    private mutating func remember(_ time: Double) {
        times.append(time)
        for service in services { rates.append(service.rate ?? 0) }
        let old = times.prefix { $0 < time - Self.historySeconds }.count
        let drop = max(old, times.count - Self.historyMax)
        guard drop > 0 else { return }
        times.removeFirst(drop)
        rates.removeFirst(drop * services.count)
    }

    /// A number that is finite and not negative; nil otherwise.
    static func sound(_ value: Double?) -> Double? {
        guard let value, value.isFinite, value >= 0 else { return nil }
        return value
    }
}

extension ScalingState {
    /// Which steps of a service are allowed after the last observation.
    ///
    /// Section 7 of the reference: bounds and budget; a step down not where the shield would not allow one (replicas
    /// start, auction near, data missing), not within the cooldown, not where the load expected would not fit; a step of
    /// more than one replica up only where utilisation is high. Ours: utilisation there counts the load expected while a
    /// replica would start, since an opening is forecast rather than seen; and two replicas go at once only where the
    /// rest stays idle.
    /// - Parameter spent: processors that all services' orders take, before the step.
    func mask(_ index: Int, rules: MaskRules, spent: Double) -> ActionMask {
        var mask = ActionMask()
        let service = services[index]
        let profile = self.profile.services[index]
        let startup = profile.startup.p95
        let soon = expected(index, until: startup + 20) ?? service.rate
        let block = observation.flatMap { shield.mayScaleDown(index, $0) }
            .map { MaskReason(rawValue: $0.code) ?? .missing }
        for action in ReplicaAction.allCases where action != .hold {
            let replicas = action.replicas(from: service.ordered)
            let change = replicas - service.ordered
            if change == 0 || replicas > profile.bounds.upperBound { mask.forbid(action, .tooManyReplicas) }
            if replicas < profile.bounds.lowerBound { mask.forbid(action, .tooFewReplicas) }
            if let budget = self.profile.processorBudget, change > 0,
                spent + Double(change) * profile.processors > budget + 1e-9
            {
                mask.forbid(action, .budgetSpent)
            }
            if change < 0 { forbidDown(action, replicas, index, rules, block, &mask) }
            if change > 1 {
                let utilisation = (soon ?? 0) / served(index, by: service.ordered)
                if utilisation <= rules.pressure { mask.forbid(action, .notPressed) }
            }
        }
        return mask
    }

    private func forbidDown(
        _ action: ReplicaAction, _ replicas: Int, _ index: Int, _ rules: MaskRules, _ block: MaskReason?,
        _ mask: inout ActionMask
    ) {
        let service = services[index]
        guard !service.isMissing, let observation, let expected = expected(index, until: rules.downAhead) else {
            return mask.forbid(action, .missing)
        }
        if let block { mask.forbid(action, block) }
        let wait = service.lastStep > 0 ? rules.downCooldown : rules.downPause
        if observation.time - service.lastStepTime < wait { mask.forbid(action, .cooldown) }
        let utilisation = expected / served(index, by: replicas)
        if utilisation > rules.utilisationHigh { mask.forbid(action, .forecastHigh) }
        if action == .downTwo, utilisation > rules.idle { mask.forbid(action, .notPressed) }
    }
}
