internal import Engine
internal import Telemetry

/// The tables of the page.
struct PageTables {
    private static let refusalsMax = 12
    let report: RunReport

    init(_ report: RunReport) { self.report = report }

    static func times(_ histogram: HDRHistogram, _ percentiles: [Double]) -> [Markup.Cell] {
        percentiles.map { percentile in
            .number(histogram.count > 0 ? Readable.duration(histogram.value(atPercentile: percentile)) : "–")
        } + [.number(histogram.count > 0 ? Readable.duration(histogram.greatest) : "–")]
    }

    /// One row an operation, and one for each scenario of it where there are several scenarios.
    var operations: String {
        let head = [
            "Operation", "Requests", "OK", "Refused", "Too late", "Errors", "p50", "p95", "p99", "p99.9", "Max",
        ]
        var rows = report.operations.map { row(report.facts.operation($0.operation), $0) }
        if report.facts.scenarios.count > 1 {
            rows += report.facts.scenarios.indices.compactMap { index in
                report.result.merged(scenario: index).map { row("all of \(report.facts.scenario(index))", $0) }
            }
        }
        guard !rows.isEmpty else { return "" }
        return Markup.card("<h3>Operations</h3>" + Markup.table(head, rows))
    }

    private func row(_ name: String, _ row: OperationResult) -> [Markup.Cell] {
        let counts = [row.total, row.count(.ok), row.count(.rejected), row.count(.tooLate)]
        return [Markup.Cell(name)] + counts.map { .number(Readable.count($0)) }
            + [Markup.Cell(Readable.count(row.errors), row.errors > 0 ? "n bad" : "n")]
            + Self.times(row.response, [50, 95, 99, 99.9])
    }

    var refusals: String {
        let all = report.result.refusals
        guard !all.isEmpty else { return Markup.card("<p>Nothing was refused, and nothing failed.</p>") }
        let total = Double(max(report.total, 1))
        let rows = all.prefix(Self.refusalsMax).map { refusal in
            [
                Markup.Cell(report.facts.operation(refusal.operation)),
                Markup.Cell(
                    refusal.outcome.name.replacing("_", with: " "), refusal.outcome.isError ? "bad" : ""),
                Markup.Cell(refusal.reason), .number(Readable.count(refusal.count)),
                .number(Readable.percent(Double(refusal.count) / total)),
            ]
        }
        let more = all.count - rows.count
        let note = more > 0 ? "<p class=\"note\">and \(more) more reasons</p>" : ""
        let head = ["Operation", "Outcome", "Reason given", "Count", "Of all requests"]
        return Markup.card("<h3>Most frequent reasons</h3>" + Markup.table(head, numbersFrom: 3, rows) + note)
    }

