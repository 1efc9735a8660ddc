import Foundation
import HistoryChecker

import struct HistoryChecker.Operation

/// What is printed in the end, and the exit code.
struct Verdict {
    let evidence: Evidence
    let report: Report
    /// When the last fault had been healed.
    let healed: Int64
    /// Sums of what the processes that lived to the end counted.
    private let metrics: [String: Double]

    init(_ evidence: Evidence, healed: Int64, metrics: [String: Double]) {
        self.evidence = evidence
        self.metrics = metrics
        self.healed = healed
        report = HistoryChecker.check(evidence.history)
    }

    /// Kinds of call of which none succeeded in the last seconds, when all was whole again.
    var unrecovered: [Operation.Kind] {
        let late = evidence.history.operations.filter { $0.begin > healed + 2_000_000_000 && $0.outcome == .ok }
        return Operation.Kind.allCases.filter { kind in !late.contains { $0.kind == kind } }
    }

    var isClean: Bool { report.isClean && evidence.faultsOfL3.isEmpty && unrecovered.isEmpty }

    /// The whole text.
    func text(_ nemesis: Nemesis) -> String {
        var lines = ["", "faults injected"]
        for fault in Fault.allCases {
            guard let count = nemesis.counts[fault] else { continue }
            lines.append("  \(pad("\(count)", 6, isRight: true))  \(pad(fault.rawValue, 26))\(fault.summary)")
        }
        for failure in nemesis.failures.prefix(10) { lines.append("  not injected  \(failure)") }
        lines += ["", "calls by level and outcome"] + callLines() + ["", "staleness of what was read, ms"]
        lines += stalenessLines() + ["", "counted by the processes that lived to the end"] + metricLines() + [""]
        for fault in evidence.faultsOfL3 { lines.append("L3 is wrong: \(fault)") }
        for kind in unrecovered { lines.append("not recovered: no \(kind.rawValue) succeeded after the faults") }
        for anomaly in report.anomalies { lines += [report.text(of: anomaly, in: evidence.history), ""] }
        let total = evidence.history.operations.count
        lines.append(
            "verdict: \(isClean ? "clean" : "NOT CLEAN"), \(report.total) anomalies in \(total) calls, "
                + "\(evidence.history.observationCount) values read or expected, \(evidence.tickets) commits")
        return lines.joined(separator: "\n")
    }

    private func callLines() -> [String] {
        var counts: [String: Int] = [:]
        var stale = 0
        for call in evidence.history.operations {
            counts["\(call.kind.rawValue) \(call.outcome.rawValue)", default: 0] += 1
            if call.isStale { stale += 1 }
        }
        var lines = [
            "  " + pad("", 10) + Operation.Outcome.allCases.map { pad($0.rawValue, 10, isRight: true) }.joined()
        ]
        for kind in Operation.Kind.allCases {
            let row = Operation.Outcome.allCases.map { outcome in
                pad("\(counts["\(kind.rawValue) \(outcome.rawValue)"] ?? 0)", 10, isRight: true)
            }
            lines.append("  " + pad(kind.rawValue, 10) + row.joined())
        }
        return lines + ["  \(stale) reads returned values marked stale, as their callers allowed"]
    }

    private func metricLines() -> [String] {
        let series = [
            ("rows served by L1", "cache_requests_total{result=\"hit\",tier=\"l1\"}"),
            ("rows served by L2", "cache_requests_total{result=\"hit\",tier=\"l2\"}"),
            ("rows served by L3", "cache_requests_total{result=\"hit\",tier=\"l3\"}"),
            ("rows that L2 could not be asked for", "cache_requests_total{result=\"error\",tier=\"l2\"}"),
            ("entries of L2 that failed a check", "cache_poison_total{tier=\"l2\"}"),
            ("answers of Redis that broke the protocol", "redis_errors_total{code=\"protocolViolation\"}"),
            ("commands that Redis sent elsewhere", "redis_redirects_total"),
            ("reads that joined a load", "cache_loads_coalesced_total"),
            ("batches in doubt that were resolved", "cache_commit_resolutions_total{result=\"known\"}"),
        ]
        return series.map { name, prefix in
            let sum = metrics.filter { $0.key.hasPrefix(prefix) }.values.reduce(0, +)
            return "  \(pad(String(Int64(sum)), 10, isRight: true))  \(name)"
        }
    }

    private func stalenessLines() -> [String] {
        let quantiles: [(String, Double)] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)]
        var lines = ["  " + pad("", 10) + (quantiles.map(\.0) + ["max"]).map { pad($0, 10, isRight: true) }.joined()]
        for kind in Operation.Kind.allCases {
            guard let staleness = report.staleness[kind] else { continue }
            let values = quantiles.map { staleness.percentile($0.1) } + [staleness.maximum]
            let row = values.map { pad(String(format: "%.1f", Double($0) / 1e6), 10, isRight: true) }
            lines.append("  " + pad(kind.rawValue, 10) + row.joined())
        }
        return lines
    }

    private func pad(_ text: String, _ width: Int, isRight: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return isRight ? blanks + text : text + blanks
    }
}
