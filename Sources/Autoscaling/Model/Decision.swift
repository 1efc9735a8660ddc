/// Why a number of replicas was decided, in words that logs, metrics and people share.
public struct Reason: Sendable, Equatable {
    /// A word without blanks, e.g. `ScaleDownStabilized`; the vocabulary of Kubernetes' HPA where it has one.
    public var code: String
    /// What was compared with what, with its numbers.
    public var text: String

    /// A reason.
    public init(_ code: String, _ text: String = "") {
        self.code = code
        self.text = text
    }
}

/// What one service is to have.
public struct ServiceDecision: Sendable, Equatable {
    /// Replicas ordered: those that serve and those that start.
    public var replicas: Int
    /// Share of the machine's attention where services compete, 0...1 (SealOS+ p); nil leaves it alone.
    public var priority: Double?
    /// Share of a replica's processors it may use, 0...1 (SealOS+ q); nil leaves it alone.
    public var quota: Double?
    /// Why, the deciding reason first.
    public var reasons: [Reason]

    /// A decision about one service.
    public init(replicas: Int, priority: Double? = nil, quota: Double? = nil, reasons: [Reason] = []) {
        self.replicas = replicas
        self.priority = priority
        self.quota = quota
        self.reasons = reasons
    }
}

/// What all services are to have, in the order of the chain's profile.
public struct Decision: Sendable, Equatable {
    /// One for each service.
    public var services: [ServiceDecision]

    /// A decision.
    public init(services: [ServiceDecision]) { self.services = services }

    /// Replicas alone.
    public var replicas: [Int] { services.map(\.replicas) }
}

/// What a policy could not decide, and why; the ladder then asks the next one.
public struct PolicyFault: Error, Equatable, CustomStringConvertible {
    /// A word without blanks, e.g. `MetricsMissing`, `ForecastMissing`, `NotFinite`, `ModelShape`.
    public var code: String
    public var description: String

    /// A fault.
    public init(_ code: String, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// A rule that decides replicas from observations.
///
/// Pure but for its own memory: no clock, no randomness but a seeded generator of its own, no input or output. Called
/// once a control period with growing `observation.time`. Proposals may lie outside the bounds of the profile; the
/// shield clamps them, and the simulator too.
public protocol ScalingPolicy {
    /// The name in tables, metrics and the journal, e.g. `hpa`, `forecast`, `dqn`.
    var name: String { get }

    /// Decides what the services are to have from now on.
    /// - Throws: `PolicyFault` where the observation lacks what this policy needs.
    mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision

    /// What is actually in force after a decision, which others may have changed; called once after each `decide`.
    mutating func applied(_ decision: Decision, at time: Double)
}

extension ScalingPolicy {
    public mutating func applied(_ decision: Decision, at time: Double) {}
}
