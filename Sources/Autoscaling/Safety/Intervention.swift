/// Why the shield changed a proposal, or would; the raw values are the words of logs, metrics and the journal.
public enum ShieldRule: String, Sendable, CaseIterable {
    /// The proposal is not for as many services as the chain has.
    case proposalShape = "ProposalShape"
    /// The observation is not of as many services as the chain has.
    case observationShape = "ObservationShape"
    /// A priority or quota is not a number of 0...1.
    case notFinite = "NotFinite"
    /// The observation's time is before that of an earlier one.
    case timeWentBack = "TimeWentBack"
    /// Nothing plausible is known of the service's load.
    case missing = "MetricsMissing"
    /// What is known of the load is too old.
    case stale = "MetricsStale"
    /// Too few fresh observations have come in a row since some were missing.
    case fewFresh = "FewFreshWindows"
    /// Replicas still start.
    case pending = "ReplicasPending"
    /// Replicas still end.
    case draining = "ReplicasDraining"
    /// Replicas were added a short time ago.
    case cooldown = "ScaleDownCooldown"
    /// The open or the close is near.
    case auction = "NearAuction"
    /// Fewer replicas would be too busy with the load measured or expected.
    case forecastHigh = "ForecastHigh"
    /// Even the replicas in force are too few for the load measured or expected.
    case belowNeed = "BelowNeed"
    /// More replicas than the load measured or expected can use.
    case aboveNeed = "AboveNeed"
    /// Fewer replicas than the calendar asks for.
    case scheduleFloor = "ScheduleFloor"
    /// More replicas at once than the limit upwards.
    case scaleUpLimit = "ScaleUpLimit"
    /// Fewer replicas at once than the limit downwards.
    case scaleDownLimit = "ScaleDownLimit"
    /// More processors than the chain's budget.
    case budget = "ProcessorBudget"
    /// Fewer replicas than the profile allows.
    case tooFew = "TooFewReplicas"
    /// More replicas than the profile allows.
    case tooMany = "TooManyReplicas"
}

/// One change of a proposal by the shield.
public struct Intervention: Sendable, Equatable {
    /// The service's index in the chain's profile.
    public var service: Int
    /// The rule that held.
    public var rule: ShieldRule
    /// Replicas before the rule.
    public var from: Int
    /// Replicas after it.
    public var to: Int
    /// What was compared with what.
    public var text: String

    /// An intervention as a reason of the decision.
    public var reason: Reason { Reason(rule.rawValue, "\(from) -> \(to): \(text)") }
}

/// What the shield makes of a proposal.
public struct Shielded: Sendable, Equatable {
    /// The proposal within all limits; each changed service has the shield's reasons first.
    public var decision: Decision
    /// What was changed, in the order of the rules.
    public var interventions: [Intervention]
}
