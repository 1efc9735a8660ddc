internal import Telemetry

extension ClosedLoopFindings {
    /// The findings as JSON (`Schemas/autoscaler-report.md`); equal findings give equal bytes.
    public var json: String {
        func optional(_ value: Double?) -> String { value.map(JSONText.number) ?? "null" }
        let promises = promises.map {
            "    {\"text\": \(JSONText.quote($0.text)), \"kept\": \($0.isKept), \"detail\": \(JSONText.quote($0.detail))}"
        }
        let courses = courses.map {
            "    {\"name\": \(JSONText.quote($0.name)), \"replica_minutes\": \(JSONText.number($0.replicaMinutes)), "
                + "\"most\": \($0.most), \"changes\": \($0.changes), \"short_seconds\": \($0.shortSeconds.map { "\($0)" } ?? "null")}"
        }
        let fields = [
            "\"schema_version\": 1", "\"kept\": \(self.promises.allSatisfy(\.isKept))",
            "\"limit_seconds\": \(JSONText.number(limit))", "\"capacity\": \(JSONText.number(capacity))",
            "\"surge_begin\": \(JSONText.number(surge))", "\"surge_end\": \(JSONText.number(surgeEnd))",
            "\"peak\": \(JSONText.number(peak))", "\"needed\": \(needed)",
            "\"open_p95_seconds\": \(optional(openP95))", "\"day_p95_seconds\": \(optional(dayP95))",
            "\"open_over_share\": \(JSONText.number(openOver))", "\"day_over_share\": \(JSONText.number(dayOver))",
            "\"seconds_over\": \(secondsOver)", "\"ordered_at\": \(optional(orderedAt))", "\"scaled_up\": \(isScaleUp)",
            "\"ready_at\": \(optional(readyAt))", "\"hpa_ordered_at\": \(optional(hpaOrderedAt))",
            "\"lead_seconds\": \(optional(lead))", "\"courses\": [\n\(courses.joined(separator: ",\n"))\n  ]",
            "\"promises\": [\n\(promises.joined(separator: ",\n"))\n  ]",
        ]
        return "{\n  \(fields.joined(separator: ",\n  "))\n}\n"
    }
}
