public import Engine
internal import Telemetry

/// One condition on the figures of a run, such as `p(99)<50ms`.
///
/// ```
/// expression = condition { "and" condition }
/// condition  = [ metric [ "{op:" operation "}" ] "." ] statistic comparison value
///            | ( "errors" | "rejects" | "throughput" | "requests" ) [ "{op:" operation "}" ] comparison value
/// metric     = "response_time" (default) | "service_time" | "send_lag" | "errors" | "rejects"
/// statistic  = "p(" number ")" | "avg" | "med" | "min" | "max"          of the first three
///            | "rate" (default) | "count"                               of errors and rejects
/// comparison = "<" | "<=" | ">" | ">=" | "==" | "!="
/// value      = number [ "us" | "ms" | "s" | "%" ]                       durations need their unit
/// ```
/// A metric without data fails its condition: an absent measurement proves nothing.
public struct Threshold: Sendable, Equatable {
    enum Measure: Equatable {
        case percentile(Double), mean, least, greatest, rate, count, perSecond
    }

    enum Metric: String, CaseIterable {
        case response = "response_time"
        case service = "service_time"
        case lag = "send_lag"
        case errors, rejects, throughput, requests

        var isDuration: Bool { self == .response || self == .service || self == .lag }
    }

    enum Comparison: String, CaseIterable {
        case atMost = "<="
        case atLeast = ">="
        case equal = "=="
        case unequal = "!="
        case below = "<"
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
    let metric: Metric
    let operation: Operation?
    let measure: Measure
    let comparison: Comparison
    /// Nanoseconds for durations, a ratio for rates, otherwise a plain number.
    let limit: Double

    /// The limit in nanoseconds where this bounds the response time from above; the objective shown in charts.
    public var responseLimitNanoseconds: Int64? {
        guard metric == .response, comparison == .below || comparison == .atMost else { return nil }
        return Int64(limit)
    }

    /// Judges a run.
    public func evaluate(_ result: LoadResult) -> ThresholdResult {
        guard let actual = actual(result) else {
            return ThresholdResult(threshold: self, actual: nil, isMet: false)
        }
        return ThresholdResult(threshold: self, actual: actual, isMet: comparison.holds(actual, limit))
    }

    private func actual(_ result: LoadResult) -> Double? {
        let rows = result.operations.filter { operation == nil || $0.operation == operation }
        let total = rows.reduce(0) { $0 + $1.total }
        func count(_ isCounted: (Outcome) -> Bool) -> Int {
            Outcome.allCases.filter(isCounted).reduce(0) { sum, outcome in
                rows.reduce(sum) { $0 + $1.count(outcome) }
            }
        }
        switch metric {
        case .response: return statistic(rows.reduce(into: .latency()) { $0.add($1.response) })
        case .service: return statistic(rows.reduce(into: .latency()) { $0.add($1.service) })
        case .lag: return statistic(result.lag)
        case .errors: return ratio(count(\.isError), total)
        case .rejects: return ratio(count { $0 == .rejected || $0 == .tooLate }, total)
        case .requests: return Double(total)
        case .throughput:
            let answered = count(\.isAnswered)
            return result.wallSeconds > 0 && answered > 0 ? Double(answered) / result.wallSeconds : nil
        }
    }

    private func ratio(_ part: Int, _ total: Int) -> Double? {
        guard total > 0 else { return nil }
        return measure == .count ? Double(part) : Double(part) / Double(total)
    }

    private func statistic(_ histogram: HDRHistogram) -> Double? {
        guard histogram.count > 0 else { return nil }
        switch measure {
        case .percentile(let percentile): return Double(histogram.value(atPercentile: percentile))
        case .mean: return histogram.mean
        case .least: return Double(histogram.least)
        case .greatest: return Double(histogram.greatest)
        case .rate, .count, .perSecond: return nil
        }
    }

    /// A value of this metric as people read it.
    func format(_ value: Double) -> String {
        if metric.isDuration { return Readable.duration(value) }
        if measure == .rate { return Readable.percent(value) }
        return Readable.number(value)
    }

    /// The limit as people read it, with its comparison.
    var readableLimit: String { "\(comparison.rawValue) \(format(limit))" }

    /// What is measured, without comparison and limit.
    var readableName: String {
        let scope = operation.map { " of \($0.name) requests" } ?? ""
        let name = metric.rawValue.replacing("_", with: " ")
        switch measure {
        case .percentile(let percentile): return "\(name) p\(Readable.plain(percentile))\(scope)"
        case .mean: return "mean \(name)\(scope)"
        case .least: return "shortest \(name)\(scope)"
        case .greatest: return "longest \(name)\(scope)"
        case .rate: return "share of \(name)\(scope)"
        case .count: return "number of \(name)\(scope)"
        case .perSecond: return "answers a second\(scope)"
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
}
