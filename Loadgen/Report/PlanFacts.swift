internal import Arrivals
public import Engine

/// One scenario of a plan, as far as reports name it.
public struct ScenarioFacts: Sendable, Equatable {
    /// Kinds of executors.
    public enum Executor: String, Sendable, CaseIterable {
        /// Open: a schedule of arrivals.
        case arrivals
        /// Closed: a number of users over time.
        case users
        /// Closed: numbers of users held one after the other.
        case steppedUsers = "stepped-users"
        /// Open: a search for the greatest rate.
        case findCapacity = "find-capacity"

        /// Whether arrivals are independent of answers.
        public var isOpen: Bool { self == .arrivals || self == .findCapacity }
    }

    /// Its name.
    public var name: String
    /// Seconds after the run's start.
    public var start: Double
    /// Planned length, seconds; of a search its longest course.
    public var seconds: Double
    /// By what it starts iterations.
    public var executor: Executor
    /// Name of its mix.
    public var mix: String
    /// Arrivals or users in a few words, such as `poisson, up to 45,000/s`.
    public var course: String
    /// Whether it asks for Poisson arrivals of one constant rate, whose dispersion must be 1.
    public var isSteadyPoisson: Bool
    /// What a step of a search must meet; empty for other executors.
    public var condition: String
}

/// What of a plan a report needs: names and lengths, without the means to run it again.
public struct PlanFacts: Sendable, Equatable {
    /// Seed of every random stream.
    public var seed: UInt64
    /// Address of the listener, or the name of the function in process.
    public var target: String
    /// `fix`, `http` or `in-process`.
    public var transport: String
    /// Connections, for FIX sessions.
    public var connections: Int
    /// Seconds from the start that are in the series only.
    public var warmupSeconds: Double
    /// Length of an interval of the series, seconds.
    public var intervalSeconds: Double
    /// Significant digits of the histograms.
    public var digits: Int
    /// Names by index.
    public var operations: [String]
    /// By index.
    public var scenarios: [ScenarioFacts]

    /// The facts of a plan.
    public init(_ plan: LoadPlan) {
        seed = plan.seed
        connections = plan.target.connections
        switch plan.target.transport {
        case .fix: (transport, target) = ("fix", "\(plan.target.endpoint)")
        case .http: (transport, target) = ("http", "\(plan.target.endpoint)")
        case .inProcess(let name): (transport, target) = ("in-process", name)
        }
        warmupSeconds = plan.recording.warmupSeconds
        intervalSeconds = plan.recording.intervalSeconds
        digits = plan.recording.digits
        operations = plan.operations.map(\.name)
        scenarios = plan.scenarios.map { scenario in
            ScenarioFacts(
                name: scenario.name, start: scenario.start, seconds: scenario.executor.seconds,
                executor: Self.kind(scenario.executor),
                mix: plan.mixes.indices.contains(scenario.mix) ? plan.mixes[scenario.mix].name : "",
                course: Self.course(scenario.executor), isSteadyPoisson: Self.isSteadyPoisson(scenario.executor),
                condition: Self.condition(scenario.executor))
        }
    }

    init(
        seed: UInt64, target: String, transport: String, connections: Int, warmupSeconds: Double,
        intervalSeconds: Double, digits: Int, operations: [String], scenarios: [ScenarioFacts]
    ) {
        self.seed = seed
        self.target = target
        self.transport = transport
        self.connections = connections
        self.warmupSeconds = warmupSeconds
        self.intervalSeconds = intervalSeconds
        self.digits = digits
        self.operations = operations
        self.scenarios = scenarios
    }

    /// Seconds from the start to the planned end of the last scenario.
    public var seconds: Double { scenarios.reduce(0) { max($0, $1.start + $1.seconds) } }

    /// Whether a scenario searches for a capacity.
    public var isSearch: Bool { scenarios.contains { $0.executor == .findCapacity } }

    /// The name of an operation; `all` for -1.
    func operation(_ index: Int) -> String { operations.indices.contains(index) ? operations[index] : "all" }

    /// The name of a scenario.
    func scenario(_ index: Int) -> String { scenarios.indices.contains(index) ? scenarios[index].name : "?" }

    private static func kind(_ executor: ExecutorPlan) -> ScenarioFacts.Executor {
        switch executor {
        case .arrivals: .arrivals
        case .users: .users
        case .steppedUsers: .steppedUsers
        case .findCapacity: .findCapacity
        }
    }

    private static func isSteadyPoisson(_ executor: ExecutorPlan) -> Bool {
        guard case .arrivals(let process, let profile) = executor, process == .poisson else { return false }
        return profile.segments.allSatisfy { $0.start == profile.peak && $0.end == profile.peak }
    }

    private static func course(_ executor: ExecutorPlan) -> String {
        switch executor {
        case .arrivals(let process, let profile): return "\(process.name), up to \(Readable.number(profile.peak))/s"
        case .users(let profile, _):
            return "up to \(Readable.count(profile.stages.map(\.users).max() ?? 0)) users"
        case .steppedUsers(let steps, _): return steps.counts.map(Readable.count).joined(separator: ", ") + " users"
        case .findCapacity(let search):
            let (low, high) = (search.rates.lowerBound, search.rates.upperBound)
            return "\(search.process.name), \(Readable.number(low)) to \(Readable.number(high))/s"
        }
    }

    private static func condition(_ executor: ExecutorPlan) -> String {
        guard case .findCapacity(let search) = executor else { return "" }
        return search.until.map(\.text).joined(separator: " and ")
    }
}
