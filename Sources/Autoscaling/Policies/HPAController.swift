/// The state of one HPA object between syncs, and what its controller does with a proposal: stabilisation, rate
/// limits, bounds (`pkg/controller/podautoscaler/horizontal.go`).
public struct HPAController: Sendable, Equatable {
    /// A proposal before stabilisation, remembered.
    public struct Recommendation: Sendable, Equatable {
        /// When it was made.
        public var time: Double
        /// Replicas proposed.
        public var replicas: Int
    }

    /// What a sync comes to.
    public struct Outcome: Sendable, Equatable {
        /// `spec.replicas` wanted.
        public var replicas: Int
        /// The conditions' reasons: what limited first, then what was found.
        public var reasons: [Reason]
    }

    /// The object's configuration.
    public let configuration: HPAConfiguration
    /// `minReplicas`.
    public let replicasMin: Int
    /// `maxReplicas`.
    public let replicasMax: Int
    /// Proposals of the longest stabilisation window, before stabilisation.
    public private(set) var recommendations: [Recommendation] = []
    /// The changes made.
    public private(set) var history = ScaleHistory()

    /// A controller without history; the profile's bounds hold where the configuration says none.
    public init(_ configuration: HPAConfiguration, bounds: ClosedRange<Int>) {
        self.configuration = configuration
        replicasMin = configuration.replicasMin ?? bounds.lowerBound
        replicasMax = max(configuration.replicasMax ?? bounds.upperBound, replicasMin)
    }

    /// One sync: from `spec.replicas` and what the metrics propose to the replicas wanted.
    public mutating func sync(spec: Int, proposals: [HPACalculator.Proposal], now: Double) -> Outcome {
        if recommendations.isEmpty { recommendations.append(Recommendation(time: now, replicas: spec)) }
        if spec == 0 && replicasMin != 0 {
            return Outcome(replicas: 0, reasons: [Reason("ScalingDisabled", "the target has zero replicas")])
        }
        if spec > replicasMax {
            return Outcome(replicas: replicasMax, reasons: [Reason("TooManyReplicas", "\(spec) of \(replicasMax)")])
        }
        if spec < replicasMin {
            return Outcome(replicas: replicasMin, reasons: [Reason("TooFewReplicas", "\(spec) of \(replicasMin)")])
        }
        guard let best = HPACalculator.combine(proposals, current: spec) else {
            return Outcome(replicas: spec, reasons: [failure(proposals)])
        }
        let found = Reason("ValidMetricFound", "\(configuration.metrics[best.metric].name): \(best.replicas)")
        let stable = stabilise(best.replicas, spec: spec, now: now)
        let able =
            stable == best.replicas
            ? Reason("ReadyForNewScale", "recommended size \(best.replicas)")
            : Reason(
                configuration.behavior != nil && best.replicas >= spec ? "ScaleUpStabilized" : "ScaleDownStabilized",
                "recommended \(best.replicas), recent recommendations allow \(stable)")
        let (replicas, limited) = limit(stable, spec: spec, now: now)
        return Outcome(replicas: replicas, reasons: order(stable == best.replicas, able, limited, found))
    }

    private func order(_ isReady: Bool, _ able: Reason, _ limited: Reason, _ found: Reason) -> [Reason] {
        if limited.code != "DesiredWithinRange" { return [limited, able, found] }
        return isReady ? [found, able, limited] : [able, limited, found]
    }

    private func failure(_ proposals: [HPACalculator.Proposal]) -> Reason {
        for (metric, proposal) in zip(configuration.metrics, proposals) {
            if case .invalid(let why) = proposal { return Reason(metric.failure, "\(metric.name): \(why)") }
        }
        return Reason("FailedComputeMetricsReplicas", "no metric proposes replicas")
    }

    /// Remembers a change of `spec.replicas` that this HPA made, for its rate limits.
    public mutating func scaled(by count: Int, at time: Double) {
        let behavior = configuration.behavior ?? HPABehavior()
        history.record(count, at: time, keeping: max(behavior.up.longestPeriod, behavior.down.longestPeriod))
    }

    /// The proposal held back by the recommendations of the windows; remembers it as it was.
    private mutating func stabilise(_ desired: Int, spec: Int, now: Double) -> Int {
        let (upWindow, downWindow) = configuration.windows
        var (up, down) = (desired, desired)
        for recommendation in recommendations {
            // Without behaviour a recommendation exactly as old as the window still counts, with one it does not.
            let isOfDown =
                configuration.behavior == nil
                ? recommendation.time >= now - downWindow : recommendation.time > now - downWindow
            if isOfDown { down = max(down, recommendation.replicas) }
            if recommendation.time > now - upWindow { up = min(up, recommendation.replicas) }
        }
        recommendations.removeAll { $0.time < now - max(upWindow, downWindow) }
        recommendations.append(Recommendation(time: now, replicas: desired))
        guard configuration.behavior != nil else { return down }
        return min(down, max(up, spec))
    }

    /// Rate limits and bounds.
    private func limit(_ desired: Int, spec: Int, now: Double) -> (Int, Reason) {
        guard let behavior = configuration.behavior else { return limitWithoutBehavior(desired, spec: spec) }
        if desired > spec {
            let most = history.most(behavior.up, current: spec, now: now)
            if desired > min(most, replicasMax) {
                return most < replicasMax
                    ? (most, Reason("ScaleUpLimit", "increasing faster than the maximum scale rate: \(desired)"))
                    : (replicasMax, Reason("TooManyReplicas", "\(desired) of \(replicasMax)"))
            }
        } else if desired < spec {
            let fewest = history.fewest(behavior.down, current: spec, now: now)
            if desired < max(fewest, replicasMin) {
                return fewest > replicasMin
                    ? (fewest, Reason("ScaleDownLimit", "decreasing faster than the maximum scale rate: \(desired)"))
                    : (replicasMin, Reason("TooFewReplicas", "\(desired) of \(replicasMin)"))
            }
        }
        return (desired, Reason("DesiredWithinRange", "\(desired) in \(replicasMin)...\(replicasMax)"))
    }

    private func limitWithoutBehavior(_ desired: Int, spec: Int) -> (Int, Reason) {
        let most = max(2 * spec, 4)
        if desired < replicasMin {
            return (replicasMin, Reason("TooFewReplicas", "\(desired) of \(replicasMin)"))
        }
        if desired > min(most, replicasMax) {
            return most < replicasMax
                ? (most, Reason("ScaleUpLimit", "increasing faster than the maximum scale rate: \(desired)"))
                : (replicasMax, Reason("TooManyReplicas", "\(desired) of \(replicasMax)"))
        }
        return (desired, Reason("DesiredWithinRange", "\(desired) in \(replicasMin)...\(replicasMax)"))
    }
}
