internal import Engine
internal import Telemetry

/// The end of a run as plain text for a terminal or a log.
public enum TextReport {
    /// Verdict, thresholds, one line an operation and a step, and the reasons that came most often.
    public static func text(_ report: RunReport) -> String {
        var lines = ["summary = \(report.verdict.name.uppercased()): \(report.sentence)"]
        for condition in report.conditions {
            let scope = "\(condition.isMet ? "ok  " : "FAIL") \(condition.expression)"
            lines.append("  \(scope)   (\(condition.readableActual))")
        }
        lines += table(operationHead, report.operations.map { operation($0, report.facts) })
        if !report.result.steps.isEmpty {
            lines += table(stepHead, report.result.steps.indices.map { step(report, $0) })
        }
        return (lines + generator(report) + refusals(report)).joined(separator: "\n") + "\n"
    }

    private static let operationHead = [
        "operation", "total", "ok", "rejected", "too late", "errors", "p50", "p99", "max",
    ]

    private static func operation(_ row: OperationResult, _ facts: PlanFacts) -> [String] {
        let counts = [row.total, row.count(.ok), row.count(.rejected), row.count(.tooLate), row.errors]
        return [facts.operation(row.operation)] + counts.map(Readable.count) + times(row, [50, 99])
    }

    private static let stepHead = ["step", "asked", "done/s", "errors", "p50", "p95", "p99", "max", "verdict"]

    private static func step(_ report: RunReport, _ index: Int) -> [String] {
        let step = report.result.steps[index]
        let seconds = max(step.end - step.begin, .leastNonzeroMagnitude)
        let asked = step.users > 0 ? "\(Readable.count(step.users)) users" : "\(Readable.number(step.rate))/s"
        let verdict = step.isMet ? "met" : step.limits.isEmpty ? "not met" : "generator-limited"
        return [report.facts.scenario(step.scenario), asked, Readable.number(Double(step.figures.answered) / seconds)]
            + [Readable.count(step.figures.errors)] + times(step.figures, [50, 95, 99]) + [verdict]
    }

    /// Percentiles and the maximum; a dash without answers.
    private static func times(_ row: OperationResult, _ percentiles: [Double]) -> [String] {
        guard row.response.count > 0 else { return (percentiles + [100]).map { _ in "-" } }
        return percentiles.map { Readable.duration(row.response.value(atPercentile: $0)) }
            + [Readable.duration(row.response.greatest)]
    }

    private static func generator(_ report: RunReport) -> [String] {
        let (result, lag) = (report.result, report.lag)
        var lines = [
            "send lag p50 \(duration(lag, 50)) p99 \(duration(lag, 99)) max \(Readable.duration(lag.greatest)); "
                + "generator CPU \(Readable.percent(result.cpuRatio)), run-queue wait "
                + "\(Readable.percent(result.runQueueWaitRatio)); machine stall p99 \(duration(result.witness, 99))"
        ]
        if let steal = report.stealText {
            lines.append("\(steal): times are longer than on a machine of one's own")
        }
        if result.disconnects > 0 {
            lines.append(
                "connections lost \(result.disconnects), made again \(result.reconnects), "
                    + "numbers reset \(result.sequenceResets), late answers \(result.lateAnswers)")
        }
        return lines
    }

    private static func refusals(_ report: RunReport) -> [String] {
        report.result.refusals.prefix(5).map {
            "  \(Readable.count($0.count)) x \(report.facts.operation($0.operation)) \($0.outcome.name) \($0.reason)"
        }
    }

    /// Columns as wide as their widest cell; the first on the left, numbers on the right.
    private static func table(_ head: [String], _ rows: [[String]]) -> [String] {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { index, cell in
                let pad = String(repeating: " ", count: widths[index] - cell.count)
                return index == 0 ? cell + pad : "   " + pad + cell
            }.joined()
        }
    }

    private static func duration(_ histogram: HDRHistogram, _ percentile: Double) -> String {
        Readable.duration(histogram.value(atPercentile: percentile))
    }
}
