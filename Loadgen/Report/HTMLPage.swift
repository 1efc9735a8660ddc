internal import Arrivals
internal import Engine
internal import Telemetry

/// The report of a run as one HTML file that needs nothing else: no network, no fonts, no libraries.
///
/// Order: verdict, thresholds, key numbers, throughput and latency over time, distribution, operations, refusals, the
/// target's own figures, and how the run was made. Light and dark follow the reader's setting; paper is light.
public enum HTMLPage {
    /// The page's text.
    public static func text(_ report: RunReport, _ sections: [ServerSection] = []) -> String {
        let charts = RunCharts(report)
        let title = "\(report.context.name): \(report.verdict.name.replacing("_", with: " "))"
        var out = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        out += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        out += "<title>\(Readable.html(title))</title><style>\(PageStyle.css)</style></head><body><main>\n"
        out += banner(report) + tiles(report) + thresholds(report)
        out += "<section>\(charts.overTime)\(charts.distribution)</section>"
        out += operations(report.result) + refusals(report.result)
        out += sections.map(section).joined() + details(report)
        return out + "</main><script>\(PageScript.javascript)</script></body></html>\n"
    }

    private static func cell(_ text: String, _ kind: String = "") -> String {
        kind.isEmpty ? "<td>\(Readable.html(text))</td>" : "<td class=\"\(kind)\">\(Readable.html(text))</td>"
    }

