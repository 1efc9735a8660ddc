internal import Engine
internal import Report
internal import Telemetry

/// The progress of a run as lines in the manner of JMeter: `summary +` for the last ten seconds, `summary =` for the run.
package struct SummaryLines: Sendable {
    /// Seconds between two pairs of lines.
    package static let everySeconds = 10.0

    private var since = 0.0
    private var sent = 0
    private var errors = 0
    private var counts = LatencyCounts()
    private var greatest: Int64 = 0
    private var lag: Int64 = 0

    /// No figures yet.
    package init() {}

    /// Takes the figures of an interval; two lines where ten seconds are over, else none.
    package mutating func take(_ progress: LiveFigures) -> [String] {
        counts.add(progress.interval.response)
        greatest = max(greatest, progress.interval.greatest)
        lag = max(lag, progress.interval.lagP99)
        guard progress.elapsed - since >= Self.everySeconds - 0.05 else { return [] }
        let lines = [
            Self.line(
                "+", progress.sent - sent, progress.elapsed - since,
                [
                    "p50 \(Readable.duration(counts.value(atPercentile: 50)))",
                    "p99 \(Readable.duration(counts.value(atPercentile: 99)))", "max \(Readable.duration(greatest))",
                    "errors \(Readable.count(progress.errors - errors))",
                    "in flight \(Readable.count(progress.interval.inFlight))",
                ] + (progress.interval.users > 0 ? ["users \(Readable.count(progress.interval.users))"] : [])
                    + ["lag p99 \(Readable.duration(lag))"]),
            Self.line(
                "=", progress.sent, progress.elapsed,
                [
                    "p50 \(Readable.duration(progress.totals.response.value(atPercentile: 50)))",
                    "p99 \(Readable.duration(progress.totals.response.value(atPercentile: 99)))",
                    "max \(Readable.duration(progress.totals.response.greatest))",
                    "errors \(Readable.count(progress.errors))",
                ]),
        ]
        self = SummaryLines()
        (since, sent, errors) = (progress.elapsed, progress.sent, progress.errors)
        return lines
    }

    private static func line(_ sign: String, _ count: Int, _ seconds: Double, _ parts: [String]) -> String {
        "summary \(sign) \(Readable.count(count)) in \(LiveScreen.clock(seconds)) = "
            + "\(Readable.number(Double(count) / seconds))/s  " + parts.joined(separator: "  ")
    }
}
