/// What of the world a simulation takes in beside profile and load.
public struct SimulatorOptions: Sendable {
    /// Seed of all that is random; streams for start-up, speed and metrics are apart.
    public var seed: UInt64
    /// Seconds between decisions, whole and at least 1.
    public var controlPeriod = 10.0
    /// Seconds over which one sample of metrics is taken, whole and at least 1.
    public var samplingPeriod = 10.0
    /// Seconds from the end of a sample to the moment it can be read, uniform.
    public var metricLag: ClosedRange<Double> = 5...15
    /// Share of samples lost, one service at a time.
    public var metricLoss = 0.01
    /// Standard deviation of a metric relative to its value; rates have that of their Poisson counts beside, unless this
    /// is 0.
    public var metricNoise = 0.02
    /// Standard deviation of the logarithm of a replica's speed.
    public var replicaSpeedDeviation = 0.05
    /// Longest wait in one service in seconds; what would wait longer is dropped.
    public var timeout = 1.0
    /// Share of start-ups that take longer than the profile's range: lognormal from its upper end.
    public var startupTailShare = 0.02
    /// Standard deviation of the logarithm of that excess.
    public var startupTailDeviation = 0.5
    /// Seconds after which a replica that never becomes ready is given up and ordered anew.
    public var startupDeadline = 60.0
    /// Seconds in which a replica finishes what it has.
    public var drainTime = 5.0
    /// Slowdown where nodes are busy: service times are multiplied by 1 + contention · max(0, load - 0.7), load being
    /// the share of `nodeProcessors` at work.
    public var contention = 0.0
    /// Processors of all nodes together; nil for the profile's budget, without which nodes are never busy.
    public var nodeProcessors: Double?
    /// Requests sent again for each one dropped, 0...3.
    public var retries = 0.0
    /// Replicas at the start; nil for those that serve the first rate at utilisation 0.6.
    public var initialReplicas: [Int]?
    /// Seconds simulated at the first rate before time 0, not counted, so that there are metrics at time 0.
    public var settling = 40
    /// Where forecasts come from; nil for none.
    public var forecaster: (any LoadForecasting)?
    /// How far the simulated system may be from its profile; nil for not at all.
    public var randomisation: DomainRandomisation?

    /// Options with defaults of autoscaling in a data centre: metrics every 10 s, 5 to 15 s late, 1 % lost, 2 % noise.
    public init(seed: UInt64 = 1) { self.seed = seed }

    /// Options without anything random: all metrics current and exact, all replicas alike and ready.
    public static func exact(seed: UInt64 = 1) -> SimulatorOptions {
        var options = SimulatorOptions(seed: seed)
        options.metricLag = 0...0
        options.metricLoss = 0
        options.metricNoise = 0
        options.replicaSpeedDeviation = 0
        options.startupTailShare = 0
        return options
    }

    /// The first option outside its limits, nil where there is none.
    var fault: SimulationFault? {
        func isShare(_ value: Double) -> Bool { value >= 0 && value <= 1 }
        let faults: [(Bool, String)] = [
            (
                controlPeriod >= 1 && controlPeriod <= 600 && controlPeriod == controlPeriod.rounded(),
                "controlPeriod is a whole number of seconds, 1...600"
            ),
            (
                samplingPeriod >= 1 && samplingPeriod <= 600 && samplingPeriod == samplingPeriod.rounded(),
                "samplingPeriod is a whole number of seconds, 1...600"
            ),
            (metricLag.lowerBound >= 0 && metricLag.upperBound <= 600, "metricLag is 0...600 s"),
            (metricLoss >= 0 && metricLoss < 1, "metricLoss is 0..<1"),
            (metricNoise >= 0 && metricNoise <= 1, "metricNoise is 0...1"),
            (replicaSpeedDeviation >= 0 && replicaSpeedDeviation <= 1, "replicaSpeedDeviation is 0...1"),
            (timeout > 0 && timeout <= 600, "timeout is more than 0 and at most 600 s"),
            (isShare(startupTailShare), "startupTailShare is 0...1"),
            (startupTailDeviation >= 0 && startupTailDeviation <= 3, "startupTailDeviation is 0...3"),
            (startupDeadline > 0 && startupDeadline <= 3_600, "startupDeadline is more than 0 and at most 3600 s"),
            (drainTime >= 0 && drainTime <= 3_600, "drainTime is 0...3600 s"),
            (contention >= 0 && contention <= 100, "contention is 0...100"),
            (nodeProcessors.map { $0 > 0 && $0.isFinite } ?? true, "nodeProcessors is more than 0"),
            (retries >= 0 && retries <= 3, "retries is 0...3"),
            (settling >= 0 && settling <= 3_600, "settling is 0...3600 s"),
        ]
        return faults.first { !$0.0 }.map { SimulationFault(.option, $0.1) } ?? randomisation?.fault
    }
}
