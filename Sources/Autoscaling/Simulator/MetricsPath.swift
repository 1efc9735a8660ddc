/// How a policy comes by its numbers, and how often it decides.
public enum MetricsPath: String, Sendable, CaseIterable {
    /// Through what gathers metrics for a whole cluster: samples of 10 s that are 5 to 15 s late, a decision every 10 s.
    case gathered
    /// From the services themselves, as the sidecar reads them: samples of 2 s that are up to 1 s late, a decision every
    /// 2 s.
    case direct

    /// Seconds of a sample.
    public var samplingPeriod: Double { self == .gathered ? 10 : 2 }
    /// Seconds from the end of a sample to the moment it can be read.
    public var lag: ClosedRange<Double> { self == .gathered ? 5...15 : 0...1 }
    /// Seconds from one decision to the next.
    public var controlPeriod: Double { self == .gathered ? 10 : 2 }
}

extension SimulatorOptions {
    /// The options with samples, lags and decisions of a path; noise and losses stay.
    public func reading(_ path: MetricsPath) -> SimulatorOptions {
        var options = self
        options.samplingPeriod = path.samplingPeriod
        options.metricLag = path.lag
        options.controlPeriod = path.controlPeriod
        return options
    }

    /// The options with another seed.
    func seeded(_ seed: UInt64) -> SimulatorOptions {
        var options = self
        options.seed = seed
        return options
    }
}
