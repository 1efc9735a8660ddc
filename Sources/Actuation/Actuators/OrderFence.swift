internal import Synchronization

/// Refuses orders of lower epochs and orders that no actuator could mean.
final class OrderFence: Sendable {
    private let epochs = Mutex<[String: UInt64]>([:])
    private let replicasMax: Int

    init(replicasMax: Int) { self.replicasMax = replicasMax }

    /// Lets an order pass, or says why not.
    func admit(_ order: ReplicaOrder) throws(ActuationFault) {
        guard (0...replicasMax).contains(order.replicas) else {
            throw ActuationFault(
                .invalid, "\(order.service): \(order.replicas) replicas are not within 0...\(replicasMax)")
        }
        let highest = epochs.withLock { epochs in
            let highest = max(epochs[order.service] ?? 0, order.epoch)
            epochs[order.service] = highest
            return highest
        }
        guard order.epoch == highest else {
            throw ActuationFault(
                .fenced, "\(order.service): epoch \(order.epoch) is over, \(highest) has given orders")
        }
    }
}

/// Ages of replicas that are ordered but do not serve yet, from counts alone: the oldest becomes ready first.
struct PendingAges: Sendable {
    private var since: [Double] = []

    /// Takes the count at a time; the ages, oldest first.
    mutating func take(_ count: Int, at now: Double) -> [Double] {
        if since.count > count { since.removeFirst(since.count - max(0, count)) }
        while since.count < count { since.append(now) }
        return since.map { max(0, now - $0) }
    }
}
