/// Series of one name whose labels hold all of `labels`; several are summed.
public struct MetricSelection: Sendable, Hashable {
    /// The name; for a histogram without `_bucket`.
    public var name: String
    /// Labels that must have these values.
    public var labels: [String: String]

    /// A selection.
    public init(_ name: String, _ labels: [String: String] = [:]) {
        self.name = name
        self.labels = labels
    }
}

/// Which series of a replica's `/metrics` say what of its service; nil is a number that is never known.
public struct ServiceMetrics: Sendable, Equatable {
    /// How utilisation is told.
    public enum Utilisation: Sendable, Equatable {
        /// A gauge of 0...1; the mean of the replicas.
        case gauge(MetricSelection)
        /// A counter of seconds of work, e.g. `process_cpu_seconds_total`, and how many of them a replica can do a second.
        case busySeconds(MetricSelection, perSecond: Double)
    }

    /// Counter of requests offered.
    public var requests: MetricSelection?
    /// Counter of those that failed.
    public var failures: MetricSelection?
    /// Histogram of response times in seconds.
    public var latency: MetricSelection?
    /// Gauge of requests that wait.
    public var queue: MetricSelection?
    /// Use of what the replica has.
    public var utilisation: Utilisation?
    /// Requests a second that one replica can count: an interval with more is refused, unless the one before was too.
    public var rateMax: Double?

    /// Metrics; what is not said is never known.
    public init(
        requests: MetricSelection? = nil, failures: MetricSelection? = nil, latency: MetricSelection? = nil,
        queue: MetricSelection? = nil, utilisation: Utilisation? = nil, rateMax: Double? = nil
    ) {
        self.requests = requests
        self.failures = failures
        self.latency = latency
        self.queue = queue
        self.utilisation = utilisation
        self.rateMax = rateMax
    }
}