    private static func head(_ names: [String], numbersFrom first: Int) -> String {
        let cells = names.enumerated().map { index, name in
            "<th\(index >= first ? " class=\"n\"" : "")>\(Readable.html(name))</th>"
        }
        return "<thead><tr>\(cells.joined())</tr></thead>"
    }

    // MARK: Top of the page

    private static func banner(_ report: RunReport) -> String {
        let (word, kind) =
            switch report.verdict {
            case .pass: ("Pass", "ok")
            case .fail: ("Fail", "fail")
            case .generatorLimited: ("Generator-limited", "warn")
            case .interrupted: ("Interrupted", "warn")
            }
        let started = JSONLogHandler.timestamp(report.result.startedAt).prefix(19).replacing("T", with: " ")
        var out = "<header><p class=\"over\">Load test · \(Readable.html(String(started))) UTC</p>"
        out += "<h1>\(Readable.html(report.context.name))</h1></header>"
        out += "<section class=\"banner \(kind)\"><strong>\(word)</strong><p>\(Readable.html(report.sentence))</p>"
        if report.verdict != .generatorLimited, !report.limits.isEmpty {
            let limits = Readable.html(report.limits.joined(separator: "; "))
            out += "<p class=\"aside\">Also: the generator was a limit, \(limits).</p>"
        }
        return out + "</section>\n"
    }

    private static func tiles(_ report: RunReport) -> String {
        let result = report.result
        let response = result.response
        let rejects = result.count(.rejected) + result.count(.tooLate)
        let total = Double(max(result.total, 1))
        let seconds = max(result.wallSeconds, 0.001)
        let tiles: [(String, String, String, Bool)] = [
            (
                "Answered", "\(Readable.number(Double(result.answered) / seconds))/s",
                "\(Readable.count(result.answered)) of \(Readable.count(result.offered)) offered", false
            ),
            ("Response p50", at(response, 50), "mean \(Readable.duration(response.mean))", false),
            (
                "Response p99", at(response, 99), "objective \(Readable.duration(report.objectiveNanoseconds))",
                response.value(atPercentile: 99) > report.objectiveNanoseconds
            ),
            ("Response p99.9", at(response, 99.9), "max \(Readable.duration(response.greatest))", false),
            (
                "Errors", Readable.count(result.errors), Readable.percent(Double(result.errors) / total),
                result.errors > 0
            ),
            (
                "Rejected", Readable.percent(Double(rejects) / total),
                "\(Readable.count(rejects)) by rule or too late", false
            ),
            ("Send lag p99", at(result.lag, 99), "p50 \(at(result.lag, 50))", !report.limits.isEmpty),
            (
                "Generator CPU", Readable.percent(result.cpuRatio),
                "waited \(Readable.percent(result.runQueueWaitRatio)) for a CPU", false
            ),
        ]
        let cards = tiles.map { name, value, note, isBad in
            "<div class=\"tile\(isBad ? " bad" : "")\"><span>\(name)</span><b>\(Readable.html(value))</b>"
                + "<small>\(Readable.html(note))</small></div>"
        }
        return "<section class=\"tiles\">\(cards.joined())</section>\n"
    }

    private static func at(_ histogram: HDRHistogram, _ percentile: Double) -> String {
        Readable.duration(histogram.value(atPercentile: percentile))
    }

    private static func thresholds(_ report: RunReport) -> String {
        guard !report.thresholds.isEmpty else { return "" }
        let rows = report.thresholds.map { result in
            let actual = result.actual.map { result.threshold.format($0) } ?? "no data"
            return "<tr>\(cell(result.isMet ? "✓" : "✗", result.isMet ? "ok" : "fail"))"
                + cell(result.threshold.readableName) + cell(actual, "n")
                + cell(result.threshold.readableLimit, "n") + "<td class=\"gauge\">\(gauge(result))</td></tr>"
        }
        return "<section class=\"card\"><h2>Thresholds</h2><table>"
            + "<thead><tr><th></th><th>Condition</th><th class=\"n\">Measured</th><th class=\"n\">Limit</th>"
            + "<th>Share of the limit</th></tr></thead><tbody>\(rows.joined())</tbody></table></section>\n"
    }

    /// A bar of measured over limit, where both make a ratio.
    private static func gauge(_ result: ThresholdResult) -> String {
        guard let actual = result.actual, result.threshold.limit > 0 else { return "" }
        let share = min(100, (actual / result.threshold.limit * 1_000).rounded() / 10)
        return "<div><i class=\"\(result.isMet ? "ok" : "fail")\" style=\"width:\(max(share, 0.5))%\"></i></div>"
    }

    // MARK: Tables

    private static func operations(_ result: LoadResult) -> String {
        let names = [
            "Operation", "Requests", "OK", "Rejected", "Too late", "Errors", "p50", "p95", "p99", "p99.9", "Max",
        ]
        let rows = result.operations.map { row in
            let errors = Outcome.allCases.filter(\.isError).reduce(0) { $0 + row.count($1) }
            let counts = [row.total, row.count(.ok), row.count(.rejected), row.count(.tooLate)]
            let times = [50, 95, 99, 99.9].map { at(row.response, $0) } + [Readable.duration(row.response.greatest)]
            return "<tr>" + cell(row.operation.name)
                + counts.map { cell(Readable.count($0), "n") }.joined()
                + cell(Readable.count(errors), errors > 0 ? "n fail" : "n")
                + times.map { cell(row.response.count > 0 ? $0 : "–", "n") }.joined() + "</tr>"
        }
        return "<section class=\"card\"><h2>Operations</h2><div class=\"wide\"><table>"
            + "\(head(names, numbersFrom: 1))<tbody>\(rows.joined())</tbody></table></div></section>\n"
    }

    private static func refusals(_ result: LoadResult) -> String {
        guard !result.refusals.isEmpty else { return "" }
        let total = Double(max(result.total, 1))
        let rows = result.refusals.prefix(20).map { refusal in
            "<tr>" + cell(refusal.operation.name)
                + cell(refusal.outcome.name.replacing("_", with: " "), refusal.outcome.isError ? "fail" : "")
                + cell(refusal.reason) + cell(Readable.count(refusal.count), "n")
                + cell(Readable.percent(Double(refusal.count) / total), "n") + "</tr>"
        }
        let more = result.refusals.count > 20 ? "<p class=\"aside\">and \(result.refusals.count - 20) more</p>" : ""
        return "<section class=\"card\"><h2>Rejects and errors</h2><div class=\"wide\"><table>"
            + head(["Operation", "Outcome", "Reason given", "Count", "Of all requests"], numbersFrom: 3)
            + "<tbody>\(rows.joined())</tbody></table></div>\(more)</section>\n"
    }

    private static func section(_ section: ServerSection) -> String {
        let known = ["ok": "✓", "fail": "✗", "warn": "!"]
        let mark = known[section.status].map { "<span class=\"mark \(section.status)\">\($0)</span>" } ?? ""
        var rows = section.rows
        var out = "<section class=\"card\"><h2>\(mark)\(Readable.html(section.title))</h2>"
        if !section.note.isEmpty { out += "<p class=\"aside\">\(Readable.html(section.note))</p>" }
        out += "<div class=\"wide\"><table>"
        if section.hasHeader, let first = rows.first {
            rows.removeFirst()
            out += head(first, numbersFrom: 1)
        }
        for row in rows {
            out += "<tr>"
            for (index, text) in row.enumerated() { out += cell(text, kind(of: text, index)) }
            out += "</tr>"
        }
        return out + "</table></div></section>\n"
    }

    /// Numbers stand right; a cell that is only a verdict gets its colour.
    private static func kind(of text: String, _ index: Int) -> String {
        switch text {
        case "ok", "holds", "✓", "pass": "ok"
        case "fail", "FAIL", "violated", "✗": "fail"
        default: index > 0 && (text.utf8.first.map { (48...57).contains($0) } ?? false) ? "n" : ""
        }
    }

    // MARK: How it was made

    private static func details(_ report: RunReport) -> String {
        let (configuration, result) = (report.context.configuration, report.result)
        let workload = configuration.workload
        var facts: [(String, String)] = [
            ("Seed", "\(configuration.seed)"),
            (
                "Arrivals",
                "\(configuration.process.rawValue), \(Readable.number(result.expected)) expected in "
                    + "\(Readable.number(configuration.profile.seconds)) s"
            ),
            ("Target", "\(configuration.target), \(configuration.sessions) FIX sessions"),
            (
                "Population",
                "\(Readable.count(workload.accountCount)) accounts (Zipf \(Readable.plain(workload.accountExponent))), "
                    + "\(Readable.count(configuration.instruments.instruments.count)) instruments "
                    + "(Zipf \(Readable.plain(workload.instrumentExponent)))"
            ),
            ("Mix", "new \(workload.mix.new), cancel \(workload.mix.cancel), replace \(workload.mix.replace)"),
            (
                "Orders",
                "\(Readable.count(result.ordersTraded)) traded with \(Readable.count(result.fills)) fills; "
                    + "\(Readable.count(result.converted)) cancels and replaces sent as new orders"
            ),
            (
                "Sessions",
                "\(result.disconnects) lost, \(result.reconnects) logged on again, "
                    + "\(result.sequenceResets) reset, \(result.lateAnswers) late answers"
            ),
            (
                "Machine stalls",
                "a 5 ms sleeper overslept p99 \(at(result.witness, 99)), "
                    + "max \(Readable.duration(result.witness.greatest))"
            ),
        ]
        if !report.context.revision.isEmpty { facts.append(("Revision", report.context.revision)) }
        facts += report.context.host.map { ($0.name.replacing("_", with: " ").capitalizedFirst, $0.value) }
        let rows = facts.map { "<tr><th>\(Readable.html($0.0))</th>\(cell($0.1))</tr>" }
        return "<section class=\"card\"><h2>How this was measured</h2><table class=\"facts\">\(rows.joined())</table>"
            + "<p class=\"aside\">Response time = answer − intended time of the schedule; service time = answer − send; "
            + "send lag = send − intended. Waiting is never left out.</p>"
            + "<details><summary>Scenario</summary><pre>\(Readable.html(report.context.scenario))</pre></details></section>"
    }
}

extension String {
    /// With its first letter in upper case.
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
