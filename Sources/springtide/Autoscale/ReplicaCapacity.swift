/// Requests a second that one replica serves on its quota, by the utilisation law at the busiest step measured.
///
/// A request costs less processor time the more come at once, since batches grow: what was measured at a tenth of the
/// quota says little of the whole. So the warm-up steps up until replicas are busy, and only the busiest step counts.
struct ReplicaCapacity: Sendable, Equatable {
    /// What was measured over some seconds, of one replica on average.
    struct Step: Sendable, Equatable {
        /// Requests a second.
        var rate: Double
        /// Processors used.
        var processors: Double
    }

    /// Share of the quota from which on a step is busy enough.
    static let busy = 0.7
    /// Share of the quota that the next step aims at.
    static let aim = 0.85
    /// Steps at most.
    static let stepsMax = 6

    var steps: [Step]
    /// Processor seconds of a request at the busiest step.
    var each: Double
    /// Requests a second at the quota.
    var capacity: Double

    /// The capacity by the busiest of some steps; nil where none had requests, or the quota does not serve any.
    init?(_ steps: [Step], quota: Double) {
        guard let busiest = steps.max(by: { $0.processors < $1.processors }), busiest.rate > 0, busiest.processors > 0
        else { return nil }
        self.steps = steps
        each = busiest.processors / busiest.rate
        capacity = quota / each
        guard capacity >= 1, capacity.isFinite else { return nil }
    }

    /// The rate of the next step after `last`, of one replica; nil where that was busy enough.
    static func next(after last: Step, quota: Double) -> Double? {
        guard last.processors < busy * quota else { return nil }
        // Twice at the most: a measurement at low load must not overrun the machine.
        return last.rate * min(2, aim * quota / max(1e-9, last.processors))
    }
}
