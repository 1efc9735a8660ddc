/// Requests a second that one replica serves on its quota, and all of them before the machine is full, by the utilisation
/// law at the busiest step measured.
///
/// A request costs less processor time the more come at once, since batches grow: what was measured at a tenth of the
/// quota says little of the whole. So the warm-up steps up until replicas or machine are busy, and only the busiest step
/// counts. The machine has generator, node, Redis and PostgreSQL beside the replicas: a peak that leaves none of it free
/// would measure the machine and not the replicas.
struct ReplicaCapacity: Sendable, Equatable {
    /// What was measured over some seconds.
    struct Step: Sendable, Equatable {
        /// Requests a second of one replica, and processors that it used, over the same time.
        var rate: Double
        var processors: Double
        /// Requests a second that all replicas were offered, and the share of the machine's processors then used.
        var offered: Double
        var machine: Double
    }

    /// Share of the quota from which on a step is busy enough.
    static let busy = 0.7
    /// Share of the quota that the next step aims at.
    static let aim = 0.85
    /// Share of the machine from which on a step is busy enough.
    static let machineBusy = 0.6
    /// Share of the machine that the next step aims at, and that the peak of a day may use.
    static let machineAim = 0.7
    /// Steps at most.
    static let stepsMax = 6

    var steps: [Step]
    /// Processor seconds of a request at the busiest step.
    var each: Double
    /// Requests a second at the quota.
    var capacity: Double
    /// Requests a second of all replicas at which everything uses `machineAim` of the machine.
    var machineRate: Double

    /// The capacity by the busiest of some steps; nil where none had requests, or the quota does not serve any.
    init?(_ steps: [Step], quota: Double) {
        guard let busiest = steps.max(by: { $0.processors < $1.processors }), busiest.rate > 0, busiest.processors > 0,
            busiest.machine > 0
        else { return nil }
        self.steps = steps
        each = busiest.processors / busiest.rate
        capacity = quota / each
        machineRate = busiest.offered * Self.machineAim / busiest.machine
        guard capacity >= 1, capacity.isFinite, machineRate >= 1, machineRate.isFinite else { return nil }
    }

    /// The rate of the next step after `last`, of one replica; nil where that was busy enough.
    static func next(after last: Step, quota: Double) -> Double? {
        guard last.processors < busy * quota, last.machine < machineBusy else { return nil }
        // Twice at the most: a measurement at low load must not overrun the machine.
        return last.rate * min(2, aim * quota / max(1e-9, last.processors), machineAim / max(1e-9, last.machine))
    }
}
