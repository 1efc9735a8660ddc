internal import Telemetry

/// Collects the figures of a run while it goes; owned by the engine's thread.
struct RunRecorder {
    private(set) var operations: [OperationResult]
    private(set) var lag = HDRHistogram.latency()
    private(set) var series: [LoadInterval] = []
    private(set) var offered = 0
    private(set) var sent = 0
    private(set) var errors = 0
    private var reasons: [Reason: Int] = [:]
    private var interval = LoadInterval(second: 0)
    private var intervalResponse = HDRHistogram.latency()
    private var intervalLag = HDRHistogram.latency()

    private static let reasonsMax = 1_000

    private struct Reason: Hashable {
        var operation: Operation
        var outcome: Outcome
        var text: String
    }

    init() {
        operations = Operation.allCases.map { OperationResult($0) }
    }

    mutating func noteOffered() {
        offered += 1
        interval.offered += 1
    }

    mutating func noteSent(lag nanoseconds: UInt64) {
        sent += 1
        interval.sent += 1
        lag.record(Int64(nanoseconds))
        intervalLag.record(Int64(nanoseconds))
    }

    /// An answer, or a timeout: both clocks are recorded.
    mutating func noteDone(_ operation: Operation, _ outcome: Outcome, response: UInt64, service: UInt64) {
        count(operation, outcome)
        operations[Int(operation.rawValue)].response.record(Int64(response))
        operations[Int(operation.rawValue)].service.record(Int64(service))
        intervalResponse.record(Int64(response))
        if outcome.isAnswered { interval.done += 1 }
    }

    /// A dropped request: as if it had taken the timeout, so that dropping never looks fast.
    mutating func noteDropped(_ operation: Operation, timeout: UInt64) {
        count(operation, .dropped)
        operations[Int(operation.rawValue)].response.record(Int64(timeout))
        intervalResponse.record(Int64(timeout))
    }

    mutating func count(_ operation: Operation, _ outcome: Outcome) {
        operations[Int(operation.rawValue)].counts[Int(outcome.rawValue)] += 1
        if outcome.isError {
            interval.errors += 1
            errors += 1
        } else if outcome != .ok {
            interval.rejected += 1
        }
    }

    /// Counts a reason; beyond a thousand different ones they are counted together.
    mutating func noteReason(_ operation: Operation, _ outcome: Outcome, _ text: String) {
        let reason = Reason(operation: operation, outcome: outcome, text: text)
        if reasons.count >= Self.reasonsMax, reasons[reason] == nil {
            reasons[Reason(operation: operation, outcome: outcome, text: "others"), default: 0] += 1
        } else {
            reasons[reason, default: 0] += 1
        }
    }

    /// Ends the current second and starts the next.
    mutating func closeInterval(inFlight: Int, sessionsUp: Int, cpuRatio: Double) {
        interval.p50 = intervalResponse.value(atPercentile: 50)
        interval.p95 = intervalResponse.value(atPercentile: 95)
        interval.p99 = intervalResponse.value(atPercentile: 99)
        interval.p999 = intervalResponse.value(atPercentile: 99.9)
        interval.greatest = intervalResponse.greatest
        interval.lagP99 = intervalLag.value(atPercentile: 99)
        interval.inFlight = inFlight
        interval.sessionsUp = sessionsUp
        interval.cpuRatio = cpuRatio
        series.append(interval)
        interval = LoadInterval(second: interval.second + 1)
        intervalResponse.reset()
        intervalLag.reset()
    }

    /// Whether the open interval holds anything.
    var hasOpenInterval: Bool { interval != LoadInterval(second: interval.second) }

    var refusals: [RefusalCount] {
        reasons.map { RefusalCount(operation: $0.operation, outcome: $0.outcome, reason: $0.text, count: $1) }
            .sorted { ($1.count, $0.outcome.rawValue, $0.reason) < ($0.count, $1.outcome.rawValue, $1.reason) }
    }
}
