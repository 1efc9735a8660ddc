internal import Forecasting

extension EvaluationTable {
    /// The table as JSON (its schema is `Schemas/autoscaler-evaluation.md`): `traces`, each with `policies`, each with
    /// its figures as `{"mean", "low", "high"}` and the runs they come from. Equal tables give equal bytes.
    public var json: String {
        let blocks = traces.map { trace in
            let policies = summaries(trace).map { "        " + json($0) }
            let front = paretoFront(trace).map { FixedText.quoted($0) }.joined(separator: ", ")
            return "    {\n      \"trace\": \(FixedText.quoted(trace)),\n      \"paretoFront\": [\(front)],\n"
                + "      \"policies\": [\n\(policies.joined(separator: ",\n"))\n      ]\n    }"
        }
        return "{\n  \"schema\": \"springtide-autoscaler-evaluation/1\",\n"
            + "  \"requestsPerReplicaHour\": \(Self.number(requestsPerHour)),\n"
            + "  \"traces\": [\n\(blocks.joined(separator: ",\n"))\n  ]\n}\n"
    }

    private func json(_ summary: EvaluationSummary) -> String {
        var members = ["\"policy\": \(FixedText.quoted(summary.policy))", "\"runs\": \(summary.runs)"]
        let figures: [(String, Interval?)] = [
            ("violationShare", summary.violationShare), ("replicaHours", summary.replicaHours),
            ("p95Seconds", summary.p95), ("p99Seconds", summary.p99), ("worstMinuteSeconds", summary.worstMinute),
            ("actionsPerHour", summary.actionsPerHour), ("reversalsPerHour", summary.reversalsPerHour),
            ("utilisation", summary.utilisation), ("utilisationPeakHour", summary.utilisationPeakHour),
            ("cost", summary.cost), ("regret", summary.regret), ("replicaHoursOfOracle", summary.ofOracle),
            ("replicaHoursOfStatic", summary.ofStatic),
        ]
        for (name, interval) in figures {
            guard let interval else { continue }
            members.append(
                "\"\(name)\": {\"mean\": \(Self.number(interval.mean)), \"low\": \(Self.number(interval.low)), "
                    + "\"high\": \(Self.number(interval.high))}")
        }
        members.append("\"recoverySeconds\": \(summary.recovery.map(Self.number) ?? "null")")
        members.append("\"shieldedDecisions\": \(Self.number(summary.shielded))")
        members.append("\"faults\": \(summary.faults)")
        let each = runs(summary.policy, summary.trace).map { run in
            "{\"seed\": \(run.seed), \"violationShare\": \(Self.number(run.score.violationShare)), "
                + "\"replicaHours\": \(Self.number(run.score.replicaHours)), "
                + "\"reversalsPerHour\": \(Self.number(run.score.reversalsPerHour))}"
        }
        members.append("\"each\": [\(each.joined(separator: ", "))]")
        return "{\(members.joined(separator: ", "))}"
    }

    /// A JSON number; null for what JSON cannot say.
    static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
}
