/// SealOS+'s reward (its equation 3), normalised, with additions of ours that are marked and can be set to 0.
///
/// r = -( w1 · min(T/T_target, 5) + w2 · mean_j dev(u_j) + w3 · C
///        + churn · mean_j |a_j| + reversal · mean_j [a_j against a_j'] + hinge · [T > T_target] + violation · share )
///
/// | term | meaning | whose |
/// | --- | --- | --- |
/// | T | 95th percentile of the step, end to end; the mean over request classes is one number here | paper |
/// | dev(u) | u* - u below u*, 3 (u - u*) above; u is offered load over what ready replicas serve, at most 2 | paper, factor 3 ours |
/// | C | processors ordered (ready and starting) over the most the profile allows | paper |
/// | a | relative size of the step, at most 1 | ours |
/// | reversal | a step against the one before it within 300 s | ours |
/// | hinge | the promise is broken in this step | ours |
/// | share | requests over the promise or dropped, over all | ours |
public struct ScalingReward: Sendable, Equatable {
    /// w1.
    public var latency = 0.5
    /// w2.
    public var utilisation = 0.3
    /// w3.
    public var cost = 0.2
    /// u*.
    public var utilisationTarget = 0.7
    /// How much worse a utilisation above u* is than one below; ours.
    public var overFactor = 3.0
    /// Weight of the size of steps; ours.
    public var churn = 0.05
    /// Weight of steps against the last one; ours.
    public var reversal = 0.0
    /// Weight of a step over the promise; ours.
    public var hinge = 1.0
    /// Weight of the share of requests over the promise; ours.
    public var violation = 0.0

    /// The weights of the reference: 0.5, 0.3, 0.2; churn 0.05, hinge 1.
    public init() {}

    /// What one service did in a control period.
    public struct Service: Sendable, Equatable {
        /// Offered load over what the ready replicas serve.
        public var utilisation: Double
        /// Processors ordered, and the most the profile allows.
        public var processors: Double
        public var processorsMost: Double
        /// Relative size of the step taken before the period.
        public var step: Double
        /// Whether that step went against the one before.
        public var isReversal: Bool

        /// A service's part.
        public init(
            utilisation: Double, processors: Double, processorsMost: Double, step: Double = 0, isReversal: Bool = false
        ) {
            self.utilisation = utilisation
            self.processors = processors
            self.processorsMost = processorsMost
            self.step = step
            self.isReversal = isReversal
        }
    }

    /// The reward of a control period, at most 0.
    /// - Parameters:
    ///   - p95: end to end, in seconds; not finite counts as five times the promise.
    ///   - target: the promise, in seconds.
    ///   - violationShare: requests over the promise or dropped, 0...1.
    public func callAsFunction(
        p95: Double, target: Double, violationShare: Double, services: [Service]
    ) -> Double {
        let relative = p95.isFinite ? min(max(p95, 0) / target, 5) : 5
        let count = Double(max(services.count, 1))
        var deviation = 0.0
        var processors = 0.0
        var most = 0.0
        var steps = 0.0
        var reversals = 0.0
        for service in services {
            let u = min(max(service.utilisation.isFinite ? service.utilisation : 2, 0), 2)
            deviation += u <= utilisationTarget ? utilisationTarget - u : overFactor * (u - utilisationTarget)
            processors += service.processors
            most += service.processorsMost
            steps += min(abs(service.step), 1)
            reversals += service.isReversal ? 1 : 0
        }
        var sum = latency * relative + utilisation * deviation / count
        sum += cost * processors / max(most, .leastNonzeroMagnitude)
        sum += churn * steps / count + reversal * reversals / count
        sum += (relative > 1 ? hinge : 0) + violation * min(max(violationShare, 0), 1)
        return -sum
    }
}
