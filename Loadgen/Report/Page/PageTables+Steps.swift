internal import Engine
internal import Telemetry

extension PageTables {
    /// The answers of capacity searches, one sentence each.
    var capacity: String { report.capacities.map(\.sentence).joined(separator: " ") }

    /// The component that used most, and what was saturated over the whole run.
    var busiest: String {
        let series = report.watch
        let range = 0...max(report.result.wallSeconds, 1)
        if let found = Saturation.find(in: series, range) {
            return "Saturated over the whole run: \(found.component), \(found.evidence)."
        }
        let loads = zip(series.components, series.mean(range).loads).compactMap { name, load in
            load.map { (name, $0.cpu) }
        }
        guard let most = loads.max(by: { $0.1 < $1.1 }) else { return "" }
        return "Nothing was saturated over the whole run; \(most.0) used most: "
            + "\(Readable.significant(most.1)) of \(series.processors) processors."
    }

    /// One row a step; figures of the machine where it was watched.
    var steps: String {
        let steps = report.result.steps
        guard !steps.isEmpty else { return "" }
        let isWatched = !report.watch.samples.isEmpty
        var head = [
            "Asked", "Offered/s", "Done/s", "Mean", "p50", "p95", "p99", "p99.9", "Max", "Errors", "Refused", "Lag p99",
            "CPU gen",
        ]
        if isWatched { head += ["CPU svc", "RSS", "Replicas", "Hits"] }
        head.append("Verdict")
        let rows = steps.map { step in
            row(step) + (isWatched ? machine(step) : []) + [verdict(step)]
        }
        return Markup.card("<div class=\"wide\">" + Markup.table(head, numbersFrom: 1, rows) + "</div>")
    }

    private func row(_ step: StepResult) -> [Markup.Cell] {
        let seconds = max(step.end - step.begin, .leastNonzeroMagnitude)
        let total = Double(max(step.figures.total, 1))
        let asked = step.users > 0 ? "\(Readable.count(step.users)) users" : "\(Readable.number(step.rate))/s"
        let mean = step.figures.response.count > 0 ? Readable.duration(step.figures.response.mean) : "–"
        return [
            Markup.Cell(asked), .number(Readable.number(Double(step.offered) / seconds)),
            .number(Readable.number(Double(step.figures.answered) / seconds)), .number(mean),
        ] + Self.times(step.figures.response, [50, 95, 99, 99.9]) + [
            .number(Readable.percent(Double(step.figures.errors) / total)),
            .number(Readable.percent(Double(step.figures.rejects) / total)),
            .number(Readable.duration(step.figures.lag.value(atPercentile: 99))),
            .number(Readable.percent(step.cpuRatio)),
        ]
    }

    /// CPU of everything but the generator, memory, replicas and hit ratios of a step.
    private func machine(_ step: StepResult) -> [Markup.Cell] {
        let mean = report.watch.mean(step.begin...max(step.begin, step.end))
        let loads = zip(report.watch.components, mean.loads).filter { $0.0 != Saturation.generator }.compactMap(\.1)
        let cpu = loads.reduce(0) { $0 + $1.cpu } / Double(max(report.watch.processors, 1))
        let memory = loads.reduce(0) { $0 + $1.residentBytes }
        let hits = mean.tiers.map { tier in
            tier.map { $0.requests > 0 ? "\(Int(($0.hits / $0.requests * 100).rounded()))" : "–" } ?? "–"
        }
        return [
            .number(loads.isEmpty ? "–" : Readable.percent(cpu)),
            .number(loads.isEmpty ? "–" : Readable.bytes(memory)),
            .number(mean.replicas.map { Readable.plain($0) } ?? "–"),
            .number(hits.isEmpty ? "–" : hits.joined(separator: "/") + " %"),
        ]
    }

    private func verdict(_ step: StepResult) -> Markup.Cell {
        if step.isMet { return Markup.Cell(step.thresholds.isEmpty && step.users > 0 ? "held" : "met", "n ok") }
        return Markup.Cell(step.limits.isEmpty ? "not met" : "generator-limited", "n bad")
    }
}
