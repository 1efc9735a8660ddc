internal import Telemetry

/// The format's order of fields.
extension ResultWire {
    mutating func run(_ result: inout RunResult) throws(Damage) {
        try run(&result.startedAt)
        try run(&result.wallSeconds)
        try run(&result.expected)
        for path in Self.counters { try run(&result[keyPath: path]) }
        try list(&result.rows, empty: OperationResult(scenario: 0, operation: 0, digits: 2)) {
            wire, row throws(Damage) in
            try wire.run(&row)
        }
        try run(&result.witness)
        let refusal = RefusalCount(operation: 0, outcome: .ok, reason: "", count: 0)
        try list(&result.refusals, empty: refusal) { wire, refusal throws(Damage) in
            try wire.run(&refusal.operation)
            try wire.run(&refusal.outcome)
            try wire.run(&refusal.reason)
            try wire.run(&refusal.count)
        }
        try list(&result.series, empty: LoadInterval(index: 0)) { wire, interval throws(Damage) in
            try wire.run(&interval)
        }
        try list(&result.steps, empty: StepResult(scenario: 0, index: 0, digits: 2)) { wire, step throws(Damage) in
            try wire.run(&step)
        }
        let slow = SlowRequest(scenario: 0, operation: 0, intended: 0, lag: 0, response: 0, outcome: .ok)
        try list(&result.slowest, empty: slow) { wire, slow throws(Damage) in try wire.run(&slow) }
        try list(&result.sendDispersion, empty: nil) { wire, index throws(Damage) in
            try wire.optional(&index, empty: 0) { wire, value throws(Damage) in try wire.run(&value) }
        }
        try run(&result.cpuRatio)
        try run(&result.runQueueWaitRatio)
        try run(&result.isAckLogIncomplete)
        try run(&result.isRealtime)
        try run(&result.isInterrupted)
        try optional(&result.abortedBy, empty: "") { wire, text throws(Damage) in try wire.run(&text) }
    }

    private static var counters: [WritableKeyPath<RunResult, Int>] {
        [
            \.offered, \.sent, \.unsent, \.held, \.disconnects, \.reconnects, \.sequenceResets, \.lateAnswers,
            \.converted,
            \.ordersTraded, \.fills, \.ackLogLines,
        ]
    }

    private mutating func run(_ row: inout OperationResult) throws(Damage) {
        try run(&row.scenario)
        try run(&row.operation)
        try list(&row.counts, empty: 0) { wire, count throws(Damage) in try wire.run(&count) }
        guard row.counts.count == Outcome.allCases.count else { throw Damage() }
        try run(&row.response)
        try run(&row.service)
        try run(&row.lag)
        try run(&row.satisfied)
        try run(&row.tolerated)
    }

    private mutating func run(_ interval: inout LoadInterval) throws(Damage) {
        try run(&interval.index)
        try run(&interval.offered)
        try run(&interval.sent)
        try run(&interval.done)
        try run(&interval.rejected)
        try list(&interval.outcomes, empty: 0) { wire, count throws(Damage) in try wire.run(&count) }
        try run(&interval.p50)
        try run(&interval.p95)
        try run(&interval.p99)
        try run(&interval.p999)
        try run(&interval.greatest)
        try list(&interval.heat, empty: 0) { wire, count throws(Damage) in try wire.run(&count) }
        guard interval.outcomes.count == Outcome.allCases.count, interval.heat.count == LoadInterval.heatClasses else {
            throw Damage()
        }
        var (values, counts) = (interval.response.values, interval.response.counts)
        try list(&values, empty: 0) { wire, value throws(Damage) in try wire.run(&value) }
        try list(&counts, empty: 0) { wire, count throws(Damage) in try wire.word(&count) }
        guard let response = LatencyCounts(values: values, counts: counts) else { throw Damage() }
        interval.response = response
        try run(&interval.lagP99)
        try run(&interval.users)
        try run(&interval.inFlight)
        try run(&interval.connectionsUp)
        try run(&interval.cpuRatio)
    }

    private mutating func run(_ step: inout StepResult) throws(Damage) {
        try run(&step.scenario)
        try run(&step.index)
        try run(&step.users)
        try run(&step.rate)
        try run(&step.begin)
        try run(&step.end)
        try run(&step.figures)
        try run(&step.offered)
        var texts = step.thresholds.map { ($0.threshold.text, $0.actual, $0.isMet) }
        try list(&texts, empty: ("", nil, false)) { wire, judged throws(Damage) in
            try wire.run(&judged.0)
            try wire.optional(&judged.1, empty: 0) { wire, value throws(Damage) in try wire.run(&value) }
            try wire.run(&judged.2)
        }
        step.thresholds = []
        for (text, actual, isMet) in texts {
            guard let threshold = try? Threshold.parse(text), threshold.count == 1 else { throw Damage() }
            step.thresholds.append(ThresholdResult(threshold: threshold[0], actual: actual, isMet: isMet))
        }
        try run(&step.isMet)
        try run(&step.cpuRatio)
        try list(&step.limits, empty: "") { wire, text throws(Damage) in try wire.run(&text) }
    }

    private mutating func run(_ slow: inout SlowRequest) throws(Damage) {
        try run(&slow.scenario)
        try run(&slow.operation)
        try run(&slow.intended)
        try run(&slow.lag)
        try run(&slow.response)
        try run(&slow.outcome)
        try run(&slow.traceID)
    }
}
