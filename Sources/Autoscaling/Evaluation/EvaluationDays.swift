/// The runs of an evaluation on one trace: a load and simulator options for each seed.
public struct EvaluationDays: Sendable {
    /// One run.
    public struct Run: Sendable {
        /// Its number in tables.
        public let seed: UInt64
        /// The load.
        public let load: LoadTrace
        /// Options with seed and a forecaster that was fitted on other days, for each way to read metrics.
        public let options: [MetricsPath: SimulatorOptions]
    }

    /// What the trace is called in tables.
    public let name: String
    /// Largest share of violations that is aimed for.
    public let violationGoal: Double
    /// The second at which a step begins whose recovery is timed.
    public let step: Double?
    /// One for each seed.
    public let runs: [Run]

    /// Simulated days of a kind: `count` of `DaySeeds.test`, from `first` on.
    public init(
        _ kind: DayKind, peak: Double, count: Int, first: UInt64 = DaySeeds.test.lowerBound,
        options: SimulatorOptions = SimulatorOptions()
    ) throws(SimulationFault) {
        guard DaySeeds.test.contains(first), DaySeeds.test.upperBound - first >= UInt64(count) else {
            throw SimulationFault(.load, "day \(first) and the \(count - 1) after it are not within \(DaySeeds.test)")
        }
        let generator = kind.days(peak: peak)
        let forecasters = try Forecasters { path throws(SimulationFault) in
            try kind.forecaster(peak: peak, path: path)
        }
        var runs: [Run] = []
        for seed in first..<first + UInt64(count) {
            runs.append(Self.run(seed, try generator.load(seed: seed), options, forecasters))
        }
        name = "day:\(kind.rawValue)"
        violationGoal = kind.violationGoal
        step = kind.step(leadIn: generator.leadIn)
        self.runs = runs
    }

    /// The last `count` whole days of a recording, counted from its first second, the forecaster fitted on the days
    /// before, `fitted` at most.
    ///
    /// The recording's 99th percentile becomes `peak` requests a second, or less where its largest rate would else be more
    /// than `most`: what no number of replicas serves tells nothing of a policy. Each second of the judged days then has a
    /// Poisson number of arrivals.
    public init(
        _ recording: LoadTrace, peak: Double, most: Double = .infinity, count: Int, fitted: Int = 10,
        secondsOfDay: Int = 86_400, options: SimulatorOptions = SimulatorOptions()
    ) throws(SimulationFault) {
        let sorted = recording.rates.sorted()
        let high = sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        guard high > 0 else {
            throw SimulationFault(.load, "'\(recording.name)' has a 99th percentile of 0: it cannot be scaled")
        }
        let load = recording.scaled(by: min(peak / high, most / recording.peak))
        let days = load.duration / secondsOfDay
        guard days >= count + 3 else {
            throw SimulationFault(
                .load,
                "'\(recording.name)' has \(days) whole days; \(count) runs need \(count + 3), three to fit forecasts on"
            )
        }
        func day(_ index: Int) -> LoadTrace { load.window(index * secondsOfDay..<(index + 1) * secondsOfDay) }
        let first = days - count
        let past = (max(0, first - fitted)..<first).map(day)
        let forecasters = try Forecasters { path throws(SimulationFault) in
            try TrainedForecast(days: past, period: Int(path.samplingPeriod))
        }
        name = recording.name
        violationGoal = 0.01
        step = nil
        runs = (first..<days).map { index in
            let seed = UInt64(index)
            return Self.run(seed, day(index).withPoissonArrivals(seed: seed), options, forecasters)
        }
    }

    /// One forecaster for each way to read metrics.
    private struct Forecasters {
        var of: [MetricsPath: TrainedForecast] = [:]

        init(_ make: (MetricsPath) throws(SimulationFault) -> TrainedForecast) throws(SimulationFault) {
            for path in MetricsPath.allCases { of[path] = try make(path) }
        }
    }

    private static func run(
        _ seed: UInt64, _ load: LoadTrace, _ options: SimulatorOptions, _ forecasters: Forecasters
    ) -> Run {
        var all: [MetricsPath: SimulatorOptions] = [:]
        for (path, forecaster) in forecasters.of {
            var own = options.reading(path).seeded(seed)
            own.forecaster = forecaster
            all[path] = own
        }
        return Run(seed: seed, load: load, options: all)
    }

    /// Runs one policy on one of the runs, which reads metrics as its entry says.
    public func evaluate(
        _ policy: PolicyCatalogue.Entry, _ profile: ChainProfile, _ run: Run
    ) throws -> (entry: EvaluationEntry, timeline: RunTimeline) {
        guard let options = run.options[policy.path] else {
            throw SimulationFault(.option, "no options for metrics that are \(policy.path.rawValue)")
        }
        let result = try policy.run(profile, run.load, options)
        let recovery = step.flatMap {
            RunScore.recovery(result.records, after: $0, target: profile.latencyTarget)
        }
        return (
            EvaluationEntry(
                policy: policy.name, trace: name, seed: run.seed, score: result.score, shielded: result.shielded,
                faults: result.faults, recovery: recovery),
            RunTimeline(policy: policy.name, trace: name, result.records)
        )
    }
}

extension ChainProfile {
    /// The largest rate of the mix, requests a second, that the most replicas of every service serve at a utilisation.
    public func rateMost(utilisation: Double = 0.8) -> Double {
        let limits = services.indices.compactMap { index -> Double? in
            let visits = visits(of: index)
            let service = services[index]
            return visits > 0 ? Double(service.bounds.upperBound) * service.capacity * utilisation / visits : nil
        }
        return limits.min() ?? .infinity
    }
}
