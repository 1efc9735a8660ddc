/// Requests a second that one replica serves on its quota, by the utilisation law.
///
/// Processor time a second of a replica grows with its requests a second along a line `idle + each * rate`; where that
/// reaches the quota, the replica is full.
struct ReplicaCapacity: Sendable, Equatable {
    /// What was measured over some seconds, of one replica on average.
    struct Step: Sendable, Equatable {
        /// Requests a second.
        var rate: Double
        /// Processors used.
        var processors: Double
    }

    var steps: [Step]
    /// Processors used without requests, at least 0.
    var idle: Double
    /// Processor seconds of a request.
    var each: Double
    /// Requests a second at the quota.
    var capacity: Double

    /// Fits the line by least squares; nil where the steps do not tell one, or the quota does not serve any request.
    init?(_ steps: [Step], quota: Double) {
        let count = Double(steps.count)
        guard count >= 2 else { return nil }
        let rate = steps.reduce(0) { $0 + $1.rate } / count
        let used = steps.reduce(0) { $0 + $1.processors } / count
        let square = steps.reduce(0) { $0 + ($1.rate - rate) * ($1.rate - rate) }
        guard square > 0 else { return nil }
        let each = steps.reduce(0) { $0 + ($1.rate - rate) * ($1.processors - used) } / square
        guard each > 0, each.isFinite else { return nil }
        self.steps = steps
        self.each = each
        idle = max(0, used - each * rate)
        capacity = (quota - idle) / each
        guard capacity >= 1 else { return nil }
    }
}
