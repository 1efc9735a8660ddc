public import Autoscaling

/// Where the numbers of services come from.
public protocol MetricsSource: Sendable {
    /// Reads the numbers of all services once, within the source's own deadline; never fails: what is not known is nil.
    ///
    /// - Parameter states: what the actuator sees; where a service is absent, the last known state stands.
    /// - Returns: one for each service, in the order of the configuration.
    func read(_ states: [String: ReplicaState]) async -> [ServiceObservation]
}

/// The last known states of services, and the observation that a state and numbers make together.
struct KnownStates: Sendable {
    private var states: [String: ReplicaState] = [:]

    mutating func take(_ new: [String: ReplicaState]) { states.merge(new) { $1 } }

    func state(of service: String) -> ReplicaState? { states[service] }

    /// `numbers` with the replicas of the state; `otherwise` replicas where no state was ever known.
    func observation(_ service: String, _ numbers: ServiceObservation, otherwise: Int) -> ServiceObservation {
        var observation = numbers
        observation.ready = states[service]?.ready ?? otherwise
        observation.pending = states[service]?.pending ?? []
        observation.draining = states[service]?.draining ?? 0
        return observation
    }
}
