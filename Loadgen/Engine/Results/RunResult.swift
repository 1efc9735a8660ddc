public import Telemetry

/// What one operation of one scenario experienced, warm-up excluded.
public struct OperationResult: Sendable {
    /// Index of the scenario.
    public var scenario: Int
    /// Index of the operation.
    public var operation: Int
    /// Requests by outcome, indexed by `Outcome.rawValue`.
    public var counts: [Int]
    /// done - intended, nanoseconds: answered requests, timeouts as long as they waited, dropped ones as timeouts; those
    /// that were lost (`unknown`) or failed before an answer are counted only.
    public var response: HDRHistogram
    /// done - sent, nanoseconds, of answered requests and timeouts.
    public var service: HDRHistogram
    /// sent - intended, nanoseconds.
    public var lag: HDRHistogram
    /// Apdex counts: answered within the objective, and within four times it.
    public var satisfied = 0
    /// Answered within four times the objective but not within it.
    public var tolerated = 0

    /// No requests yet.
    public init(scenario: Int, operation: Int, digits: Int = 3) {
        self.scenario = scenario
        self.operation = operation
        counts = Outcome.allCases.map { _ in 0 }
        response = .latency(digits: digits)
        service = .latency(digits: digits)
        lag = .latency(digits: digits)
    }

    /// Requests with that outcome.
    public func count(_ outcome: Outcome) -> Int { counts[Int(outcome.rawValue)] }
    /// All its requests.
    public var total: Int { counts.reduce(0, +) }
}

/// One interval of a run.
public struct LoadInterval: Sendable, Equatable {
    /// Logarithmic latency classes of the heat map: class k holds response times from 10 us * 10^(k/8) on, below that
    /// class 0; the last class holds everything above.
    public static let heatClasses = 56

    /// Which interval, from 0.
    public var index: Int
    /// Arrivals whose intended time lay in it, as far as they were reached.
    public var offered = 0
    /// Requests sent in it.
    public var sent = 0
    /// Answers received in it.
    public var done = 0
    /// Of these, refused by business rules (rejected, too late).
    public var rejected = 0
    /// Timeouts, errors, unknown and dropped requests, by outcome as in `OperationResult.counts`.
    public var outcomes = Outcome.allCases.map { _ in 0 }
    /// Response time percentiles of its answers, nanoseconds; 0 without answers.
    public var p50: Int64 = 0
    /// 95th percentile.
    public var p95: Int64 = 0
    /// 99th percentile.
    public var p99: Int64 = 0
    /// 99.9th percentile.
    public var p999: Int64 = 0
    /// Greatest.
    public var greatest: Int64 = 0
    /// Answers by latency class; the heat map.
    public var heat = [UInt32](repeating: 0, count: LoadInterval.heatClasses)
    /// The same answers by response time to two digits: what merged percentiles are taken from.
    public var response = LatencyCounts()
    /// 99th percentile of sent - intended, nanoseconds.
    public var lagP99: Int64 = 0
    /// Users at its end.
    public var users = 0
    /// Requests in flight at its end.
    public var inFlight = 0
    /// Connections up at its end.
    public var connectionsUp = 0
    /// CPU time of the generator's thread over its length.
    public var cpuRatio = 0.0

    /// An interval in which nothing happened yet.
    public init(index: Int) { self.index = index }

    /// Timeouts, errors, unknown and dropped requests.
    public var errors: Int {
        Outcome.allCases.reduce(0) { $0 + ($1.isError ? outcomes[Int($1.rawValue)] : 0) }
    }
}

/// A reason why requests were refused or failed, as the target named it.
public struct RefusalCount: Sendable, Equatable {
    /// Index of the operation.
    public var operation: Int
    /// How it ended.
    public var outcome: Outcome
    /// `103=3 text`, `status 503`, `connection reset`, `malformed reply`, `no answer`, ...
    public var reason: String
    /// How often.
    public var count: Int

    /// A reason with its count.
    public init(operation: Int, outcome: Outcome, reason: String, count: Int) {
        self.operation = operation
        self.outcome = outcome
        self.reason = reason
        self.count = count
    }
}

