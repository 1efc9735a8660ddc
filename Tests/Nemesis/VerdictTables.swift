import Foundation
import HistoryChecker

import struct HistoryChecker.Operation

/// The tables of the verdict.
struct VerdictTables {
    private let verdict: Verdict

    init(_ verdict: Verdict) { self.verdict = verdict }

    /// Injections, how many had an effect, and how long no client got an answer around them.
    func faults() -> [String] {
        let calls = verdict.evidence.calls
        let reads = Outages(calls) { $0.operation.kind != .write && !$0.operation.isStale }
        let writes = Outages(calls) { $0.operation.kind == .write && $0.label != "otherProgram" }
        var lines = [
            "",
            "faults: injected, effective (somebody met it), how much it touched, longest time without any",
        ]
        lines.append("successful read and write in the whole workload around one of them, ms")
        lines.append("  injected effective   touched    no read   no write")
        for fault in Fault.allCases {
            let records = verdict.nemesis.records.filter { $0.fault == fault }
            guard !records.isEmpty else { continue }
            let numbers = [
                Int64(records.count), Int64(records.count { $0.effect > 0 }),
                Int64(records.reduce(0) { $0 + $1.effect }),
                (records.map { reads.longest($0.begin, $0.end) }.max() ?? 0) / 1_000_000,
                (records.map { writes.longest($0.begin, $0.end) }.max() ?? 0) / 1_000_000,
            ]
            let row = numbers.map { Self.pad("\($0)", 10, isRight: true) }.joined()
            lines.append("\(row)  \(Self.pad(fault.rawValue, 26))\(fault.summary)")
        }
        let records = verdict.nemesis.records
        lines.append(
            "  \(records.count) injected, \(records.count { $0.effect > 0 }) effective, "
                + "\(verdict.nemesis.failures.count) not possible at their time, in \(verdict.nemesis.steps) steps"
        )
        for failure in verdict.nemesis.failures.prefix(10) {
            lines.append("  not possible: \(failure)")
        }
        for (name, reason) in Fault.notInjected { lines.append("  never injected: \(name), \(reason)") }
        return lines
    }

    /// Calls by what clients call them: outcomes, and the levels that values came from.
    func calls() -> [String] {
        let labels = [
            "bounded", "staleAllowed", "session", "snapshot", "strict", "transfer", "serializable",
            "overwrite",
            "otherProgram",
        ]
        let outcomes = Operation.Outcome.allCases
        var lines = [
            "", "calls by level and outcome, and the share of their values that each tier gave",
        ]
        lines.append(
            "  " + Self.pad("", 14) + outcomes.map { Self.pad($0.rawValue, 10, isRight: true) }.joined()
                + ["L1 %", "L2 %", "L3 %"].map { Self.pad($0, 8, isRight: true) }.joined())
        var all = [0, 0, 0]
        for label in labels {
            let calls = verdict.evidence.calls.filter { $0.label == label }
            guard !calls.isEmpty else { continue }
            let counts = outcomes.map { outcome in calls.count { $0.operation.outcome == outcome } }
            let levels = (0..<3).map { level in calls.reduce(0) { $0 + $1.levels[level] } }
            for level in 0..<3 { all[level] += levels[level] }
            let row = counts.map { Self.pad("\($0)", 10, isRight: true) }.joined()
            lines.append("  " + Self.pad(label, 14) + row + Self.shares(levels))
        }
        lines.append("  " + Self.pad("all reads", 14 + 10 * outcomes.count) + Self.shares(all))
        let stale = verdict.evidence.calls.count { $0.operation.isStale }
        return lines + ["  \(stale) reads returned values marked stale, as their callers allowed"]
    }

    private static func shares(_ levels: [Int]) -> String {
        let sum = levels.reduce(0, +)
        guard sum > 0 else { return "" }
        return levels.map {
            pad(String(format: "%.1f", 100 * Double($0) / Double(sum)), 8, isRight: true)
        }.joined()
    }

    func staleness() -> [String] {
        let quantiles: [(String, Double)] = [
            ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
        ]
        var lines = ["", "staleness of what was read, ms: the worst of all epochs with 1,000 values"]
        lines.append(
            "  " + Self.pad("", 14)
                + (quantiles.map(\.0) + ["max"]).map { Self.pad($0, 10, isRight: true) }.joined())
        for kind in Operation.Kind.allCases {
            let known = verdict.judged.compactMap { $0.report.staleness[kind] }.filter {
                $0.count >= 1_000
            }
            guard !known.isEmpty else { continue }
            let values = quantiles.map { quantile in known.map { $0.percentile(quantile.1) }.max() ?? 0 }
            let row = (values + [known.map(\.maximum).max() ?? 0]).map {
                Self.pad(String(format: "%.1f", Double($0) / 1e6), 10, isRight: true)
            }
            lines.append("  " + Self.pad(kind.rawValue, 14) + row.joined())
        }
        return lines
    }

    /// What clients were told, most frequent first.
    func errors() -> [String] {
        let sorted = verdict.evidence.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return ["", "errors that clients got"]
            + sorted.map { "  " + Self.pad("\($0.value)", 8, isRight: true) + "  \($0.key)" }
    }

    func counters() -> [String] {
        let series = [
            ("rows that L2 could not be asked for", "cache_requests_total{result=\"error\",tier=\"l2\"}"),
            ("entries of L2 that failed a check", "cache_poison_total{tier=\"l2\"}"),
            (
                "answers of Redis that broke the protocol", "redis_errors_total{code=\"protocolViolation\"}"
            ),
            ("commands that Redis sent elsewhere", "redis_redirects_total"),
            ("reads that joined a load", "cache_loads_coalesced_total"),
            ("batches in doubt that were resolved", "cache_commit_resolutions_total{result=\"known\"}"),
        ]
        return ["", "counted by the processes that lived to the end"]
            + series.map { name, prefix in
                let sum = verdict.metrics.filter { $0.key.hasPrefix(prefix) }.values.reduce(0, +)
                return "  \(Self.pad(String(Int64(sum)), 10, isRight: true))  \(name)"
            }
    }

    static func pad(_ text: String, _ width: Int, isRight: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return isRight ? blanks + text : text + blanks
    }
}