    /// Percentiles and rates beside a baseline's.
    func comparison(_ baseline: RunReport?) -> String {
        guard let baseline else { return "" }
        let percentiles: [(String, Double)] = [("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("max", 100)]
        var rows = percentiles.map { name, percentile in
            let (mine, other) = (
                Double(report.response.value(atPercentile: percentile)),
                Double(baseline.response.value(atPercentile: percentile))
            )
            return comparisonRow("response \(name)", mine, other, .duration)
        }
        rows.append(comparisonRow("answers a second", report.answeredPerSecond, baseline.answeredPerSecond, .number))
        let (mine, other) = (Double(report.errors), Double(baseline.errors))
        rows.append(comparisonRow("errors", mine, other, .number))
        let title = "<h3>Against \(Readable.html(baseline.context.name))</h3>"
        return Markup.card(title + Markup.table(["Figure", "This run", "Baseline", "Change"], rows))
    }

    private func comparisonRow(_ name: String, _ mine: Double, _ other: Double, _ unit: AxisUnit) -> [Markup.Cell] {
        let change = other > 0 ? (mine - other) / other : nil
        let text = change.map { ($0 > 0 ? "+" : "") + Readable.percent($0) } ?? "–"
        return [Markup.Cell(name), .number(unit.text(mine)), .number(unit.text(other)), .number(text)]
    }

    // MARK: Lag and arrivals

    var arrivals: String {
        let rows = [("Send lag", report.lag), ("Machine stall", report.result.witness)]
            .map { name, histogram in [Markup.Cell(name)] + Self.times(histogram, [50, 90, 99, 99.9, 99.99]) }
        let steal = report.stealText.map { " In this run \($0)." } ?? ""
        let lag = Markup.table(["", "p50", "p90", "p99", "p99.9", "p99.99", "Max"], rows)
        return "<div class=\"pair\">"
            + Markup.card(
                "<h3>Lag</h3><p class=\"note\">Machine stall is how long a thread overslept that does nothing else: "
                    + "where it is high, so is the lag, and neither is the target's.\(steal)</p>\(lag)")
            + Markup.card("<h3>Arrivals sent</h3>\(sent)")
            + "</div>"
    }

    /// Dispersion of the sent requests, with its distance from a Poisson process's 1 where the rate is constant.
    private var sent: String {
        let windows: [(String, Double)] = [("1 ms", 0.001), ("10 ms", 0.01), ("100 ms", 0.1), ("1 s", 1)]
        let isPoisson = report.facts.scenarios.count == 1 && report.facts.scenarios[0].isSteadyPoisson
        var rows: [[Markup.Cell]] = []
        for (index, window) in windows.enumerated() where report.result.sendDispersion.indices.contains(index) {
            guard let dispersion = report.result.sendDispersion[index] else { continue }
            let count = (report.facts.seconds / window.1).rounded(.down)
            let score = (dispersion - 1) * ((count - 1) / 2).squareRoot()
            let text = isPoisson && count > 1 ? Readable.plain((score * 10).rounded() / 10) : "–"
            rows.append([
                Markup.Cell(window.0), .number(Readable.plain((dispersion * 1_000).rounded() / 1_000)), .number(text),
            ])
        }
        let expected = report.result.expected
        let facts =
            "Expected \(Readable.number(expected)), offered \(Readable.count(report.result.offered)), sent "
            + "\(Readable.count(report.result.sent)), held back \(Readable.count(report.result.held))."
        let table =
            rows.isEmpty ? "" : Markup.table(["Window", "Dispersion", "z for Poisson"], rows)
        return "<p class=\"note\">\(facts) Dispersion is the variance of counts over their mean: 1 for Poisson "
            + "arrivals of constant rate, 0 for even ones, more for bursts; z is the distance from 1 in standard deviations, "
            + "where a constant Poisson rate was asked for.</p>" + table
    }

    // MARK: The target's own tables

    func section(_ section: ServerSection) -> String {
        let known = ["ok": ("ok", "✓"), "fail": ("bad", "✗"), "warn": ("warn", "!")]
        let mark = known[section.status].map { "<span class=\"badge \($0.0)\">\($0.1)</span>" } ?? ""
        var rows = section.rows
        var head: [String] = []
        if section.hasHeader, let first = rows.first {
            rows.removeFirst()
            head = first
        }
        let cells = rows.map { row in
            row.enumerated().map { Markup.Cell($0.element, Self.kind(of: $0.element, $0.offset)) }
        }
        let note = section.note.isEmpty ? "" : "<p class=\"note\">\(Readable.html(section.note))</p>"
        return Markup.card("<h3>\(mark)\(Readable.html(section.title))</h3>\(note)" + Markup.table(head, cells))
    }

    /// Numbers stand right; a cell that is only a verdict gets its colour.
    private static func kind(of text: String, _ index: Int) -> String {
        switch text {
        case "ok", "holds", "✓", "pass", "kept": "ok"
        case "fail", "FAIL", "violated", "✗", "BROKEN": "bad"
        default:
            index > 0 && (text.utf8.first.map { (48...57).contains($0) } ?? false) && text.utf8.count < 24 ? "n" : ""
        }
    }

    // MARK: How it was made

    var details: String {
        let (facts, result) = (report.facts, report.result)
        var rows: [(String, String)] = [
            ("Target", "\(facts.target), \(facts.transport), \(Readable.count(facts.connections)) connections"),
            ("Seed", "\(facts.seed)"),
        ]
        rows += facts.scenarios.map { scenario in
            let mix = scenario.mix.isEmpty ? "" : ", mix \(scenario.mix)"
            let from = "from \(Readable.plain(scenario.start)) s for \(Readable.plain(scenario.seconds)) s"
            return ("Scenario \(scenario.name)", "\(scenario.executor.rawValue): \(scenario.course), \(from)\(mix)")
        }
        rows += [
            (
                "Intervals",
                "\(Readable.plain(facts.intervalSeconds)) s; warm-up \(Readable.plain(facts.warmupSeconds)) s, not judged"
            ),
            (
                "Connections",
                "\(Readable.count(result.disconnects)) lost, \(Readable.count(result.reconnects)) made again, "
                    + "\(Readable.count(result.sequenceResets)) reset, \(Readable.count(result.lateAnswers)) late answers"
            ),
        ]
        if facts.transport == "fix" {
            rows.append(
                (
                    "Orders",
                    "\(Readable.count(result.ordersTraded)) traded with \(Readable.count(result.fills)) fills; "
                        + "\(Readable.count(result.converted)) cancels and replaces sent as new orders"
                ))
        }
        rows.append(
            (
                "Generator",
                "real-time priority: \(result.isRealtime ? "yes" : "no"); \(Readable.percent(result.cpuRatio)) CPU"
            ))
        if !report.context.revision.isEmpty { rows.append(("Revision", report.context.revision)) }
        rows += report.context.host.map { (Self.capitalized($0.name.replacing("_", with: " ")), $0.value) }
        let cells = rows.map { "<tr><th scope=\"row\">\(Readable.html($0.0))</th><td>\(Readable.html($0.1))</td></tr>" }
        return Markup.card(
            "<p>Response time = answer − intended time of the schedule; service time = answer − send; send lag = send − "
                + "intended. Requests that waited, timed out or were dropped are in the response times.</p>"
                + "<table class=\"facts\">\(cells.joined())</table>"
                + "<details class=\"text\"><summary>Scenario</summary><pre>\(Readable.html(report.context.scenario))</pre></details>"
        )
    }

    private static func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}