/// One step of stepped users or of a capacity search.
public struct StepResult: Sendable {
    /// Index of the scenario.
    public var scenario: Int
    /// Which step, from 0.
    public var index: Int
    /// Users held; 0 in a search.
    public var users = 0
    /// Iterations a second asked for; 0 with users.
    public var rate = 0.0
    /// Begin and end of its judged part, seconds after the run's start.
    public var begin = 0.0
    /// End.
    public var end = 0.0
    /// Its figures after settling, all operations of the scenario merged.
    public var figures: OperationResult
    /// Arrivals due in the judged part.
    public var offered = 0
    /// Its conditions with their actual values; empty for user steps.
    public var thresholds: [ThresholdResult] = []
    /// Whether it met them all, and its figures are the target's rather than the generator's.
    public var isMet = true
    /// Generator thread's CPU time over the judged part.
    public var cpuRatio = 0.0
    /// Why its figures are the generator's rather than the target's; a step with such a reason is not met.
    public var limits: [String] = []

    /// A step without figures.
    public init(scenario: Int, index: Int, digits: Int = 3) {
        self.scenario = scenario
        self.index = index
        figures = OperationResult(scenario: scenario, operation: -1, digits: digits)
    }
}

/// One of the slowest requests.
public struct SlowRequest: Sendable {
    /// Index of the scenario.
    public var scenario: Int
    /// Index of the operation.
    public var operation: Int
    /// Seconds after the run's start when it was due.
    public var intended: Double
    /// sent - intended, nanoseconds.
    public var lag: Int64
    /// done - intended, nanoseconds.
    public var response: Int64
    /// How it ended.
    public var outcome: Outcome
    /// 32 hexadecimal digits, or empty where it was not traced.
    public var traceID: String

    /// A request of those values.
    public init(
        scenario: Int, operation: Int, intended: Double, lag: Int64, response: Int64, outcome: Outcome,
        traceID: String = ""
    ) {
        self.scenario = scenario
        self.operation = operation
        self.intended = intended
        self.lag = lag
        self.response = response
        self.outcome = outcome
        self.traceID = traceID
    }
}

/// All figures of one run.
public struct RunResult: Sendable {
    /// When sending started, microseconds since 1970 UTC.
    public var startedAt: Int64 = 0
    /// From the start of the schedule to the last answer (or the end of waiting), seconds.
    public var wallSeconds = 0.0
    /// Expected arrivals of the open scenarios up to where they were stopped.
    public var expected = 0.0
    /// Arrivals reached, users' requests included.
    public var offered = 0
    /// Requests written to a connection.
    public var sent = 0
    /// Requests that were never sent: dropped, or without a connection.
    public var unsent = 0
    /// Requests that had to wait because `maxInFlight` others or all windows were unanswered.
    public var held = 0
    /// A row for each scenario and operation that it can send.
    public var rows: [OperationResult] = []
    /// Overshoot of a thread that sleeps a millisecond at a time: stalls of the machine.
    public var witness = HDRHistogram.latency()
    /// Refusals and errors by reason, most frequent first.
    public var refusals: [RefusalCount] = []
    /// Interval by interval, warm-up included.
    public var series: [LoadInterval] = []
    /// Steps of stepped users and capacity searches.
    public var steps: [StepResult] = []
    /// The slowest requests, slowest first.
    public var slowest: [SlowRequest] = []
    /// Index of dispersion of the actual send times in windows of 1, 10, 100 ms and 1 s; nil where too short.
    public var sendDispersion: [Double?] = [nil, nil, nil, nil]
    /// CPU time of the generator's thread over wall time, 0...1.
    public var cpuRatio = 0.0
    /// Time that thread waited for a CPU over wall time.
    public var runQueueWaitRatio = 0.0
    /// Connections that broke.
    public var disconnects = 0
    /// Connections made again.
    public var reconnects = 0
    /// FIX sessions that had to start again at number 1: answers of before are lost.
    public var sequenceResets = 0
    /// Answers to requests already given up.
    public var lateAnswers = 0
    /// Cancels and replaces sent as new orders, because their session had no open order.
    public var converted = 0
    /// New orders of which at least one fill was seen.
    public var ordersTraded = 0
    /// Fills seen.
    public var fills = 0
    /// Lines in the acknowledgement log.
    public var ackLogLines = 0
    /// A write to the acknowledgement log failed.
    public var isAckLogIncomplete = false
    /// The sending thread had real-time priority.
    public var isRealtime = false
    /// Ended by a signal.
    public var isInterrupted = false
    /// Ended by a threshold that aborts, with its text.
    public var abortedBy: String?

    /// No figures yet.
    public init() {}
}
