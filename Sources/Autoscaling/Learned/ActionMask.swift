/// Why a step is forbidden.
public enum MaskReason: String, Sendable, CaseIterable {
    /// Fewer replicas than the profile allows.
    case tooFewReplicas = "TooFewReplicas"
    /// More replicas than the profile allows.
    case tooManyReplicas = "TooManyReplicas"
    /// More processors than the chain's budget.
    case budgetSpent = "ProcessorBudget"
    /// Replicas still start: what they will change is not seen yet.
    case pending = "ReplicasPending"
    /// Replicas still end.
    case draining = "ReplicasDraining"
    /// Too soon after the last change.
    case cooldown = "ScaleDownCooldown"
    /// Near the open or the close.
    case auction = "NearAuction"
    /// The load expected would not fit.
    case forecastHigh = "ForecastHigh"
    /// Nothing is known of the load, so nothing is taken away.
    case missing = "MetricsMissing"
    /// What is known of the load is too old.
    case stale = "MetricsStale"
    /// Too few fresh observations have come in a row since some were missing.
    case fewFresh = "FewFreshWindows"
    /// A large step where no overload is seen or expected.
    case notPressed = "NoOverload"
}

/// Which steps of one service are allowed, and why the others are not. `hold` is always allowed.
public struct ActionMask: Sendable, Equatable {
    private var reasons: [MaskReason?]

    /// All steps allowed.
    public init() { reasons = Array(repeating: nil, count: ReplicaAction.count) }

    /// Whether a step is allowed.
    public subscript(action: ReplicaAction) -> Bool { reasons[action.rawValue] == nil }

    /// Why a step is forbidden; nil where it is allowed.
    public func reason(_ action: ReplicaAction) -> MaskReason? { reasons[action.rawValue] }

    /// Forbids a step; the first reason stays.
    mutating func forbid(_ action: ReplicaAction, _ reason: MaskReason) {
        guard action != .hold, reasons[action.rawValue] == nil else { return }
        reasons[action.rawValue] = reason
    }

    /// Number of allowed steps, at least 1.
    public var count: Int { reasons.reduce(0) { $0 + ($1 == nil ? 1 : 0) } }
}

/// What decides an `ActionMask`.
public struct MaskRules: Sendable, Equatable {
    /// Seconds after a service was made larger in which it is not made smaller.
    public var downCooldown = 120.0
    /// Seconds after a service was made smaller in which it is not made smaller again.
    public var downPause = 20.0
    /// Largest utilisation that the load expected may reach after a step down.
    public var utilisationHigh = 0.85
    /// Seconds ahead over which the load expected is looked at before a step down.
    public var downAhead = 60.0
    /// Utilisation, seen or expected, above which steps of more than one replica up are allowed.
    public var pressure = 0.85
    /// Utilisation below which two replicas may be taken away at once.
    public var idle = 0.6

    /// The defaults: cooldown 120 s, pause 20 s, largest utilisation 0.85.
    public init() {}
}
