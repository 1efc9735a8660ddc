/// Everything a run depends on: a validated scenario, with every name resolved to an index.
///
/// What is sent is an *operation* (`order.new`, `quote.get`); a *flow* is a sequence of operations with think times
/// and values carried from reply to request; a *mix* weighs operations and flows; a *scenario* starts iterations of a
/// mix, by a schedule of arrivals (open model) or by users who wait for their answers (closed model). Scenarios of one
/// plan run side by side over the same connections.
public struct LoadPlan: Sendable {
    /// The name in reports.
    public var name: String
    /// Seed of every random stream.
    public var seed: UInt64
    /// Where requests go, and how.
    public var target: TargetPlan
    /// How the sending thread waits.
    public var pacing = Pacing()
    /// What is recorded.
    public var recording = Recording()
    /// How orders are drawn where neither flow nor mix binds their fields; nil for targets other than FIX.
    public var orders: OrderDrawing?
    /// Sources of values, by index.
    public var feeders: [FeederPlan] = []
    /// All operations, by index; the index names the operation everywhere else.
    public var operations: [OperationPlan] = []
    /// All flows, by index.
    public var flows: [FlowPlan] = []
    /// All mixes, by index.
    public var mixes: [MixPlan] = []
    /// The scenarios, by index.
    public var scenarios: [ScenarioPlan] = []
    /// Conditions on the figures.
    public var thresholds: [Threshold] = []
    /// What this process does of the plan. Of W workers, worker w takes the arrivals `i % W == w`, and the users
    /// `u % W == w` with all their iterations; each step of a search offers it a W-th of the rate, and it judges the step
    /// by its own figures. What is sent depends on the iteration's number only, so workers together send what one would.
    public var stripe = Stripe(index: 0, of: 1)
    /// Monotonic nanoseconds before which the run's zero does not lie: how workers begin at one instant; 0 for at once.
    public var startAt: UInt64 = 0
    /// One request in so many carries a trace context; 0 for none.
    public var traceEvery = 0

    /// An empty plan against a target.
    public init(name: String, seed: UInt64, target: TargetPlan) {
        self.name = name
        self.seed = seed
        self.target = target
    }

    /// The response time promised, nanoseconds: of the first apdex condition, else of the first upper limit of the
    /// response time, else 50 ms. Apdex counts and the generator's limits refer to it.
    public var objectiveNanoseconds: Int64 {
        thresholds.lazy.compactMap(\.objectiveNanoseconds).first
            ?? thresholds.lazy.compactMap(\.responseLimitNanoseconds).first ?? 50_000_000
    }

    /// Seconds from the start to the end of the last scenario's schedule (searches: their longest course).
    public var seconds: Double { scenarios.reduce(0) { max($0, $1.start + $1.executor.seconds) } }
}

/// A part of the iterations, for workers: those whose number is `index` modulo `of`.
public struct Stripe: Sendable, Equatable {
    /// Which part, from 0.
    public var index: Int
    /// Number of parts.
    public var of: Int

    /// A part; `0 <= index < of`.
    public init(index: Int, of: Int) {
        precondition(of > 0 && (0..<of).contains(index), "a part is one of them")
        self.index = index
        self.of = of
    }
}

/// How the sending thread waits for the next request's time.
public struct Pacing: Sendable, Equatable {
    /// Ways to wait.
    public enum Mode: String, Sendable, CaseIterable {
        /// An absolute sleep in `epoll_pwait2`; the default.
        case sleep
        /// A sleep until `spin` before the time, then polling.
        case hybrid
        /// Polling only: takes a whole core.
        case spin
    }

    /// How to wait.
    public var mode = Mode.sleep
    /// Timer slack of the thread, nanoseconds, 1...50,000,000.
    public var timerSlackNanoseconds = 1
    /// Polling time before each request in hybrid mode, nanoseconds.
    public var spinNanoseconds = 30_000
    /// Asks for SCHED_FIFO; never together with `spin`.
    public var wantsRealtime = false
    /// Least length of a turn of the loop, nanoseconds, 0...1,000,000.
    public var coalescingNanoseconds = 0

    /// The defaults.
    public init() {}
}

extension LoadPlan {
    /// Seconds that a run of `wall` seconds counts requests in: without the warm-up and, for one scenario, while that
    /// scenario starts any.
    func judgedSeconds(of scenario: String?, wall: Double) -> Double {
        let warmup = recording.warmupSeconds
        guard let scenario, let plan = scenarios.first(where: { $0.name == scenario }) else {
            return max(0, wall - warmup)
        }
        return max(0, min(wall, plan.start + plan.executor.seconds) - max(plan.start, warmup))
    }
}

/// What is recorded and how finely.
public struct Recording: Sendable, Equatable {
    /// Length of an interval of the series, seconds, 0.1...60.
    public var intervalSeconds = 1.0
    /// Significant digits of the histograms, 2 or 3.
    public var digits = 3
    /// Seconds from the start whose requests are in the series only, not in totals and thresholds.
    public var warmupSeconds = 0.0
    /// Slowest requests kept for the report, 0...1,000.
    public var slowestMax = 20

    /// The defaults.
    public init() {}
}

/// How the fields of FIX orders are drawn.
public struct OrderDrawing: Sendable {
    /// What is traded.
    public var instruments: InstrumentList
    /// Accounts, prices, quantities.
    public var workload: WorkloadConfiguration

    /// Orders over these instruments.
    public init(instruments: InstrumentList, workload: WorkloadConfiguration = WorkloadConfiguration()) {
        self.instruments = instruments
        self.workload = workload
    }
}
