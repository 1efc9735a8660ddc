package import Engine

/// What the live view shows: names of the plan, the latest figures, and the last minutes of two of them.
package struct LiveState: Sendable {
    /// A scenario's name and times.
    package struct Row: Sendable {
        /// Its name.
        package var name: String
        /// Seconds after the run's start when it begins.
        package var start: Double
        /// Its length in seconds, a search's the longest.
        package var seconds: Double
        /// Whether it is a search, whose end is open.
        package var isSearch: Bool
    }

    /// Most intervals kept for the sparklines.
    package static let historyMax = 120

    /// Name of the run.
    package let name: String
    /// Target and seed in words.
    package let subtitle: String
    /// Seconds of an interval.
    package let intervalSeconds: Double
    /// Seconds that are not judged.
    package let warmupSeconds: Double
    /// The scenarios, in the plan's order.
    package let scenarios: [Row]
    /// The latest figures; nil before the first.
    package private(set) var progress: LiveFigures?
    /// Answers a second, oldest first.
    package private(set) var rates: [Double] = []
    /// 99th percentiles of the response time, nanoseconds, oldest first.
    package private(set) var tails: [Double] = []
    /// Set when the run was asked to end.
    package var isEnding = false

    /// The state before the first figures.
    package init(_ plan: LoadPlan) {
        name = plan.name
        let target =
            switch plan.target.transport {
            case .fix: "FIX \(plan.target.endpoint), \(plan.target.connections) sessions"
            case .http: "HTTP \(plan.target.endpoint), \(plan.target.connections) connections"
            case .inProcess(let function): "function \(function)"
            }
        subtitle = "\(target), seed \(plan.seed)"
        intervalSeconds = plan.recording.intervalSeconds
        warmupSeconds = plan.recording.warmupSeconds
        scenarios = plan.scenarios.map { scenario in
            let isSearch = if case .findCapacity = scenario.executor { true } else { false }
            return Row(
                name: scenario.name, start: scenario.start, seconds: scenario.executor.seconds, isSearch: isSearch)
        }
    }

    /// Takes the figures of the interval that just ended.
    package mutating func take(_ progress: LiveFigures) {
        self.progress = progress
        rates = (rates + [Double(progress.interval.done) / intervalSeconds]).suffix(Self.historyMax)
        tails = (tails + [Double(progress.interval.p99)]).suffix(Self.historyMax)
    }
}

/// The figures of one moment, as the engine hands them out.
package struct LiveFigures: Sendable {
    /// Where a scenario stands; see `ScenarioProgress`.
    package struct Scenario: Sendable {
        /// Where it stands.
        package var phase: ScenarioProgress.Phase
        /// Users now.
        package var users: Int
        /// Rate asked for by a search's step; 0 otherwise.
        package var rate: Double
        /// The step of stepped users or a search; nil otherwise.
        package var step: Int?

        /// A scenario in that phase.
        package init(_ phase: ScenarioProgress.Phase, users: Int = 0, rate: Double = 0, step: Int? = nil) {
            (self.phase, self.users, self.rate, self.step) = (phase, users, rate, step)
        }
    }

    /// Seconds since the start, and those the plan lasts.
    package var elapsed: Double, length: Double
    /// The interval that just ended.
    package var interval: LoadInterval
    /// Requests sent so far.
    package var sent: Int
    /// All requests so far, warm-up excluded.
    package var totals: OperationResult
    /// Connections of the run.
    package var connections: Int
    /// One entry a scenario.
    package var scenarios: [Scenario]
    /// The conditions so far.
    package var thresholds: [ThresholdResult]

    /// Errors so far, warm-up excluded.
    package var errors: Int { totals.errors }

    /// No figures of a run of that length.
    package init(elapsed: Double, length: Double, interval: LoadInterval, connections: Int) {
        (self.elapsed, self.length, self.interval, self.connections) = (elapsed, length, interval, connections)
        sent = 0
        totals = OperationResult(scenario: -1, operation: -1)
        scenarios = []
        thresholds = []
    }

    /// The engine's figures.
    init(_ progress: LoadProgress) {
        self.init(
            elapsed: progress.elapsed, length: progress.length, interval: progress.interval,
            connections: progress.connections)
        sent = progress.sent
        totals = progress.totals
        scenarios = progress.scenarios.map { Scenario($0.phase, users: $0.users, rate: $0.rate, step: $0.step) }
        thresholds = progress.thresholds
    }
}
