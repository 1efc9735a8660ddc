internal import Telemetry

/// Collects the figures of a run while it goes; owned by the engine's thread.
struct RunRecorder {
    private(set) var rows: [OperationResult]
    /// All rows together.
    private(set) var totals: OperationResult
    /// Figures of steps, by `StepResult` in `steps`.
    var steps: [StepResult] = []
    private(set) var series: [LoadInterval] = []
    private(set) var offered = 0
    private(set) var sent = 0
    private(set) var unsent = 0
    var held = 0
    private var reasons: [Reason: Int] = [:]
    private var interval = LoadInterval(index: 0)
    private var intervalResponse: HDRHistogram
    private var intervalLag: HDRHistogram
    private var dispersion = SendDispersion()
    private var slowest: SlowestRequests
    private let heat = HeatClasses()
    private let objective: Int64
    private let warmup: UInt64

    private static let reasonsMax = 1_000

    private struct Reason: Hashable {
        var operation: Int
        var outcome: Outcome
        var text: String
    }

    init(_ plan: LoadPlan, rows: [(scenario: Int, operation: Int)]) {
        let digits = plan.recording.digits
        self.rows = rows.map { OperationResult(scenario: $0.scenario, operation: $0.operation, digits: digits) }
        totals = OperationResult(scenario: -1, operation: -1, digits: digits)
        intervalResponse = .latency(digits: digits)
        intervalLag = .latency(digits: digits)
        slowest = SlowestRequests(countMax: plan.recording.slowestMax)
        objective = plan.objectiveNanoseconds
        warmup = UInt64(plan.recording.warmupSeconds * 1e9)
    }

    mutating func noteOffered() {
        offered += 1
        interval.offered += 1
    }

    /// A batch of requests went out at `time`.
    mutating func noteBatch(_ number: Int, at time: UInt64) {
        sent += number
        interval.sent += number
        dispersion.note(number, at: time)
    }

    /// The send lag of one request of a batch.
    mutating func noteLag(_ request: PendingRequest) {
        let lag = Int64(request.sent - min(request.intended, request.sent))
        intervalLag.record(lag)
        if request.judged >= 0 { steps[Int(request.judged)].figures.lag.record(lag) }
        guard request.intended >= warmup else { return }
        rows[Int(request.row)].lag.record(lag)
        totals.lag.record(lag)
    }

    /// A request that was sent has ended: `at` is nanoseconds after the start.
    mutating func noteDone(_ request: PendingRequest, _ outcome: Outcome, at: UInt64) {
        let intended = request.intended
        let sent = max(request.sent, intended)
        let response = at > intended ? Int64(at - intended) : 0
        let service = at > sent ? Int64(at - sent) : 0
        let isTimed = outcome.isAnswered || outcome == .timeout
        let (timed, served): (Int64?, Int64?) = isTimed ? (response, service) : (nil, nil)
        count(outcome)
        if isTimed {
            intervalResponse.record(response)
            interval.heat[heat.index(of: response)] += 1
        }
        if outcome.isAnswered { interval.done += 1 }
        if request.judged >= 0 {
            Self.record(&steps[Int(request.judged)].figures, outcome, timed, served, objective: objective)
        }
        guard intended >= warmup else { return }
        Self.record(&rows[Int(request.row)], outcome, timed, served, objective: objective)
        Self.record(&totals, outcome, timed, served, objective: objective)
        guard isTimed else { return }
        slowest.note(
            SlowestRequests.Entry(
                response: response, row: request.row, outcome: outcome, intended: intended,
                lag: Int64(sent - intended), trace: request.trace), response: response)
    }

    /// A request that was never sent: an error as if it had taken `lasted`, so that dropping never looks fast.
    mutating func noteUnsent(row: Int32, judged: Int32, intended: UInt64, _ outcome: Outcome, lasted: UInt64) {
        let response = outcome.isError ? Int64(lasted) : nil
        unsent += 1
        count(outcome)
        if let response {
            intervalResponse.record(response)
            interval.heat[heat.index(of: response)] += 1
        }
        if judged >= 0 { Self.record(&steps[Int(judged)].figures, outcome, response, nil, objective: objective) }
        guard intended >= warmup else { return }
        Self.record(&rows[Int(row)], outcome, response, nil, objective: objective)
        Self.record(&totals, outcome, response, nil, objective: objective)
    }

    private static func record(
        _ row: inout OperationResult, _ outcome: Outcome, _ response: Int64?, _ service: Int64?, objective: Int64
    ) {
        row.counts[Int(outcome.rawValue)] += 1
        if let response {
            row.response.record(response)
            if outcome == .ok {
                if response <= objective {
                    row.satisfied += 1
                } else if response <= 4 * objective {
                    row.tolerated += 1
                }
            }
        }
        if let service { row.service.record(service) }
    }

    private mutating func count(_ outcome: Outcome) {
        if outcome.isError {
            interval.outcomes[Int(outcome.rawValue)] += 1
        } else if outcome != .ok {
            interval.rejected += 1
        }
    }

    /// Counts a reason; beyond a thousand different ones they are counted together.
    mutating func noteReason(_ operation: Int, _ outcome: Outcome, _ text: String) {
        let reason = Reason(operation: operation, outcome: outcome, text: text)
        if reasons.count >= Self.reasonsMax, reasons[reason] == nil {
            reasons[Reason(operation: operation, outcome: outcome, text: "others"), default: 0] += 1
        } else {
            reasons[reason, default: 0] += 1
        }
    }

    /// Ends the current interval and starts the next.
    mutating func closeInterval(inFlight: Int, users: Int, connectionsUp: Int, cpuRatio: Double) {
        interval.p50 = intervalResponse.value(atPercentile: 50)
        interval.p95 = intervalResponse.value(atPercentile: 95)
        interval.p99 = intervalResponse.value(atPercentile: 99)
        interval.p999 = intervalResponse.value(atPercentile: 99.9)
        interval.greatest = intervalResponse.greatest
        interval.response = LatencyCounts(intervalResponse)
        interval.lagP99 = intervalLag.value(atPercentile: 99)
        interval.inFlight = inFlight
        interval.users = users
        interval.connectionsUp = connectionsUp
        interval.cpuRatio = cpuRatio
        series.append(interval)
        interval = LoadInterval(index: interval.index + 1)
        intervalResponse.reset()
        intervalLag.reset()
    }

    /// Whether the open interval holds anything.
    var hasOpenInterval: Bool { interval != LoadInterval(index: interval.index) }

    var refusals: [RefusalCount] {
        reasons.map { RefusalCount(operation: $0.operation, outcome: $0.outcome, reason: $0.text, count: $1) }
            .sorted(by: RefusalCount.precedes)
    }

    var sendDispersion: [Double?] { dispersion.indices }

    var slowestEntries: [SlowestRequests.Entry] { slowest.sorted }
}

extension RefusalCount {
    /// Most frequent first; ties by operation, outcome and reason, so that the order is always the same.
    static func precedes(_ left: RefusalCount, _ right: RefusalCount) -> Bool {
        (right.count, left.operation, left.outcome.rawValue, left.reason)
            < (left.count, right.operation, right.outcome.rawValue, right.reason)
    }
}
