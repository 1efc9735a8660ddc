internal import Engine
internal import Telemetry

/// The end of a run as plain text for a terminal or a log.
public enum TextReport {
    /// Verdict, thresholds, and one line an operation.
    public static func text(_ report: RunReport) -> String {
        let result = report.result
        var lines = ["summary = \(report.verdict.name.uppercased()): \(report.sentence)"]
        for threshold in report.thresholds {
            let actual = threshold.actual.map { threshold.threshold.format($0) } ?? "no data"
            lines.append("  \(threshold.isMet ? "ok  " : "FAIL") \(threshold.threshold.text)   (\(actual))")
        }
        lines.append(header)
        for row in result.operations { lines.append(line(row)) }
        let lag = result.lag
        lines.append(
            "send lag p50 \(duration(lag, 50)) p99 \(duration(lag, 99)) max \(Readable.duration(lag.greatest)); "
                + "generator CPU \(Readable.percent(result.cpuRatio)), run-queue wait "
                + "\(Readable.percent(result.runQueueWaitRatio)); machine stall p99 \(duration(result.witness, 99))")
        if result.disconnects > 0 {
            lines.append(
                "connections lost \(result.disconnects), logged on again \(result.reconnects), "
                    + "numbers reset \(result.sequenceResets), late answers \(result.lateAnswers)")
        }
        let refusals = result.refusals.prefix(5).map {
            "  \(Readable.count($0.count)) x \($0.operation.name) \($0.outcome.name) \($0.reason)"
        }
        return (lines + refusals).joined(separator: "\n") + "\n"
    }

    private static let header =
        "operation      total         ok   rejected   too late     errors        p50        p99        max"

    private static func line(_ row: OperationResult) -> String {
        let errors = Outcome.allCases.filter(\.isError).reduce(0) { $0 + row.count($1) }
        let counts = [row.total, row.count(.ok), row.count(.rejected), row.count(.tooLate), errors].map(Readable.count)
        let times = [
            duration(row.response, 50), duration(row.response, 99), Readable.duration(row.response.greatest),
        ]
        let name = row.operation.name + String(repeating: " ", count: max(0, 9 - row.operation.name.count))
        return name + (counts + times).map { String(repeating: " ", count: max(1, 11 - $0.count)) + $0 }.joined()
    }

    private static func duration(_ histogram: HDRHistogram, _ percentile: Double) -> String {
        Readable.duration(histogram.value(atPercentile: percentile))
    }
}
