/// What a policy is to the ladder.
public enum PolicyRole: String, Sendable, CaseIterable {
    /// One that may act.
    case rung
    /// One that only proposes, seeing what is in force.
    case shadow
    /// One that only proposes, seeing what would be had it always acted.
    case counterfactual
}

/// What one policy said in one round.
public struct Proposal: Sendable, Equatable {
    /// A decision, or why there is none.
    public enum Answer: Sendable, Equatable {
        case decision(Decision)
        case fault(PolicyFault)
    }

    /// The policy's name.
    public var policy: String
    /// What it is to the ladder.
    public var role: PolicyRole
    /// Its rung; nil for those that never act.
    public var level: LadderLevel?
    /// What it said.
    public var answer: Answer
    /// What it chose from; empty where it is no choice among steps, or none was made.
    public var choices: [StepChoice]

    /// What a policy said.
    public init(
        policy: String, role: PolicyRole, level: LadderLevel? = nil, answer: Answer, choices: [StepChoice] = []
    ) {
        self.policy = policy
        self.role = role
        self.level = level
        self.answer = answer
        self.choices = choices
    }

    /// The decision; nil where there is none.
    public var decision: Decision? {
        if case .decision(let decision) = answer { return decision }
        return nil
    }

    /// The fault; nil where there is none.
    public var fault: PolicyFault? {
        if case .fault(let fault) = answer { return fault }
        return nil
    }
}

/// A number of replicas that was changed on its way from the policy to the services.
public struct ReplicaChange: Sendable, Equatable {
    /// Who changed it.
    public enum Source: String, Sendable, CaseIterable {
        /// The shield around every policy.
        case shield
        /// The gate behind it: bounds, step limits and the promises about missing data once more.
        case gate
    }

    /// Who changed it.
    public var source: Source
    /// Place of the service in the profile.
    public var service: Int
    /// Replicas before.
    public var from: Int
    /// Replicas after.
    public var to: Int
    /// Why.
    public var reason: Reason

    /// A change.
    public init(source: Source, service: Int, from: Int, to: Int, reason: Reason) {
        self.source = source
        self.service = service
        self.from = from
        self.to = to
        self.reason = reason
    }

    /// A change by the shield.
    init(_ intervention: Intervention) {
        self.init(
            source: .shield, service: intervention.service, from: intervention.from, to: intervention.to,
            reason: Reason(intervention.rule.rawValue, intervention.text))
    }
}

/// Everything one round of the ladder led to: what the journal keeps.
public struct LadderRound: Sendable, Equatable {
    /// The observation without numbers that cannot be true: what the policies saw, unless the round was blind.
    public var observation: Observation
    /// The rung in force after the round.
    public var level: LadderLevel
    /// The rung that decided this round, `level` or one below it.
    public var acting: LadderLevel
    /// The policy that decided; the rung's word where it was none.
    public var decider: String
    /// Whether no policy was asked, because nothing fresh was known.
    public var isBlind: Bool
    /// What every policy said.
    public var proposals: [Proposal]
    /// What shield and gate changed.
    public var changes: [ReplicaChange]
    /// What is to be in force from now on.
    public var decision: Decision
    /// What changed, and what is wrong: codes such as `StepDown`, `MetricsStale`, `ModelDisabled`.
    public var events: [Reason]

    /// A round.
    public init(
        observation: Observation, level: LadderLevel, acting: LadderLevel, decider: String, isBlind: Bool,
        proposals: [Proposal], changes: [ReplicaChange], decision: Decision, events: [Reason]
    ) {
        self.observation = observation
        self.level = level
        self.acting = acting
        self.decider = decider
        self.isBlind = isBlind
        self.proposals = proposals
        self.changes = changes
        self.decision = decision
        self.events = events
    }

    /// What a policy said; nil where it is not among them.
    public func proposal(_ policy: String) -> Proposal? { proposals.first { $0.policy == policy } }
}
