internal import Telemetry

/// One condition on the figures of a run, such as `p(99)<50ms`.
///
/// ```
/// expression = condition { "and" condition }
/// condition  = [ metric [ "{" filter { "," filter } "}" ] [ "." statistic ] | statistic ] comparison value
/// metric     = "response_time" (default) | "service_time" | "send_lag" | "errors" | "rejects" | "throughput"
///            | "requests" | "apdex(" duration ")"
/// filter     = ( "op" | "scenario" ) ":" name
/// statistic  = "p(" number ")" | "avg" | "med" | "min" | "max"          of the first three
///            | "rate" (default) | "count"                               of errors and rejects
///            | "rate" (throughput) | "count" (requests) | "value" (apdex): the only one of these, may be left out
///              A rate of one scenario is over the time in which that scenario starts requests.
/// comparison = "<" | "<=" | ">" | ">=" | "==" | "!="
/// value      = number [ "us" | "ms" | "s" | "%" ]                       durations need their unit
/// ```
/// A metric without data fails its condition: an absent measurement proves nothing.
public struct Threshold: Sendable, Equatable {
    /// The figure of a metric.
    public enum Measure: Sendable, Equatable {
        /// That percentile, above 0 and at most 100.
        case percentile(Double)
        /// Arithmetic mean.
        case mean
        /// The smallest and the greatest value.
        case least, greatest
        /// Share of all requests.
        case rate
        /// A number of requests.
        case count
        /// Answers a second of the judged time.
        case perSecond
        /// (satisfied + tolerated / 2) / total.
        case apdex
    }

    /// What is measured.
    public enum Metric: String, Sendable, CaseIterable {
        /// done - intended.
        case response = "response_time"
        /// done - sent.
        case service = "service_time"
        /// sent - intended.
        case lag = "send_lag"
        /// Timeouts, errors, unknown and dropped requests.
        case errors
        /// Refused by business rules.
        case rejects
        /// Answers a second.
        case throughput
        /// All requests.
        case requests
        /// Application performance index.
        case apdex

        /// Whether its values are nanoseconds.
        public var isDuration: Bool { self == .response || self == .service || self == .lag }
    }

    /// How actual value and limit are compared.
    public enum Comparison: String, Sendable, CaseIterable {
        /// Not above the limit.
        case atMost = "<="
        /// Not below the limit.
        case atLeast = ">="
        /// Exactly the limit.
        case equal = "=="
        /// Anything else.
        case unequal = "!="
        /// Below the limit.
        case below = "<"
        /// Above the limit.
        case above = ">"

        func holds(_ actual: Double, _ limit: Double) -> Bool {
            switch self {
            case .below: actual < limit
            case .atMost: actual <= limit
            case .above: actual > limit
            case .atLeast: actual >= limit
            case .equal: actual == limit
            case .unequal: actual != limit
            }
        }
    }

    /// The condition as written.
    public let text: String
    /// What is measured.
    public let metric: Metric
    /// Only this scenario's requests, by name; all where nil.
    public let scenario: String?
    /// Only this operation's requests, by name; all where nil.
    public let operation: String?
    /// Which figure of the metric.
    public let measure: Measure
    /// How it is compared.
    public let comparison: Comparison
    /// Nanoseconds for durations, a ratio for rates, otherwise a plain number.
    public let limit: Double
    /// The response time that satisfies, nanoseconds; of the apdex only.
    public let objectiveNanoseconds: Int64?
    /// A run ends early where this does not hold.
    public var abortsOnFail = false
    /// Seconds after the start from which it may end the run.
    public var delaySeconds = 0.0

    /// The limit in nanoseconds where this bounds the response time from above; the objective shown in charts.
    public var responseLimitNanoseconds: Int64? {
        guard metric == .response, comparison == .below || comparison == .atMost else { return nil }
        return Int64(limit)
    }

    /// Judges a run.
    public func evaluate(_ result: RunResult, plan: LoadPlan) -> ThresholdResult {
        let seconds = plan.judgedSeconds(of: scenario, wall: result.wallSeconds)
        return evaluate(result.rows, names: PlanNames(plan), seconds: seconds)
    }

    /// Judges rows that were collected over so many seconds.
    func evaluate(_ rows: [OperationResult], names: PlanNames, seconds: Double) -> ThresholdResult {
        let chosen = rows.filter { names.matches($0, scenario: scenario, operation: operation) }
        guard let actual = actual(chosen, seconds) else {
            return ThresholdResult(threshold: self, actual: nil, isMet: false)
        }
        return ThresholdResult(threshold: self, actual: actual, isMet: comparison.holds(actual, limit))
    }

    private func actual(_ rows: [OperationResult], _ seconds: Double) -> Double? {
        let total = rows.reduce(0) { $0 + $1.total }
        switch metric {
        case .response: return statistic(OperationResult.merged(rows, \.response))
        case .service: return statistic(OperationResult.merged(rows, \.service))
        case .lag: return statistic(OperationResult.merged(rows, \.lag))
        case .errors: return ratio(rows.reduce(0) { $0 + $1.errors }, total)
        case .rejects: return ratio(rows.reduce(0) { $0 + $1.rejects }, total)
        case .requests: return Double(total)
        case .apdex:
            guard total > 0 else { return nil }
            let sum = rows.reduce(0.0) { $0 + Double($1.satisfied) + Double($1.tolerated) / 2 }
            return sum / Double(total)
        case .throughput:
            let answered = rows.reduce(0) { $0 + $1.answered }
            return seconds > 0 && answered > 0 ? Double(answered) / seconds : nil
        }
    }

    private func ratio(_ part: Int, _ total: Int) -> Double? {
        guard total > 0 else { return nil }
        return measure == .count ? Double(part) : Double(part) / Double(total)
    }

    private func statistic(_ histogram: HDRHistogram?) -> Double? {
        guard let histogram, histogram.count > 0 else { return nil }
        switch measure {
        case .percentile(let percentile): return Double(histogram.value(atPercentile: percentile))
        case .mean: return histogram.mean
        case .least: return Double(histogram.least)
        case .greatest: return Double(histogram.greatest)
        case .rate, .count, .perSecond, .apdex: return nil
        }
    }
}

/// A condition with what was measured.
public struct ThresholdResult: Sendable, Equatable {
    /// The condition.
    public var threshold: Threshold
    /// Nanoseconds, ratio or number; nil without data.
    public var actual: Double?
    /// Whether it holds.
    public var isMet: Bool

    /// A judged condition.
    public init(threshold: Threshold, actual: Double?, isMet: Bool) {
        self.threshold = threshold
        self.actual = actual
        self.isMet = isMet
    }
}

/// Names of scenarios and operations by index.
struct PlanNames {
    let scenarios: [String]
    let operations: [String]

    init(_ plan: LoadPlan) {
        scenarios = plan.scenarios.map(\.name)
        operations = plan.operations.map(\.name)
    }

    /// Whether a row belongs to what a condition names; a row of merged operations (-1) to every operation.
    func matches(_ row: OperationResult, scenario: String?, operation: String?) -> Bool {
        let isScenario =
            scenario == nil || scenarios.indices.contains(row.scenario) && scenarios[row.scenario] == scenario
        let isOperation =
            operation == nil || operations.indices.contains(row.operation) && operations[row.operation] == operation
        return isScenario && isOperation
    }
}
