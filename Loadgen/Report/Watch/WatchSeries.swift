/// What the processes of one component used in one interval.
public struct ComponentLoad: Sendable, Equatable {
    /// CPU time over wall time, in processors: 1.5 is one and a half.
    public var cpu = 0.0
    /// The same of its busiest thread, at most 1.
    public var busiestThread = 0.0
    /// Time its threads waited, runnable, for a CPU, over wall time; a sum over threads.
    public var runQueueWait = 0.0
    /// The same of the thread that waited most.
    public var longestWait = 0.0
    /// Resident sets of its processes, bytes; pages they share count in each.
    public var residentBytes = 0.0

    /// Nothing used.
    public init() {}
}

/// Share of an interval in which some task of the machine waited, from `/proc/pressure` (Linux PSI), 0...1.
public struct MachinePressure: Sendable, Equatable {
    /// For a CPU.
    public var cpu = 0.0
    /// For memory.
    public var memory = 0.0
    /// For a disk.
    public var io = 0.0

    /// No pressure.
    public init() {}
}

/// Requests that one tier of the cache answered in one interval.
public struct TierCount: Sendable, Equatable {
    /// Requests it was asked.
    public var requests = 0.0
    /// Of these, answered: hits and known absences.
    public var hits = 0.0

    /// No requests.
    public init() {}
}

/// One interval of the watch. What could not be read is nil: a gap.
public struct WatchSample: Sendable, Equatable {
    /// Its end, seconds after the start of the run.
    public var time: Double
    /// By component, in the order of `WatchSeries.components`.
    public var loads: [ComponentLoad?] = []
    /// Of the whole machine.
    public var pressure: MachinePressure?
    /// CPU time of the whole machine over wall time and processors, 0...1.
    public var machineCPU: Double?
    /// The same of CPU time that a hypervisor withheld from tasks that were ready (steal), 0...1.
    public var machineSteal: Double?
    /// By tier, in the order of `WatchSeries.tiers`.
    public var tiers: [TierCount?] = []
    /// Replicas of the services (`autoscaler_replicas`).
    public var replicas: Double?
    /// Requests a second that the services counted (`rpc_server_call_duration_seconds_count`, `orders_total`).
    public var requestRate: Double?
    /// Requests a second that the autoscaler foretold (`autoscaler_predicted_requests_per_second`).
    public var predictedRate: Double?

    /// A sample in which nothing was read.
    public init(time: Double) { self.time = time }
}

/// What was seen of the machine and of the target's processes during a run.
public struct WatchSeries: Sendable, Equatable {
    /// Processors of the machine.
    public var processors = 0
    /// Names of the components, such as `services`, `Redis`, `PostgreSQL`, `generator`.
    public var components: [String] = []
    /// Names of the tiers, such as `l1`.
    public var tiers: [String] = []
    /// In order of time.
    public var samples: [WatchSample] = []
    /// Pages of metrics that did not come or could not be read.
    public var failedScrapes = 0

    /// Nothing was seen.
    public init() {}

    /// Mean figures over the samples that end in a stretch of time; nil fields where none was read.
    public func mean(_ range: ClosedRange<Double>) -> WatchSample {
        let chosen = samples.filter { $0.time > range.lowerBound && $0.time <= range.upperBound + 0.5 }
        var sample = WatchSample(time: range.upperBound)
        sample.loads = components.indices.map { index in
            Self.mean(chosen.compactMap { $0.loads.indices.contains(index) ? $0.loads[index] : nil })
        }
        sample.tiers = tiers.indices.map { index in
            let counts = chosen.compactMap { $0.tiers.indices.contains(index) ? $0.tiers[index] : nil }
            guard !counts.isEmpty else { return nil }
            return counts.reduce(into: TierCount()) { sum, count in
                sum.requests += count.requests
                sum.hits += count.hits
            }
        }
        let pressures = chosen.compactMap(\.pressure)
        if !pressures.isEmpty {
            var mean = MachinePressure()
            mean.cpu = Self.average(pressures.map(\.cpu)) ?? 0
            mean.memory = Self.average(pressures.map(\.memory)) ?? 0
            mean.io = Self.average(pressures.map(\.io)) ?? 0
            sample.pressure = mean
        }
        sample.machineCPU = Self.average(chosen.compactMap(\.machineCPU))
        sample.machineSteal = Self.average(chosen.compactMap(\.machineSteal))
        sample.replicas = chosen.compactMap(\.replicas).last
        sample.requestRate = Self.average(chosen.compactMap(\.requestRate))
        sample.predictedRate = Self.average(chosen.compactMap(\.predictedRate))
        return sample
    }

    private static func average(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    private static func mean(_ loads: [ComponentLoad]) -> ComponentLoad? {
        guard !loads.isEmpty else { return nil }
        var mean = ComponentLoad()
        mean.cpu = average(loads.map(\.cpu)) ?? 0
        mean.busiestThread = average(loads.map(\.busiestThread)) ?? 0
        mean.runQueueWait = average(loads.map(\.runQueueWait)) ?? 0
        mean.longestWait = average(loads.map(\.longestWait)) ?? 0
        mean.residentBytes = loads.map(\.residentBytes).max() ?? 0
        return mean
    }
}
