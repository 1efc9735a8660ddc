/// A pod as the HPA's controller sees it.
public struct HPAPod: Sendable, Equatable {
    /// `status.phase` as far as it matters.
    public enum Phase: Sendable { case pending, running, failed }

    /// The pod's readiness condition.
    public struct Readiness: Sendable, Equatable {
        /// `status` is `False`; `Unknown` does not count.
        public var isFalse: Bool
        /// `lastTransitionTime` in seconds.
        public var since: Double

        /// A condition.
        public init(isFalse: Bool, since: Double) {
            self.isFalse = isFalse
            self.since = since
        }
    }

    /// A reading of the metric.
    public struct Sample: Sendable, Equatable {
        /// The value in thousandths of its unit.
        public var value: Int64
        /// When it was read, in seconds.
        public var time: Double
        /// Seconds over which it was averaged.
        public var window: Double

        /// A reading of `value` thousandths.
        public init(_ value: Int64, at time: Double, window: Double = 15) {
            self.value = value
            self.time = time
            self.window = window
        }
    }

    /// The phase.
    public var phase: Phase
    /// Whether it has a deletion timestamp.
    public var isDeleted: Bool
    /// `status.startTime` in seconds; nil where it has none.
    public var start: Double?
    /// The Ready condition; nil where it has none.
    public var ready: Readiness?
    /// Requested resource in thousandths of its unit; 0 for metrics that are no resource.
    public var request: Int64
    /// The metric; nil where none was received.
    public var sample: Sample?

    /// A pod; what is not said is a running pod without condition or metric.
    public init(
        phase: Phase = .running, isDeleted: Bool = false, start: Double? = nil, ready: Readiness? = nil,
        request: Int64 = 1_000, sample: Sample? = nil
    ) {
        self.phase = phase
        self.isDeleted = isDeleted
        self.start = start
        self.ready = ready
        self.request = request
        self.sample = sample
    }
}

/// Pods in the groups that `groupPods` of `replica_calculator.go` makes, summed; values are thousandths.
public struct HPAPodGroups: Sendable, Equatable {
    /// A group's number of pods and its sums.
    public struct Group: Sendable, Equatable {
        /// Pods.
        public var count: Int
        /// Sum of the metric.
        public var usage: Int64
        /// Sum of the requests.
        public var request: Int64

        /// A group of `count` pods.
        public init(count: Int = 0, usage: Int64 = 0, request: Int64 = 0) {
            self.count = count
            self.usage = usage
            self.request = request
        }
    }

    /// Pods whose metric counts.
    public var ready: Group
    /// Pods that start, and those whose metric is not to be trusted yet; upstream's `unreadyPods`.
    public var unready: Group
    /// Pods without a metric.
    public var missing: Group

    /// Groups that are known.
    public init(ready: Group = Group(), unready: Group = Group(), missing: Group = Group()) {
        self.ready = ready
        self.unready = unready
        self.missing = missing
    }

    /// Groups pods as the controller does at `now`.
    /// - Parameter isCPU: whether the metric is processor time, for which young and unready pods do not count.
    public init(
        _ pods: [HPAPod], now: Double, isCPU: Bool, cpuInitialisation: Double = 300, initialReadiness: Double = 30
    ) {
        self.init()
        for pod in pods where !pod.isDeleted && pod.phase != .failed {
            if pod.phase == .pending {
                unready.add(pod, usage: 0)
            } else if let sample = pod.sample {
                let counts =
                    !isCPU
                    || Self.counts(
                        pod, sample, now: now, cpuInitialisation: cpuInitialisation,
                        initialReadiness: initialReadiness)
                if counts { ready.add(pod, usage: sample.value) } else { unready.add(pod, usage: 0) }
            } else {
                missing.add(pod, usage: 0)
            }
        }
    }

    /// Whether a pod's processor time says something of its load.
    private static func counts(
        _ pod: HPAPod, _ sample: HPAPod.Sample, now: Double, cpuInitialisation: Double, initialReadiness: Double
    ) -> Bool {
        guard let start = pod.start, let ready = pod.ready else { return false }
        if start + cpuInitialisation > now {
            return !(ready.isFalse || sample.time < ready.since + sample.window)
        }
        // Unready since before the delay ended: it never was ready.
        return !(ready.isFalse && start + initialReadiness > ready.since)
    }
}

extension HPAPodGroups.Group {
    fileprivate mutating func add(_ pod: HPAPod, usage: Int64) {
        count += 1
        self.usage &+= usage
        request &+= pod.request
    }
}
