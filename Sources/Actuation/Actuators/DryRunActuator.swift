internal import Synchronization

/// Changes nothing: remembers what it was told, and answers as if.
public final class DryRunActuator: Actuator {
    public let name = "dry-run"
    private let fence: OrderFence
    private let ordered: Mutex<[String: Int]>

    /// An actuator that begins with `replicas` by service.
    public init(replicas: [String: Int] = [:], replicasMax: Int = 1_000) {
        ordered = Mutex(replicas)
        fence = OrderFence(replicasMax: replicasMax)
    }

    public func apply(_ order: ReplicaOrder) async throws(ActuationFault) -> AppliedOrder {
        try fence.admit(order)
        let previous = ordered.withLock { $0.updateValue(order.replicas, forKey: order.service) }
        return AppliedOrder(.dryRun, previous: previous, replicas: order.replicas)
    }

    public func observe() async throws(ActuationFault) -> [String: ReplicaState] {
        ordered.withLock { ordered in
            Dictionary(
                uniqueKeysWithValues: ordered.map { service, replicas in
                    (service, ReplicaState(service: service, desired: replicas, ready: replicas))
                })
        }
    }
}
