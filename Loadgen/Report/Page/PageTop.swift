internal import Engine
internal import Telemetry

/// What a manager reads: the verdict in words, the promise, and eight numbers.
struct PageTop {
    private let report: RunReport
    private let baseline: RunReport?

    init(_ report: RunReport, _ baseline: RunReport?) {
        self.report = report
        self.baseline = baseline
    }

    func html() -> String { header + banner + tiles + thresholds }

    private var kind: String {
        switch report.verdict {
        case .pass: "ok"
        case .fail: "bad"
        case .generatorLimited, .interrupted: "warn"
        }
    }

    private var header: String {
        let started = JSONLogHandler.timestamp(report.result.startedAt).prefix(19).replacing("T", with: " ")
        var facts = ["\(started) UTC", "seed \(report.facts.seed)"]
        if !report.context.revision.isEmpty { facts.append("revision \(report.context.revision)") }
        if let name = report.context.host.first(where: { $0.name == "name" }) { facts.append("host \(name.value)") }
        let items = facts.map { "<span>\(Readable.html($0))</span>" }.joined()
        return "<header><p class=\"over\">Load test</p><h1>\(Readable.html(report.context.name))</h1>"
            + "<p class=\"meta\">\(items)</p></header>"
    }

    private var banner: String {
        var out = "<section class=\"banner \(kind)\" aria-label=\"Verdict\"><strong>\(report.verdict.title)</strong>"
        out += "<div><p>\(Readable.html(report.sentence))</p>"
        if !report.conditions.isEmpty {
            let promise = report.conditions.map { "\($0.subject) \($0.readableLimit)" }.joined(separator: "; ")
            out += "<p class=\"promise\">Promised: \(Readable.html(promise)).</p>"
        }
        if report.verdict != .generatorLimited, !report.limits.isEmpty {
            let limits = Readable.html(report.limits.joined(separator: "; "))
            out += "<p class=\"promise\">The generator was a limit too: \(limits).</p>"
        }
        return out + "</div></section>\n"
    }

    private struct Tile {
        var name: String
        var value: String
        var note: String
        var isBad = false
    }

    private var tiles: String {
        let (response, total) = (report.response, Double(max(report.total, 1)))
        let p99 = response.value(atPercentile: 99)
        let tiles = [
            Tile(
                name: "Answered", value: "\(Readable.number(report.answeredPerSecond))/s",
                note: "\(Readable.count(report.answered)) of \(Readable.count(report.total))"),
            Tile(name: "Response p50", value: at(response, 50), note: "mean \(Readable.duration(response.mean))"),
            Tile(
                name: "Response p99", value: at(response, 99),
                note: "objective \(Readable.duration(report.objectiveNanoseconds))",
                isBad: p99 > report.objectiveNanoseconds),
            Tile(
                name: "Response p99.9", value: at(response, 99.9),
                note: "longest \(Readable.duration(response.greatest))"),
            Tile(
                name: "Errors", value: Readable.count(report.errors),
                note: "\(Readable.percent(Double(report.errors) / total)) of requests", isBad: report.errors > 0),
            Tile(
                name: "Refused by rule", value: Readable.percent(Double(report.rejects) / total),
                note: "\(Readable.count(report.rejects)) answers, no errors"),
            Tile(
                name: "Send lag p99", value: at(report.lag, 99),
                note: "limit \(Readable.duration(report.lagLimitNanoseconds))",
                isBad: report.lag.value(atPercentile: 99) > report.lagLimitNanoseconds),
            Tile(
                name: "Generator CPU", value: Readable.percent(report.result.cpuRatio),
                note: "waited \(Readable.percent(report.result.runQueueWaitRatio))",
                isBad: report.result.cpuRatio > Saturation.cpuMin),
        ]
        let cards = tiles.map { tile in
            "<div class=\"tile\(tile.isBad ? " bad" : "")\"><span>\(tile.name)</span>"
                + "<b>\(Readable.html(tile.value))</b><small>\(Readable.html(tile.note))</small></div>"
        }
        let note =
            report.facts.isSearch
            ? "<p class=\"note\">These figures are sums over all steps, those that failed included.</p>" : ""
        return "<section class=\"tiles\" aria-label=\"Key figures\">\(cards.joined())</section>\(note)\n"
    }

    private func at(_ histogram: HDRHistogram, _ percentile: Double) -> String {
        histogram.count > 0 ? Readable.duration(histogram.value(atPercentile: percentile)) : "–"
    }

    private var thresholds: String {
        guard !report.conditions.isEmpty else { return "" }
        let rows = report.conditions.map { condition in
            [
                Markup.mark(condition.isMet), Markup.Cell(condition.subject), .number(condition.readableActual),
                .number(condition.readableLimit), .markup(Self.gauge(condition), "gauge"),
            ]
        }
        let table = Markup.table(["", "Condition", "Measured", "Limit", "Measured over limit"], numbersFrom: 2, rows)
        return "<section id=\"thresholds\" class=\"card\"><h2>Thresholds</h2>\(table)</section>\n"
    }

    /// A bar of measured over limit, full at the limit, where both make a ratio.
    private static func gauge(_ condition: JudgedCondition) -> String {
        guard let actual = condition.actual, condition.limit > 0, actual >= 0 else { return "" }
        let share = min(1, actual / condition.limit)
        return "<div><i class=\"\(condition.isMet ? "ok" : "bad")\" "
            + "style=\"width:\(PlotFrame.percent(max(share, 0.005)))\"></i></div>"
    }
}
