/// One KEDA ScaledObject with a trigger on the offered rate, and the HPA it creates.
public struct KEDAConfiguration: Sendable, Equatable {
    /// What happens when the trigger fails more often than `failuresMax` in a row.
    public struct Fallback: Sendable, Equatable {
        /// Which number of replicas the fallback asks for.
        public enum Behavior: String, Sendable, CaseIterable {
            /// The fallback's.
            case fixed = "static"
            /// Those in force.
            case currentReplicas
            /// Those in force where they are more than the fallback's.
            case currentReplicasIfHigher
            /// Those in force where they are fewer than the fallback's.
            case currentReplicasIfLower
        }

        /// `failureThreshold`.
        public var failuresMax: Int
        /// `replicas`.
        public var replicas: Int
        /// `behavior`.
        public var behavior: Behavior

        /// A fallback to `replicas`.
        public init(replicas: Int, failuresMax: Int = 3, behavior: Behavior = .fixed) {
            self.replicas = replicas
            self.failuresMax = failuresMax
            self.behavior = behavior
        }

        /// Replicas asked for while `current` are in force.
        public func replicas(current: Int) -> Int {
            switch behavior {
            case .fixed: replicas
            case .currentReplicas: current
            case .currentReplicasIfHigher: max(current, replicas)
            case .currentReplicasIfLower: min(current, replicas)
            }
        }
    }

    /// Requests a second for each replica, the trigger's `threshold`.
    public var threshold: Double
    /// Rate above which the trigger is active, `activationThreshold`.
    public var activation = 0.0
    /// `pollingInterval` in seconds; matters only between 0 or idle and the rest.
    public var pollingInterval = 30.0
    /// `cooldownPeriod` in seconds from the last activity to 0 or idle.
    public var cooldown = 300.0
    /// `initialCooldownPeriod` in seconds from the object's creation.
    public var initialCooldown = 0.0
    /// `minReplicaCount`; nil for the profile's lower bound. KEDA's own default is 0.
    public var replicasMin: Int?
    /// `maxReplicaCount`; nil for the profile's upper bound. KEDA's own default is 100.
    public var replicasMax: Int?
    /// `idleReplicaCount`; nil for none.
    public var replicasIdle: Int?
    /// The Prometheus scaler's `ignoreNullValues`: an empty result is 0. That is KEDA's default and takes a service to
    /// its minimum when a scrape target is lost; false makes it a failure.
    public var ignoresNull = true
    /// What a failing trigger leads to; nil for none.
    public var fallback: Fallback?
    /// `advanced.horizontalPodAutoscalerConfig.behavior`.
    public var behavior: HPABehavior? = HPABehavior()

    /// A ScaledObject with KEDA's defaults.
    public init(threshold: Double) { self.threshold = threshold }

    /// A ScaledObject that keeps a service at a utilisation by its offered rate.
    public init(_ service: ServiceProfile, utilisation: Double = 0.7) {
        self.init(threshold: service.capacity * utilisation)
    }

    /// The HPA that KEDA creates: `AverageValue` on the rate, minimum `max(1, minReplicaCount)`.
    func hpa(bounds: ClosedRange<Int>) -> HPAConfiguration {
        var hpa = HPAConfiguration(metrics: [.externalAverage(.rate, target: threshold)], behavior: behavior)
        hpa.replicasMin = max(1, replicasMin ?? bounds.lowerBound)
        hpa.replicasMax = max(replicasMax ?? bounds.upperBound, hpa.replicasMin ?? 1)
        return hpa
    }

    /// The first contradiction in the configuration; nil where there is none.
    public var fault: String? {
        if !(threshold > 0 && threshold.isFinite) { return "threshold is more than 0" }
        if !(activation >= 0 && activation.isFinite) { return "activationThreshold is at least 0" }
        if !(pollingInterval > 0 && pollingInterval.isFinite) { return "pollingInterval is more than 0 s" }
        if !(cooldown >= 0 && cooldown.isFinite && initialCooldown >= 0 && initialCooldown.isFinite) {
            return "cooldowns are at least 0 s"
        }
        if let replicasMin, replicasMin < 0 { return "minReplicaCount is at least 0" }
        if let replicasMax, replicasMax < max(1, replicasMin ?? 0) { return "maxReplicaCount is at least the minimum" }
        if let replicasIdle, !(replicasIdle >= 0 && replicasIdle < (replicasMin ?? .max)) {
            return "idleReplicaCount is less than minReplicaCount"
        }
        if let fallback, fallback.failuresMax < 0 || fallback.replicas < 0 {
            return "fallback has a threshold and replicas of at least 0"
        }
        return behavior?.up.fault.map { "scaleUp: \($0)" } ?? behavior?.down.fault.map { "scaleDown: \($0)" }
    }
}
