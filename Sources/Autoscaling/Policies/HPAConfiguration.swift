/// What one service-level number a metric of an HPA reads.
public enum HPASource: String, Sendable, CaseIterable {
    /// Requests offered to the service a second.
    case rate
    /// Requests that wait at the service.
    case queue
}

/// One metric of an HPA v2 and its target.
public enum HPAMetric: Sendable, Equatable {
    /// `Resource` cpu with `averageUtilization`: percent of the request.
    case cpu(percent: Int)
    /// `Pods` with `averageValue`: mean of the pods' own numbers.
    case pods(HPASource, average: Double)
    /// `External` with `value`: the sum against one target.
    case externalValue(HPASource, target: Double)
    /// `External` with `averageValue`: the sum against a target for each replica.
    case externalAverage(HPASource, target: Double)

    /// The name in reasons.
    public var name: String {
        switch self {
        case .cpu: "cpu resource utilization (percentage of request)"
        case .pods(let source, _): "pods metric \(source.rawValue)"
        case .externalValue(let source, _): "external metric \(source.rawValue)"
        case .externalAverage(let source, _): "external metric \(source.rawValue) (average)"
        }
    }

    /// The word of the condition where the metric cannot be read.
    var failure: String {
        switch self {
        case .cpu: "FailedGetResourceMetric"
        case .pods: "FailedGetPodsMetric"
        case .externalValue, .externalAverage: "FailedGetExternalMetric"
        }
    }

    var hasTarget: Bool {
        switch self {
        case .cpu(let percent): percent > 0
        case .pods(_, let target), .externalValue(_, let target), .externalAverage(_, let target):
            target > 0 && target.isFinite
        }
    }
}

/// `spec.behavior` of an HPA v2.
public struct HPABehavior: Sendable, Equatable {
    /// Rules upwards.
    public var up: ScalingRules
    /// Rules downwards.
    public var down: ScalingRules

    /// The defaults of `pkg/apis/autoscaling/v2/defaults.go` where nothing is said.
    public init(up: ScalingRules = .upDefault, down: ScalingRules = .downDefault) {
        self.up = up
        self.down = down
    }
}

/// One HPA v2 object with the flags of its controller.
public struct HPAConfiguration: Sendable, Equatable {
    /// The metrics; the largest proposal wins.
    public var metrics: [HPAMetric]
    /// `spec.behavior`; nil for none, which is not the same as the default rules: then replicas grow to
    /// `max(2 * current, 4)` at most in one sync, and only the controller's downscale stabilisation holds.
    public var behavior: HPABehavior?
    /// `minReplicas`; nil for the profile's lower bound.
    public var replicasMin: Int?
    /// `maxReplicas`; nil for the profile's upper bound.
    public var replicasMax: Int?
    /// `--horizontal-pod-autoscaler-sync-period` in seconds.
    public var syncPeriod = 15.0
    /// `--horizontal-pod-autoscaler-tolerance`, where no behaviour says another.
    public var tolerance = 0.1
    /// `--horizontal-pod-autoscaler-downscale-stabilization` in seconds, where no behaviour says another.
    public var downscaleStabilisation = 300.0
    /// `--horizontal-pod-autoscaler-cpu-initialization-period` in seconds.
    public var cpuInitialisation = 300.0
    /// `--horizontal-pod-autoscaler-initial-readiness-delay` in seconds.
    public var initialReadiness = 30.0
    /// Seconds over which metrics-server averages a pod's processor time.
    public var metricWindow = 15.0

    /// An HPA with Kubernetes' defaults but for what is said.
    public init(metrics: [HPAMetric] = [.cpu(percent: 80)], behavior: HPABehavior? = HPABehavior()) {
        self.metrics = metrics
        self.behavior = behavior
    }

    /// An HPA on the offered rate that keeps the service at a utilisation: `AverageValue` of its replica's capacity.
    public static func rate(_ service: ServiceProfile, utilisation: Double = 0.7) -> HPAConfiguration {
        HPAConfiguration(metrics: [.externalAverage(.rate, target: service.capacity * utilisation)])
    }

    /// The same HPA with all of its times, those of its behaviour too, `factor` times as short: for days that are
    /// compressed.
    ///
    /// - Parameter factor: more than 0.
    public func faster(by factor: Double) -> HPAConfiguration {
        precondition(factor > 0 && factor.isFinite, "times are divided by more than 0")
        var faster = self
        faster.syncPeriod /= factor
        faster.downscaleStabilisation /= factor
        faster.cpuInitialisation /= factor
        faster.initialReadiness /= factor
        faster.metricWindow /= factor
        faster.behavior = behavior.map { HPABehavior(up: $0.up.faster(by: factor), down: $0.down.faster(by: factor)) }
        return faster
    }

    /// Seconds over which recommendations are compared before replicas become more, and fewer.
    var windows: (up: Double, down: Double) {
        (behavior?.up.stabilisation ?? 0, behavior?.down.stabilisation ?? downscaleStabilisation)
    }

    /// Tolerance up and down.
    var tolerances: HPATolerance {
        HPATolerance(up: behavior?.up.tolerance ?? tolerance, down: behavior?.down.tolerance ?? tolerance)
    }

    /// The first contradiction in the configuration; nil where there is none.
    public var fault: String? {
        if metrics.isEmpty { return "an HPA has at least one metric" }
        if let metric = metrics.first(where: { !$0.hasTarget }) { return "\(metric.name): the target is more than 0" }
        if let replicasMin, let replicasMax, replicasMin > replicasMax { return "minReplicas is at most maxReplicas" }
        if let replicasMin, replicasMin < 0 { return "minReplicas is at least 0" }
        if let replicasMax, replicasMax < 1 { return "maxReplicas is at least 1" }
        let periods = [syncPeriod, metricWindow, cpuInitialisation, initialReadiness, downscaleStabilisation]
        if periods.contains(where: { !($0 >= 0 && $0.isFinite) }) { return "periods are at least 0 s" }
        if !(tolerance >= 0 && tolerance.isFinite) { return "tolerance is at least 0" }
        return behavior?.up.fault.map { "scaleUp: \($0)" } ?? behavior?.down.fault.map { "scaleDown: \($0)" }
    }
}

/// By what share a ratio of metric and target may miss 1 before replicas change.
public struct HPATolerance: Sendable, Equatable {
    /// Above 1.
    public var up: Double
    /// Below 1.
    public var down: Double

    /// A tolerance for each direction.
    public init(up: Double = 0.1, down: Double = 0.1) {
        self.up = up
        self.down = down
    }

    /// Whether a ratio changes nothing, both ends included: `1 - down <= ratio <= 1 + up`.
    public func holds(_ ratio: Double) -> Bool { 1 - down <= ratio && ratio <= 1 + up }
}
