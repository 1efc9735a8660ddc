import Foundation
import HistoryChecker

import struct HistoryChecker.Operation

/// What is printed in the end, and the exit code.
struct Verdict {
    let evidence: Evidence
    let nemesis: Nemesis
    /// The judgement of each epoch's history, and that history.
    let judged: [(era: Evidence.Era, history: History, report: Report)]
    /// When the last fault had been healed.
    let healed: Int64
    /// Sums of what the processes that lived to the end counted.
    let metrics: [String: Double]
    /// Exit codes of processes that ended by themselves, or not with 0.
    let strangeEnds: [Int32]
    private let faultsOfEpochs: [String]

    init(
        _ evidence: Evidence, _ nemesis: Nemesis, healed: Int64, metrics: [String: Double],
        strangeEnds: [Int32]
    ) {
        self.evidence = evidence
        self.nemesis = nemesis
        self.metrics = metrics
        self.healed = healed
        self.strangeEnds = strangeEnds
        faultsOfEpochs = evidence.faultsOfEpochs
        judged = evidence.eras.map { era in
            let history = evidence.history(era)
            return (era, history, HistoryChecker.check(history))
        }
    }

    /// Kinds of call of which none succeeded in the last seconds, when all was whole again.
    var unrecovered: [Operation.Kind] {
        let late = evidence.calls.filter {
            $0.operation.begin > healed + 2_000_000_000 && $0.operation.outcome == .ok
        }
        return Operation.Kind.allCases.filter { kind in !late.contains { $0.operation.kind == kind } }
    }

    private var faultsOfL3: [String] { Set(evidence.eras.flatMap(\.dump.faults)).sorted() }

    private var anomalies: Int { judged.reduce(faultsOfEpochs.count) { $0 + $1.report.total } }

    var isClean: Bool {
        anomalies == 0 && faultsOfL3.isEmpty && unrecovered.isEmpty && strangeEnds.isEmpty
    }

    /// The whole text.
    func text(isCanary: Bool) -> String {
        let tables = VerdictTables(self)
        var lines =
            tables.faults() + tables.calls() + tables.staleness() + tables.errors() + tables.counters()
        lines += ["", "anomalies by kind"] + kindLines() + ["", "epochs"] + eraLines() + [""]
        for fault in faultsOfL3 { lines.append("L3 is wrong: \(fault)") }
        for kind in unrecovered {
            lines.append("not recovered: no \(kind.rawValue) succeeded after the faults")
        }
        for code in strangeEnds { lines.append("a process of the workload ended with code \(code)") }
        for fault in faultsOfEpochs.prefix(20) { lines.append("lost epoch: \(fault)") }
        for (_, history, report) in judged where !isCanary {
            for anomaly in report.anomalies { lines += [report.text(of: anomaly, in: history), ""] }
        }
        let commits = judged.reduce(0) { $0 + $1.era.last - $1.era.first }
        let values = judged.reduce(0) { $0 + $1.history.observationCount }
        lines.append(
            "verdict: \(isClean ? "clean" : "NOT CLEAN"), \(anomalies) anomalies in \(evidence.calls.count) calls, "
                + "\(values) values read or expected, \(commits) commits")
        return lines.joined(separator: "\n")
    }

    private func kindLines() -> [String] {
        AnomalyKind.allCases.map { kind in
            let count = judged.reduce(0) { $0 + ($1.report.counts[kind] ?? 0) }
            return "  " + VerdictTables.pad("\(count)", 8, isRight: true) + "  \(kind)"
        }
    }

    private func eraLines() -> [String] {
        judged.map { era, history, report in
            let lost = era.dump.ticket > era.last ? era.dump.ticket - era.last : 0
            let range =
                "tickets \(era.first + 1)...\(era.last)" + (lost > 0 ? ", \(lost) of later epochs" : "")
            return
                "  epoch \(era.epoch): \(range), \(history.operations.count) calls judged, \(report.total) anomalies"
        }
    }
}
