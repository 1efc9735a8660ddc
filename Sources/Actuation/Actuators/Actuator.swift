/// An order for replicas of one service.
public struct ReplicaOrder: Sendable, Equatable {
    /// The service's name in the chain's profile.
    public var service: String
    /// Replicas wanted, not negative.
    public var replicas: Int
    /// Replicas that were ordered when it was decided; nil where the order stands whatever is there by now.
    public var seen: Int?
    /// Id of the decision, in the journal and at the actuator; the same order may be sent again under it.
    public var decision: String
    /// The epoch of leadership under which it was decided.
    public var epoch: UInt64

    /// An order.
    public init(service: String, replicas: Int, seen: Int? = nil, decision: String, epoch: UInt64) {
        self.service = service
        self.replicas = replicas
        self.seen = seen
        self.decision = decision
        self.epoch = epoch
    }

    /// Refuses to take replicas away that were not there when it was decided: somebody has ordered more since.
    ///
    /// - Parameter current: replicas that are ordered now.
    func check(current: Int) throws(ActuationFault) {
        guard let seen, current > seen, replicas < current else { return }
        throw ActuationFault(
            .stale,
            "\(service): \(current) replicas are ordered by now, \(replicas) were decided where \(seen) were seen")
    }
}

/// What became of an order.
public struct AppliedOrder: Sendable, Equatable {
    /// The ways an order that was not refused ends.
    public enum Result: String, Sendable, CaseIterable {
        /// The number of replicas ordered is another now.
        case changed
        /// It was so already.
        case unchanged
        /// Nothing was meant to be changed.
        case dryRun
    }

    /// How it ended.
    public var result: Result
    /// Replicas ordered before, where known.
    public var previous: Int?
    /// Replicas ordered now; of a dry run, those that would be.
    public var replicas: Int
    /// Times that somebody else changed the object in between.
    public var conflicts: Int

    /// An outcome.
    public init(_ result: Result, previous: Int?, replicas: Int, conflicts: Int = 0) {
        self.result = result
        self.previous = previous
        self.replicas = replicas
        self.conflicts = conflicts
    }
}

/// What is there of one service, as the actuator sees it.
public struct ReplicaState: Sendable, Equatable {
    /// The service's name.
    public var service: String
    /// Replicas ordered.
    public var desired: Int
    /// Replicas that serve.
    public var ready: Int
    /// Ages in seconds of the replicas ordered that do not serve yet, oldest first.
    public var pending: [Double]
    /// Replicas that finish what they have and end.
    public var draining: Int
    /// Where replicas that serve answer `/metrics`, by the replica's name; empty where the actuator cannot tell. Those
    /// that serve and are not named here count as not answering.
    public var endpoints: [String: String]

    /// A state.
    public init(
        service: String, desired: Int, ready: Int, pending: [Double] = [], draining: Int = 0,
        endpoints: [String: String] = [:]
    ) {
        self.service = service
        self.desired = desired
        self.ready = ready
        self.pending = pending
        self.draining = draining
        self.endpoints = endpoints
    }
}

/// Something that has replicas.
///
/// Orders are idempotent: the same one sent again changes nothing. An order of a lower epoch than one seen before is
/// refused with `.fenced`, so that a sidecar that was asleep while another took over does no harm.
public protocol Actuator: Sendable {
    /// The name in metrics and the journal.
    var name: String { get }

    /// Brings the service to the replicas ordered, trying again within limits where that may help.
    func apply(_ order: ReplicaOrder) async throws(ActuationFault) -> AppliedOrder

    /// What is there now of all services it knows, by name.
    func observe() async throws(ActuationFault) -> [String: ReplicaState]
}
