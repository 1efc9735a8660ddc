internal import Glibc
internal import Learning

/// A policy that a network learned: dueling double DQN or PPO behind one type, since both read the same numbers, take
/// the same masked steps and come from the same file.
///
/// A decision takes the step with the largest action value (DQN) or probability (PPO) of each service among the allowed
/// ones. Nothing is random. Scores of all steps, and why some were forbidden, are in `choices`. It decides once in the
/// period it was trained with, however often it is asked, and keeps what is in force between.
public struct LearnedPolicy: ChoosingPolicy {
    /// `dqn` or `ppo`.
    public let name: String
    /// The chain it decides for.
    public let profile: ChainProfile
    /// What the file says of itself.
    public let model: ScalingModel
    private let network: DiscretePolicy
    private let memory: ObservationMemory
    private var state: ScalingState
    public private(set) var choices: [StepChoice] = []
    private var chosen: [Int]
    private var cadence: Cadence
    /// When it last decided.
    private var decidedAt = -Double.infinity

    /// Age in seconds of metrics past which nothing is decided.
    public static let ageMax = 60.0

    /// The policy of a model for a chain.
    /// - Throws: `PolicyFault` `ModelShape` where the model belongs to another number of services.
    public init(_ model: ScalingModel, _ profile: ChainProfile) throws(PolicyFault) {
        if let services = model.services, services != profile.services.count {
            throw PolicyFault(
                "ModelShape", "the model is for \(services) services, the chain has \(profile.services.count)")
        }
        name = model.isValueBased ? "dqn" : "ppo"
        self.profile = profile
        self.model = model
        network = model.network.copy()
        // A network of form C decides for one service at a moment: the services are its moments.
        let moments = model.form == .shared ? profile.services.count : 1
        memory = ObservationMemory(network.space, count: moments)
        chosen = Array(repeating: 0, count: moments * network.space.choices)
        state = try ScalingState(profile)
        cadence = Cadence(period: model.period)
    }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        choices = []
        var next = observation.time < decidedAt ? Cadence(period: model.period) : cadence
        guard next.isDue(at: observation.time) else { return try between(observation) }
        try state.observe(observation)
        for (index, service) in state.services.enumerated() where service.rate == nil || service.age > Self.ageMax {
            throw PolicyFault(
                "MetricsMissing", "service '\(profile.services[index].name)': no rate younger than \(Self.ageMax) s")
        }
        let view = ObservationView(rows: memory.rows, state: memory.state.floats, allowed: memory.allowed)
        view.clear()
        model.form.observe(state, model.rules, view)
        network.decide(count: memory.count, memory, into: &chosen)
        // A local, because a span of a property would outlive the access to it.
        let made = chosen
        let isValue = model.isValueBased
        choices = model.form.explained(
            made.span, state, model.rules, measure: isValue ? .value : .probability,
            score: { [network] action, moment in
                let score = Double(network.score(agent: 0, action: action, moment: moment))
                return isValue ? score : exp(score)
            })
        (cadence, decidedAt) = (next, observation.time)
        let steps = model.form.steps(made.span, services: profile.services.count)
        let spent = state.spentProcessors
        return Decision(
            services: steps.enumerated().map { index, step in
                let ordered = state.services[index].ordered
                let mask = state.mask(index, rules: model.rules, spent: spent)
                return ServiceDecision(
                    replicas: profile.services[index].clamp(step.replicas(from: ordered)),
                    reasons: reasons(step, mask, ordered))
            })
    }

    /// What is in force, between two decisions.
    private func between(_ observation: Observation) throws(PolicyFault) -> Decision {
        try observation.check(services: profile.services.count)
        return Decision(
            services: observation.services.enumerated().map { index, service in
                ServiceDecision(
                    replicas: profile.services[index].clamp(Plausible.ordered(service)),
                    reasons: [Reason("BetweenDecisions", "one each \(model.period) s")])
            })
    }

    public mutating func applied(_ decision: Decision, at time: Double) {
        // What others change between decisions is seen at the next one.
        guard time <= decidedAt else { return }
        state.applied(decision.replicas, at: time)
    }

    private func reasons(_ step: ReplicaAction, _ mask: ActionMask, _ ordered: Int) -> [Reason] {
        var reasons = [Reason("Learned", "\(name): step \(step.word) from \(ordered)")]
        var blocked: [MaskReason: [String]] = [:]
        for action in ReplicaAction.allCases {
            if let reason = mask.reason(action) { blocked[reason, default: []].append(action.word) }
        }
        for reason in MaskReason.allCases {
            guard let words = blocked[reason] else { continue }
            reasons.append(Reason(reason.rawValue, "forbids \(words.joined(separator: " "))"))
        }
        return reasons
    }
}
