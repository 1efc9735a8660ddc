/// What happened in one control period.
public struct StepOutcome: Sendable, Equatable {
    /// Seconds from the start of the load to the end of the period.
    public var time = 0.0
    /// Length of the period in seconds; the last of a load may be shorter.
    public var duration = 0.0
    /// Requests that arrived.
    public var requests = 0.0
    /// Requests answered.
    public var completed = 0.0
    /// Requests given up because they would have waited longer than the timeout.
    public var dropped = 0.0
    /// Requests in queues at the end.
    public var waiting = 0.0
    /// Requests that broke the promise: all that ended in seconds whose 95th percentile was over the target, and all
    /// dropped ones.
    public var violations = 0.0
    /// Requests that each took longer than the target, and all dropped ones; at most about 5 % of them are no violation.
    public var late = 0.0
    /// Seconds of replicas paid for: serving and starting.
    public var replicaSeconds = 0.0
    /// Seconds of processors given to them, quotas counted.
    public var processorSeconds = 0.0
    /// Mean whole response time of the requests answered, in seconds.
    public var mean = 0.0
    /// Median of the whole response time.
    public var p50 = 0.0
    /// 95th percentile of the whole response time.
    public var p95 = 0.0
    /// 99th percentile of the whole response time.
    public var p99 = 0.0
    /// The services, in the order of the profile.
    public var services: [ServiceOutcome] = []

    /// Nothing yet.
    public init() {}

    /// Share of the requests that ended which broke the promise, 0...1.
    public var violationShare: Double {
        let ended = completed + dropped
        return ended > 0 ? violations / ended : 0
    }

    /// Requests that arrived a second.
    public var rate: Double { duration > 0 ? requests / duration : 0 }
}

/// What happened to one service in one control period; requests are visits of this service.
public struct ServiceOutcome: Sendable, Equatable {
    /// Visits that arrived.
    public var arrived = 0.0
    /// Visits served.
    public var served = 0.0
    /// Visits given up.
    public var dropped = 0.0
    /// Visits waiting at the end.
    public var queue = 0.0
    /// Work done over what the ready replicas could do, 0...1.
    public var utilisation = 0.0
    /// Mean response time of a visit in seconds.
    public var mean = 0.0
    /// 95th percentile of a visit's response time.
    public var p95 = 0.0
    /// Replicas that serve at the end.
    public var ready = 0
    /// Replicas that start at the end.
    public var pending = 0
    /// Replicas that finish at the end.
    public var draining = 0
    /// Replicas ordered in the period.
    public var started = 0
    /// Replicas told to end in the period, those that had not begun to serve among them.
    public var stopped = 0
    /// Replicas found never to become ready, in the period.
    public var failed = 0
    /// Seconds of replicas paid for.
    public var replicaSeconds = 0.0

    /// Nothing yet.
    public init() {}
}
