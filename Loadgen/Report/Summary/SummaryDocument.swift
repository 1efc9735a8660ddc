internal import Engine
internal import Telemetry

/// The JSON summary of a run; its format is described in `Schemas/loadgen-summary.md`.
///
/// It holds everything the page shows: `SummaryReader` makes the same report of it again.
public enum SummaryDocument {
    /// Version of the format; grows when a field changes its meaning or goes.
    public static let schemaVersion = 2

    /// The document's text, with a newline at the end.
    public static func text(_ report: RunReport) -> String {
        let result = report.result
        let names = report.facts
        let fields =
            heading(report) + figures(report) + [
                ("refusals", .array(result.refusals.map { refusal($0, names) })),
                ("sessions", sessions(result)), ("orders", orders(result)),
                ("thresholds", .array(report.conditions.map(condition))),
                ("capacity", .array(report.capacities.map(capacity))),
                ("steps", .array(result.steps.indices.map { step(report, $0) })),
                ("slowest", .array(result.slowest.map { slow($0, names) })),
                ("series", .array(result.series.map { interval($0, names) })), ("watch", watch(report.watch)),
                ("histograms", histograms(report)),
            ]
        return JSONValue.object(fields).text() + "\n"
    }

    // MARK: What was run

    private static func heading(_ report: RunReport) -> [(String, JSONValue)] {
        let text = Array(report.context.scenario.utf8)
        let scenario: [(String, JSONValue)] = [
            ("text", .string(report.context.scenario)), ("sha256", .string(SHA256.hexadecimal(text))),
        ]
        let facts = report.facts
        return [
            ("schema_version", .count(schemaVersion)), ("name", .string(report.context.name)),
            ("verdict", .string(report.verdict.name)), ("exit_code", .count(Int(report.verdict.exitCode))),
            ("sentence", .string(report.sentence)), ("seed", .string("\(facts.seed)")),
            ("started_at", .string(JSONLogHandler.timestamp(report.result.startedAt))),
            ("started_at_us", .count(Int(report.result.startedAt))),
            ("wall_seconds", .number(report.result.wallSeconds)), ("target", .string(facts.target)),
            ("transport", .string(facts.transport)), ("connections", .count(facts.connections)),
            ("objective_us", .number(microseconds(report.objectiveNanoseconds))), ("scenario", .object(scenario)),
            ("schedule", schedule(report)),
            ("host", .object(report.context.host.map { ($0.name, .string($0.value)) })),
            ("revision", .string(report.context.revision)), ("generator", generator(report)),
        ]
    }

    private static func schedule(_ report: RunReport) -> JSONValue {
        let facts = report.facts
        return .object([
            ("seconds", .number(facts.seconds)), ("expected_requests", .number(report.result.expected)),
            ("warmup_seconds", .number(facts.warmupSeconds)), ("interval_seconds", .number(facts.intervalSeconds)),
            ("digits", .count(facts.digits)), ("operations", .array(facts.operations.map { .string($0) })),
            (
                "scenarios",
                .array(
                    facts.scenarios.map { scenario in
                        .object([
                            ("name", .string(scenario.name)), ("start", .number(scenario.start)),
                            ("seconds", .number(scenario.seconds)), ("executor", .string(scenario.executor.rawValue)),
                            ("mix", .string(scenario.mix)), ("course", .string(scenario.course)),
                            ("steady_poisson", .bool(scenario.isSteadyPoisson)),
                            ("condition", .string(scenario.condition)),
                        ])
                    })
            ),
        ])
    }

    private static func generator(_ report: RunReport) -> JSONValue {
        let result = report.result
        return .object([
            ("cpu_ratio", .number(result.cpuRatio)), ("run_queue_wait_ratio", .number(result.runQueueWaitRatio)),
            ("realtime", .bool(result.isRealtime)), ("interrupted", .bool(result.isInterrupted)),
            ("aborted_by", result.abortedBy.map { .string($0) } ?? .null), ("send_lag", statistics(report.lag)),
            ("machine_stall", statistics(result.witness)),
            ("send_dispersion", .array(result.sendDispersion.map { $0.map { .number(rounded($0, 1e4)) } ?? .null })),
            ("limits", .array(report.limits.map { .string($0) })),
        ])
    }

    // MARK: Sums and rows

