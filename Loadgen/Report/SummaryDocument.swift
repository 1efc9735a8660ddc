internal import Arrivals
internal import Engine
internal import Telemetry

/// The JSON summary of a run; its format is described in `Schemas/loadgen-summary.md`.
public enum SummaryDocument {
    /// Version of the format; grows when a field changes its meaning or goes.
    public static let schemaVersion = 1

    /// The document's text, with a newline at the end.
    public static func text(_ report: RunReport) -> String {
        let fields =
            heading(report) + figures(report.result) + [
                ("thresholds", .array(report.thresholds.map(threshold))),
                ("series", .array(report.result.series.map(interval))),
                ("histograms", histograms(report.result)),
            ]
        return JSONValue.object(fields).text() + "\n"
    }

    private static func heading(_ report: RunReport) -> [(String, JSONValue)] {
        let configuration = report.context.configuration
        let scenario: [(String, JSONValue)] = [
            ("text", .string(report.context.scenario)),
            ("crc32", .string(hexadecimal(CRC32.checksum(Array(report.context.scenario.utf8))))),
        ]
        let schedule: [(String, JSONValue)] = [
            ("process", .string(configuration.process.rawValue)), ("seconds", .number(configuration.profile.seconds)),
            ("expected_requests", .number(report.result.expected)),
            ("segments", .array(configuration.profile.segments.map(segment))),
        ]
        return [
            ("schema_version", .count(schemaVersion)), ("name", .string(report.context.name)),
            ("verdict", .string(report.verdict.name)), ("exit_code", .count(Int(report.verdict.exitCode))),
            ("sentence", .string(report.sentence)), ("seed", .string("\(configuration.seed)")),
            ("started_at", .string(JSONLogHandler.timestamp(report.result.startedAt))),
            ("wall_seconds", .number(report.result.wallSeconds)), ("target", .string("\(configuration.target)")),
            ("objective_us", .number(microseconds(report.objectiveNanoseconds))), ("scenario", .object(scenario)),
            ("schedule", .object(schedule)),
            ("host", .object(report.context.host.map { ($0.name, .string($0.value)) })),
            ("revision", .string(report.context.revision)),
            ("generator", generator(report)),
        ]
    }

    private static func segment(_ segment: RateProfile.Segment) -> JSONValue {
        .object([
            ("from", .number(segment.start)), ("to", .number(segment.end)), ("seconds", .number(segment.seconds)),
        ])
    }

    private static func generator(_ report: RunReport) -> JSONValue {
        .object([
            ("cpu_ratio", .number(report.result.cpuRatio)),
            ("run_queue_wait_ratio", .number(report.result.runQueueWaitRatio)),
            ("realtime", .bool(report.result.isRealtime)), ("send_lag", statistics(report.result.lag)),
            ("machine_stall", statistics(report.result.witness)),
            ("limits", .array(report.limits.map { .string($0) })),
        ])
    }

    private static func figures(_ result: LoadResult) -> [(String, JSONValue)] {
        let seconds = max(result.wallSeconds, .leastNonzeroMagnitude)
        let total = Double(max(result.total, 1))
        let rejects = result.count(.rejected) + result.count(.tooLate)
        let totals: [(String, JSONValue)] = [
            ("offered", .count(result.offered)), ("sent", .count(result.sent)),
            ("answered", .count(result.answered)), ("errors", .count(result.errors)), ("rejects", .count(rejects)),
            ("answered_per_second", .number(Double(result.answered) / seconds)),
            ("error_ratio", .number(Double(result.errors) / total)),
            ("reject_ratio", .number(Double(rejects) / total)),
        ]
        let sessions: [(String, JSONValue)] = [
            ("disconnects", .count(result.disconnects)), ("reconnects", .count(result.reconnects)),
            ("sequence_resets", .count(result.sequenceResets)), ("late_answers", .count(result.lateAnswers)),
            ("ack_log_lines", .count(result.ackLogLines)),
            ("ack_log_incomplete", .bool(result.isAckLogIncomplete)),
        ]
        let orders: [(String, JSONValue)] = [
            ("fills", .count(result.fills)), ("orders_traded", .count(result.ordersTraded)),
            ("converted_to_new", .count(result.converted)),
        ]
        return [
            ("totals", .object(totals)), ("response", statistics(result.response)),
            ("service", statistics(result.service)), ("operations", .array(result.operations.map(operation))),
            ("refusals", .array(result.refusals.map(refusal))), ("sessions", .object(sessions)),
            ("orders", .object(orders)),
        ]
    }

