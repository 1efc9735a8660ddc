internal import Forecasting

/// What one policy did on one run, minute by minute, for drawing.
public struct RunTimeline: Sendable, Equatable {
    public var policy: String
    public var trace: String
    /// Minutes from the start, requests a second, replicas in force, p95 in seconds.
    public var minutes: [(minute: Int, rate: Double, replicas: Double, p95: Double)]

    /// The minutes of a run's periods.
    public init(policy: String, trace: String, _ records: [ControlRecord]) {
        self.policy = policy
        self.trace = trace
        var sums: [(requests: Double, replicaSeconds: Double, p95: Double, seconds: Double)] = []
        for record in records {
            let minute = max(0, Int(record.time / 60))
            while sums.count <= minute { sums.append((0, 0, 0, 0)) }
            sums[minute].requests += record.requests
            sums[minute].replicaSeconds += record.replicaSeconds
            sums[minute].p95 = max(sums[minute].p95, min(record.p95, RunScore.latencyMost))
            sums[minute].seconds += record.seconds
        }
        minutes = sums.enumerated().compactMap { minute, sum in
            guard sum.seconds > 0 else { return nil }
            return (minute, sum.requests / sum.seconds, sum.replicaSeconds / sum.seconds, sum.p95)
        }
    }

    public static func == (a: RunTimeline, b: RunTimeline) -> Bool {
        a.policy == b.policy && a.trace == b.trace && a.minutes.count == b.minutes.count
            && zip(a.minutes, b.minutes).allSatisfy { $0 == $1 }
    }
}

/// An evaluation as a page: for each trace a Pareto plot, the course of one run and the table. One HTML file without
/// scripts or other files, for light and dark screens.
public struct EvaluationPage: Sendable {
    /// Heading of the page, and what was run.
    public var title: String
    public var note: String
    /// Courses to draw; those of one trace in one figure.
    public var timelines: [RunTimeline]
    /// The verdicts to print below a trace: policy and its goals.
    public var goals: [(trace: String, policy: String, goals: [EvaluationGoal])]

    /// A page.
    public init(
        title: String, note: String, timelines: [RunTimeline] = [],
        goals: [(trace: String, policy: String, goals: [EvaluationGoal])] = []
    ) {
        self.title = title
        self.note = note
        self.timelines = timelines
        self.goals = goals
    }

    /// The page of a table.
    public func html(_ table: EvaluationTable) -> String {
        var body = "<header><h1>\(AxesPlot.escaped(title))</h1><p>\(AxesPlot.escaped(note))</p></header>"
        for trace in table.traces {
            body += "<h2 class=\"trace\">\(AxesPlot.escaped(trace))</h2>"
            body += pareto(table, trace).html()
            body += courses(table, trace)
            body += figures(table, trace)
            for verdict in goals where verdict.trace == trace { body += list(verdict.policy, verdict.goals) }
        }
        return Self.page(title: title, body: body)
    }

    /// A page with the house's style around a body.
    static func page(title: String, body: String) -> String {
        """
        <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" \
        content="width=device-width"><title>\(AxesPlot.escaped(title))</title><style>\(style)</style></head>\
        <body><main>\(body)</main></body></html>

        """
    }

    private func pareto(_ table: EvaluationTable, _ trace: String) -> AxesPlot {
        let series = table.summaries(trace).map { summary in
            let hours = summary.replicaHours
            let share = summary.violationShare
            return AxesPlot.Series(
                name: summary.policy, colour: table.policies.firstIndex(of: summary.policy) ?? 0,
                points: [(hours.mean, 100 * share.mean)],
                bars: [(hours.low...max(hours.low, hours.high), 100 * share.low...100 * max(share.low, share.high))])
        }
        return AxesPlot(
            title: "Violations and cost", note: "Means over the runs with 95 % intervals; left and down is better.",
            xLabel: "replica-hours", yLabel: "requests over the promise, %", series: series, isLogarithmic: true)
    }

    private func courses(_ table: EvaluationTable, _ trace: String) -> String {
        let own = timelines.filter { $0.trace == trace }
        guard let first = own.first else { return "" }
        let most = first.minutes.map(\.rate).max() ?? 1
        let replicas = own.flatMap { $0.minutes.map(\.replicas) }.max() ?? 1
        // The load is drawn in the unit of the replicas: at its peak as high as the most replicas.
        var series = [
            AxesPlot.Series(
                name: "load, scaled", colour: 9,
                points: first.minutes.map { (Double($0.minute), $0.rate / max(most, 1e-9) * replicas) }, isLine: true)
        ]
        series += own.map { line in
            AxesPlot.Series(
                name: line.policy, colour: table.policies.firstIndex(of: line.policy) ?? 0,
                points: line.minutes.map { (Double($0.minute), $0.replicas) }, isLine: true)
        }
        let peak = FixedText.decimals(most, 0)
        return AxesPlot(
            title: "Replicas through one run", note: "All services together, first seed; load peaks at \(peak)/s.",
            xLabel: "minutes", yLabel: "replicas ready and starting", series: series, decimals: (0, 0)
        ).html()
    }

