public import Telemetry

/// What one kind of request experienced.
public struct OperationResult: Sendable {
    /// Which kind.
    public var operation: Operation
    /// Requests by outcome, indexed by `Outcome.rawValue`.
    public var counts: [Int]
    /// done - intended, nanoseconds: answered requests, and timeouts as long as they waited.
    public var response: HDRHistogram
    /// done - sent, nanoseconds, of the same requests.
    public var service: HDRHistogram

    /// No requests yet.
    public init(_ operation: Operation) {
        self.operation = operation
        counts = Outcome.allCases.map { _ in 0 }
        response = .latency()
        service = .latency()
    }

    /// Requests with that outcome.
    public func count(_ outcome: Outcome) -> Int { counts[Int(outcome.rawValue)] }
    /// All its requests.
    public var total: Int { counts.reduce(0, +) }
}

/// One second of a run.
public struct LoadInterval: Sendable, Equatable {
    /// Which second, from 0.
    public var second: Int
    /// Arrivals whose intended time lay in it, as far as they were reached.
    public var offered = 0
    /// Requests sent in it.
    public var sent = 0
    /// Answers received in it.
    public var done = 0
    /// Of these, refused by business rules (rejected, too late).
    public var rejected = 0
    /// Timeouts, errors, unknown and dropped requests.
    public var errors = 0
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
    /// 99th percentile of sent - intended, nanoseconds.
    public var lagP99: Int64 = 0
    /// Requests in flight at its end.
    public var inFlight = 0
    /// Sessions up at its end.
    public var sessionsUp = 0
    /// CPU time of the generator's thread over its length.
    public var cpuRatio = 0.0

    /// A second in which nothing happened yet.
    public init(second: Int) { self.second = second }
}

/// A reason why requests were refused or failed, as the target named it.
public struct RefusalCount: Sendable, Equatable {
    /// Kind of request.
    public var operation: Operation
    /// How it ended.
    public var outcome: Outcome
    /// `103=3 text`, `102=1`, `373=5`, `380=4`, `timeout`, ...
    public var reason: String
    /// How often.
    public var count: Int

    /// A reason with its count.
    public init(operation: Operation, outcome: Outcome, reason: String, count: Int) {
        self.operation = operation
        self.outcome = outcome
        self.reason = reason
        self.count = count
    }
}

/// All figures of one run.
public struct LoadResult: Sendable {
    /// When sending started, microseconds since 1970 UTC.
    public var startedAt: Int64 = 0
    /// From the start of the schedule to the last answer (or the end of waiting), seconds.
    public var wallSeconds = 0.0
    /// Expected arrivals of the schedule.
    public var expected = 0.0
    /// Arrivals of the schedule that were reached.
    public var offered = 0
    /// Requests written to a connection.
    public var sent = 0
    /// One entry an operation, in the order of `Operation.allCases`.
    public var operations: [OperationResult] = []
    /// sent - intended, nanoseconds.
    public var lag = HDRHistogram.latency()
    /// Overshoot of a thread that sleeps a millisecond at a time: stalls of the machine.
    public var witness = HDRHistogram.latency()
    /// Refusals and errors by reason, most frequent first.
    public var refusals: [RefusalCount] = []
    /// Second by second.
    public var series: [LoadInterval] = []
    /// CPU time of the generator's thread over wall time, 0...1.
    public var cpuRatio = 0.0
    /// Time that thread waited for a CPU over wall time.
    public var runQueueWaitRatio = 0.0
    /// Connections that broke.
    public var disconnects = 0
    /// Sessions logged on again.
    public var reconnects = 0
    /// Sessions that had to start again at number 1: answers of before are lost.
    public var sequenceResets = 0
    /// Answers to requests already given up.
    public var lateAnswers = 0
    /// Cancels and replaces sent as new orders, because their session had no open order.
    public var converted = 0
    /// New orders (after replaces too) of which at least one fill was seen.
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

    /// No figures yet.
    public init() {}

    /// Requests with that outcome over all operations.
    public func count(_ outcome: Outcome) -> Int { operations.reduce(0) { $0 + $1.count(outcome) } }
    /// All requests.
    public var total: Int { operations.reduce(0) { $0 + $1.total } }
    /// Requests that count as errors.
    public var errors: Int { Outcome.allCases.filter(\.isError).reduce(0) { $0 + count($1) } }
    /// Requests answered.
    public var answered: Int { Outcome.allCases.filter(\.isAnswered).reduce(0) { $0 + count($1) } }
    /// Response times over all operations.
    public var response: HDRHistogram { merged(\.response) }
    /// Service times over all operations.
    public var service: HDRHistogram { merged(\.service) }

    private func merged(_ path: KeyPath<OperationResult, HDRHistogram>) -> HDRHistogram {
        operations.reduce(into: .latency()) { $0.add($1[keyPath: path]) }
    }

    /// Why the figures are the generator's rather than the target's; empty for a valid measurement.
    ///
    /// p99 send lag above max(1 ms, 2 % of the objective); |sent - offered| above 4 sqrt(offered); CPU above 90 %;
    /// run-queue wait above 10 % of wall time. While a session was lost, the difference is the target's doing.
    ///
    /// - Parameter objectiveNanoseconds: the response time promised, 50 ms by default.
    public func generatorLimits(objectiveNanoseconds: Int64 = 50_000_000) -> [String] {
        var limits: [String] = []
        let lagMax = max(1_000_000, objectiveNanoseconds / 50)
        let lagP99 = lag.value(atPercentile: 99)
        if lagP99 > lagMax {
            limits.append("send lag p99 \(milliseconds(lagP99)) is above \(milliseconds(lagMax))")
        }
        let missing = offered - sent - count(.dropped)
        if Double(abs(missing)) > 4 * Double(offered).squareRoot() {
            limits.append("\(sent) requests sent of \(offered) offered")
        }
        if cpuRatio > 0.9 { limits.append("generator thread used \(Int(cpuRatio * 100)) % of a core") }
        if runQueueWaitRatio > 0.1 {
            limits.append("generator thread waited \(Int(runQueueWaitRatio * 100)) % of the time for a CPU")
        }
        return limits
    }

    private func milliseconds(_ nanoseconds: Int64) -> String {
        let hundredths = nanoseconds / 10_000
        return hundredths % 100 == 0 ? "\(hundredths / 100) ms" : "\(Double(hundredths) / 100) ms"
    }
}