    private static func operation(_ row: OperationResult) -> JSONValue {
        .object([
            ("operation", .string(row.operation.name)),
            ("counts", .object(Outcome.allCases.map { ($0.name, .count(row.count($0))) })),
            ("response", statistics(row.response)), ("service", statistics(row.service)),
        ])
    }

    private static func refusal(_ refusal: RefusalCount) -> JSONValue {
        .object([
            ("operation", .string(refusal.operation.name)), ("outcome", .string(refusal.outcome.name)),
            ("reason", .string(refusal.reason)), ("count", .count(refusal.count)),
        ])
    }

    private static func threshold(_ result: ThresholdResult) -> JSONValue {
        let scale = result.threshold.metric.isDuration ? 1e-3 : 1
        return .object([
            ("expression", .string(result.threshold.text)), ("ok", .bool(result.isMet)),
            ("actual", result.actual.map { .number($0 * scale) } ?? .null),
            ("limit", .number(result.threshold.limit * scale)),
            ("unit", .string(result.threshold.metric.isDuration ? "us" : "")),
        ])
    }

    private static func interval(_ interval: LoadInterval) -> JSONValue {
        .object([
            ("second", .count(interval.second)), ("offered", .count(interval.offered)),
            ("sent", .count(interval.sent)), ("done", .count(interval.done)),
            ("rejected", .count(interval.rejected)), ("errors", .count(interval.errors)),
            ("p50_us", .number(microseconds(interval.p50))), ("p95_us", .number(microseconds(interval.p95))),
            ("p99_us", .number(microseconds(interval.p99))), ("p999_us", .number(microseconds(interval.p999))),
            ("max_us", .number(microseconds(interval.greatest))),
            ("lag_p99_us", .number(microseconds(interval.lagP99))), ("in_flight", .count(interval.inFlight)),
            ("sessions_up", .count(interval.sessionsUp)), ("cpu_ratio", .number(rounded(interval.cpuRatio, 1e4))),
        ])
    }

    private static func statistics(_ histogram: HDRHistogram) -> JSONValue {
        func at(_ percentile: Double) -> JSONValue { .number(microseconds(histogram.value(atPercentile: percentile))) }
        return .object([
            ("count", .count(Int(histogram.count))), ("mean_us", .number(rounded(histogram.mean / 1e3, 10))),
            ("min_us", .number(microseconds(histogram.least))), ("p50_us", at(50)), ("p90_us", at(90)),
            ("p95_us", at(95)), ("p99_us", at(99)), ("p999_us", at(99.9)), ("p9999_us", at(99.99)),
            ("max_us", .number(microseconds(histogram.greatest))),
        ])
    }

    private static func histograms(_ result: LoadResult) -> JSONValue {
        .object([
            ("response", .string(HDRHistogramCodec.encode(result.response))),
            ("service", .string(HDRHistogramCodec.encode(result.service))),
            ("send_lag", .string(HDRHistogramCodec.encode(result.lag))),
        ])
    }

    private static func microseconds(_ nanoseconds: Int64) -> Double { rounded(Double(nanoseconds) / 1e3, 10) }

    private static func rounded(_ value: Double, _ scale: Double) -> Double { (value * scale).rounded() / scale }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

/// CRC-32 of IEEE 802.3, bit by bit: scenario texts are short.
enum CRC32 {
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = .max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return ~sum
    }
}