    private func figures(_ table: EvaluationTable, _ trace: String) -> String {
        let front = Set(table.paretoFront(trace))
        var out =
            "<section><h2>Figures</h2><p>Means over runs, 95 % bootstrap intervals in brackets. ● no other policy "
        out += "has fewer violations at fewer replica-hours.</p><div class=\"wide\"><table><tr><th>policy</th>"
        for head in [
            "violations %", "replica-hours", "of oracle", "of static", "p95 / p99 ms", "worst minute ms", "actions/h",
            "reversals/h", "utilisation, peak hour / day", "regret", "recovery s",
        ] { out += "<th>\(head)</th>" }
        out += "</tr>"
        for one in table.summaries(trace) {
            let colour = (table.policies.firstIndex(of: one.policy) ?? 0) % 10
            let mark = front.contains(one.policy) ? " ●" : ""
            out += "<tr><td><i class=\"dot s\(colour)\"></i>\(AxesPlot.escaped(one.policy))\(mark)</td>"
            out += Self.cells(one).map { "<td>\($0)</td>" }.joined() + "</tr>"
        }
        return out + "</table></div></section>"
    }

    private static func cells(_ one: EvaluationSummary) -> [String] {
        func range(_ interval: Interval, _ factor: Double, _ places: Int) -> String {
            let ends = [interval.low, interval.high].map { FixedText.decimals(factor * $0, places) }
            return FixedText.decimals(factor * interval.mean, places) + " [\(ends.joined(separator: ", "))]"
        }
        func plain(_ value: Double?, _ places: Int, _ unit: String = "") -> String {
            value.map { FixedText.decimals($0, places) + unit } ?? "-"
        }
        return [
            range(one.violationShare, 100, 3), range(one.replicaHours, 1, 1), plain(one.ofOracle?.mean, 3),
            plain(one.ofStatic.map { 100 * $0.mean }, 1, " %"),
            "\(plain(1_000 * one.p95.mean, 1)) / \(plain(1_000 * one.p99.mean, 1))",
            plain(1_000 * one.worstMinute.mean, 0), plain(one.actionsPerHour.mean, 1),
            plain(one.reversalsPerHour.mean, 1),
            "\(plain(100 * one.utilisationPeakHour.mean, 0, " %")) / \(plain(100 * one.utilisation.mean, 0, " %"))",
            plain(one.regret?.mean, 1), plain(one.recovery, 0),
        ]
    }

    private func list(_ policy: String, _ goals: [EvaluationGoal]) -> String {
        guard !goals.isEmpty else { return "" }
        var out = "<section><h2>Goals of \(AxesPlot.escaped(policy))</h2><table>"
        for goal in goals {
            out += "<tr><td>\(AxesPlot.escaped(goal.claim))</td><td>\(AxesPlot.escaped(goal.measured))</td>"
            out += "<td class=\"\(goal.isMet ? "met" : "missed")\">\(goal.isMet ? "met" : "missed")</td></tr>"
        }
        return out + "</table></section>"
    }

    private static let style = """
        :root{color-scheme:light dark;--bg:#f4f6f8;--card:#fff;--ink:#17212b;--soft:#5c6a78;--line:#dde3e9;
        --s0:#8b97a3;--s1:#c0392b;--s2:#e08b2c;--s3:#a67c00;--s4:#7a5ac9;--s5:#2460c6;--s6:#17212b;--s7:#c2498f;
        --s8:#0b8f7c;--s9:#4d9a2a;--met:#0b8f7c;--missed:#c0392b}
        @media(prefers-color-scheme:dark){:root{--bg:#0e1318;--card:#161d25;--ink:#e7ecf1;--soft:#9ba8b5;
        --line:#29333e;--s0:#7d8a97;--s1:#ff7b6b;--s2:#ffb15f;--s3:#d8b450;--s4:#b59cff;--s5:#74a9ff;--s6:#e7ecf1;
        --s7:#ff8ecb;--s8:#40cdb5;--s9:#8ed465;--met:#40cdb5;--missed:#ff7b6b}}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}
        main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}h1{margin:0;font-size:28px}
        h2{margin:0;font-size:16px}h2.trace{font-size:22px;margin:28px 0 12px}p{margin:2px 0 0;color:var(--soft)}
        figure,section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;
        margin:0 0 16px}figcaption p,section p{font-size:13px}.wide{overflow-x:auto}
        .legend{display:flex;flex-wrap:wrap;gap:2px 18px;margin:8px 0;font-size:13px}
        .legend span{display:inline-flex;align-items:center;gap:6px}.legend i{width:18px;border-top:3px solid var(--c)}
        .s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}.s5{--c:var(--s5)}
        .s6{--c:var(--s6)}.s7{--c:var(--s7)}.s8{--c:var(--s8)}.s9{--c:var(--s9)}
        svg{display:block;width:100%;height:auto;overflow:visible}svg text{fill:var(--soft);font-size:12px}
        svg path{fill:none;stroke:var(--c);stroke-width:1.5;stroke-linejoin:round}svg circle{fill:var(--c)}
        svg path.bar{opacity:.5}svg text.name{fill:var(--ink)}.grid{stroke:var(--line);stroke-width:1}
        .limit{stroke:var(--missed);stroke-dasharray:5 4}.mark{stroke:var(--soft);stroke-dasharray:2 3}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin-top:8px;font-size:14px}
        th{color:var(--soft);font-weight:500;font-size:13px}th,td{text-align:right;padding:5px 12px 5px 0}
        td{white-space:nowrap}.text{text-align:left}
        td.text{white-space:normal}th:first-child,td:first-child{text-align:left}tr+tr td{border-top:1px solid var(--line)}
        .dot{display:inline-block;width:9px;height:9px;border-radius:50%;background:var(--c);margin-right:8px}
        .met{color:var(--met)}.missed{color:var(--missed);font-weight:600}
        """
}
