/// Kubernetes' `ReplicaCalculator` (`pkg/controller/podautoscaler/replica_calculator.go`): replicas for one metric.
///
/// Quantities are whole thousandths as upstream, so utilisation is cut to whole percent and means to whole
/// thousandths before they are compared.
public enum HPACalculator {
    /// What one metric proposes.
    public enum Proposal: Sendable, Equatable {
        /// That many replicas.
        case replicas(Int)
        /// The metric cannot be used, and why.
        case invalid(String)
    }

    private static let noMetrics = "did not receive metrics for targeted pods (pods might be unready)"

    /// A resource's utilisation in percent of what the pods request.
    ///
    /// - Parameter current: `spec.replicas`.
    public static func utilisation(
        _ pods: HPAPodGroups, percent target: Int, current: Int, tolerance: HPATolerance = HPATolerance()
    ) -> Proposal {
        guard pods.ready.count > 0 else { return .invalid(noMetrics) }
        guard pods.ready.request > 0 else { return .invalid("missing request for the resource") }
        func ratio(_ usage: Int64, _ request: Int64) -> Double {
            Double(percent(usage, of: request)) / Double(target)
        }
        // Missing pods do not get in the way: on the way down they use all they request (or the target, if that is
        // more), on the way up nothing.
        let whole = Int64(max(100, target))
        return propose(
            pods, first: ratio(pods.ready.usage, pods.ready.request), current: current, tolerance: tolerance
        ) { missingIsFull, unreadyCounts in
            let missing = missingIsFull.map { $0 ? pods.missing.request &* whole / 100 : 0 }
            let request =
                pods.ready.request &+ (missing == nil ? 0 : pods.missing.request)
                &+ (unreadyCounts ? pods.unready.request : 0)
            return ratio(pods.ready.usage &+ (missing ?? 0), request)
        }
    }

    /// A metric of the pods' own against the mean wanted, in thousandths.
    public static func average(
        _ pods: HPAPodGroups, target: Int64, current: Int, tolerance: HPATolerance = HPATolerance()
    ) -> Proposal {
        guard pods.ready.count > 0 else { return .invalid(noMetrics) }
        func ratio(_ usage: Int64, _ count: Int) -> Double { Double(usage / Int64(count)) / Double(target) }
        return propose(
            pods, first: ratio(pods.ready.usage, pods.ready.count), current: current, tolerance: tolerance
        ) { missingIsFull, unreadyCounts in
            let missing = missingIsFull == true ? target &* Int64(pods.missing.count) : 0
            let count =
                pods.ready.count + (missingIsFull == nil ? 0 : pods.missing.count)
                + (unreadyCounts ? pods.unready.count : 0)
            return ratio(pods.ready.usage &+ missing, count)
        }
    }

    /// Whole percent, as upstream's `int32((metricsTotal * 100) / requestsTotal)`.
    private static func percent(_ usage: Int64, of request: Int64) -> Int64 {
        let (product, overflow) = usage.multipliedReportingOverflow(by: 100)
        return overflow ? Int64(clamping: Int(clamping: Double(usage) / Double(request) * 100)) : product / request
    }

    /// The common part of both: `second` is the ratio again with missing pods full (true), empty (false) or left out
    /// (nil), and with or without unready pods at 0.
    private static func propose(
        _ pods: HPAPodGroups, first: Double, current: Int, tolerance: HPATolerance,
        second: (_ missingIsFull: Bool?, _ unreadyCounts: Bool) -> Double
    ) -> Proposal {
        let unreadyCounts = pods.unready.count > 0 && first > 1
        if !unreadyCounts && pods.missing.count == 0 {
            return .replicas(tolerance.holds(first) ? current : ceiling(first, pods.ready.count))
        }
        let missingIsFull: Bool? = pods.missing.count == 0 || first == 1 ? nil : first < 1
        let ratio = second(missingIsFull, unreadyCounts)
        if tolerance.holds(ratio) || (first < 1 && ratio > 1) || (first > 1 && ratio < 1) { return .replicas(current) }
        let counted =
            pods.ready.count + (missingIsFull == nil ? 0 : pods.missing.count)
            + (unreadyCounts ? pods.unready.count : 0)
        let replicas = ceiling(ratio, counted)
        if (ratio < 1 && replicas > current) || (ratio > 1 && replicas < current) { return .replicas(current) }
        return .replicas(replicas)
    }

    /// An external metric's sum against one target: `ceil(ratio * readyPods)`, from 0 replicas `ceil(ratio)`.
    public static func value(
        _ sum: Double, target: Double, current: Int, readyPods: Int, tolerance: HPATolerance = HPATolerance()
    ) -> Proposal {
        guard sum.isFinite, sum >= 0 else { return .invalid("unable to get external metric") }
        let ratio = sum / target
        if current == 0 { return .replicas(ceiling(ratio, 1)) }
        return .replicas(tolerance.holds(ratio) ? current : ceiling(ratio, readyPods))
    }

    /// An external metric's sum against a target for each replica: `ceil(sum / target)`.
    ///
    /// Within the tolerance it answers `current`, that is `spec.replicas`; upstream answers `status.replicas`, which
    /// counts surge pods (kubernetes#138505).
    public static func averageValue(
        _ sum: Double, target: Double, current: Int, statusReplicas: Int, tolerance: HPATolerance = HPATolerance()
    ) -> Proposal {
        guard sum.isFinite, sum >= 0 else { return .invalid("unable to get external metric") }
        let ratio = sum / (target * Double(statusReplicas))
        // With no replicas the ratio is infinite or, at a sum of 0, not a number: neither is within a tolerance.
        return .replicas(tolerance.holds(ratio) ? current : ceiling(sum / target, 1))
    }

    private static func ceiling(_ ratio: Double, _ pods: Int) -> Int {
        Int(clamping: (ratio * Double(pods)).rounded(.up))
    }

    /// What several metrics come to: the largest proposal; nil where all are invalid, or one is and the others would
    /// take replicas away.
    public static func combine(_ proposals: [Proposal], current: Int) -> (replicas: Int, metric: Int)? {
        var best: (replicas: Int, metric: Int)?
        var invalid = 0
        for (index, proposal) in proposals.enumerated() {
            switch proposal {
            case .invalid: invalid += 1
            case .replicas(let count):
                if best.map({ $0.replicas == 0 || count > $0.replicas }) ?? true { best = (count, index) }
            }
        }
        guard let best, invalid == 0 || best.replicas >= current else { return nil }
        return best
    }
}