    private static func figures(_ report: RunReport) -> [(String, JSONValue)] {
        let total = Double(max(report.total, 1))
        let totals: [(String, JSONValue)] = [
            ("offered", .count(report.result.offered)), ("sent", .count(report.result.sent)),
            ("unsent", .count(report.result.unsent)), ("held", .count(report.result.held)),
            ("answered", .count(report.answered)), ("errors", .count(report.errors)),
            ("rejects", .count(report.rejects)), ("answered_per_second", .number(report.answeredPerSecond)),
            ("error_ratio", .number(Double(report.errors) / total)),
            ("reject_ratio", .number(Double(report.rejects) / total)),
        ]
        let operations = report.operations.map { row in
            JSONValue.object([("operation", .string(report.facts.operation(row.operation)))] + rowFigures(row))
        }
        let rows = report.result.rows.map { row in
            JSONValue.object(
                [
                    ("scenario", .string(report.facts.scenario(row.scenario))),
                    ("operation", .string(report.facts.operation(row.operation))),
                ] + rowFigures(row) + [("histograms", histograms(row))])
        }
        return [
            ("totals", .object(totals)), ("response", statistics(report.response)),
            ("service", statistics(report.service)), ("operations", .array(operations)), ("rows", .array(rows)),
        ]
    }

    private static func rowFigures(_ row: OperationResult) -> [(String, JSONValue)] {
        [
            ("counts", counts(row.counts)), ("satisfied", .count(row.satisfied)), ("tolerated", .count(row.tolerated)),
            ("response", statistics(row.response)), ("service", statistics(row.service)),
            ("send_lag", statistics(row.lag)),
        ]
    }

    private static func counts(_ counts: [Int]) -> JSONValue {
        .object(Outcome.allCases.map { ($0.name, .count(counts[Int($0.rawValue)])) })
    }

    private static func histograms(_ row: OperationResult) -> JSONValue {
        .object([
            ("response", .string(HDRHistogramCodec.encode(row.response))),
            ("service", .string(HDRHistogramCodec.encode(row.service))),
            ("send_lag", .string(HDRHistogramCodec.encode(row.lag))),
        ])
    }

    private static func histograms(_ report: RunReport) -> JSONValue {
        .object([
            ("response", .string(HDRHistogramCodec.encode(report.response))),
            ("service", .string(HDRHistogramCodec.encode(report.service))),
            ("send_lag", .string(HDRHistogramCodec.encode(report.lag))),
            ("machine_stall", .string(HDRHistogramCodec.encode(report.result.witness))),
        ])
    }

    private static func refusal(_ refusal: RefusalCount, _ facts: PlanFacts) -> JSONValue {
        .object([
            ("operation", .string(facts.operation(refusal.operation))), ("outcome", .string(refusal.outcome.name)),
            ("reason", .string(refusal.reason)), ("count", .count(refusal.count)),
        ])
    }

    private static func sessions(_ result: RunResult) -> JSONValue {
        .object([
            ("disconnects", .count(result.disconnects)), ("reconnects", .count(result.reconnects)),
            ("sequence_resets", .count(result.sequenceResets)), ("late_answers", .count(result.lateAnswers)),
            ("ack_log_lines", .count(result.ackLogLines)),
            ("ack_log_incomplete", .bool(result.isAckLogIncomplete)),
        ])
    }

    private static func orders(_ result: RunResult) -> JSONValue {
        .object([
            ("fills", .count(result.fills)), ("orders_traded", .count(result.ordersTraded)),
            ("converted_to_new", .count(result.converted)),
        ])
    }

    // MARK: Judgements

    private static func condition(_ condition: JudgedCondition) -> JSONValue {
        let scale = condition.unit == .duration ? 1e-3 : 1
        return .object([
            ("expression", .string(condition.expression)), ("ok", .bool(condition.isMet)),
            ("actual", condition.actual.map { .number($0 * scale) } ?? .null),
            ("limit", .number(condition.limit * scale)), ("unit", .string(condition.unit.rawValue)),
            ("subject", .string(condition.subject)), ("comparison", .string(condition.comparison)),
        ])
    }

    private static func capacity(_ answer: CapacityAnswer) -> JSONValue {
        .object([
            ("scenario", .string(answer.scenario)), ("condition", .string(answer.condition)),
            ("rate", answer.rate.map { .number($0) } ?? .null),
            ("failed_rate", answer.failedRate.map { .number($0) } ?? .null), ("failure", .string(answer.failure)),
            ("saturated", answer.saturation.map { .string($0.component) } ?? .null),
            ("evidence", answer.saturation.map { .string($0.evidence) } ?? .null),
            ("sentence", .string(answer.sentence)),
        ])
    }

    private static func step(_ report: RunReport, _ index: Int) -> JSONValue {
        let step = report.result.steps[index]
        let conditions = report.stepConditions.indices.contains(index) ? report.stepConditions[index] : []
        return .object(
            [
                ("scenario", .string(report.facts.scenario(step.scenario))), ("index", .count(step.index)),
                ("users", .count(step.users)), ("rate", .number(step.rate)), ("begin", .number(step.begin)),
                ("end", .number(step.end)), ("offered", .count(step.offered)), ("ok", .bool(step.isMet)),
                ("cpu_ratio", .number(rounded(step.cpuRatio, 1e4))),
                ("limits", .array(step.limits.map { .string($0) })),
                ("thresholds", .array(conditions.map(condition))),
            ] + rowFigures(step.figures) + [("histograms", histograms(step.figures))])
    }
}
