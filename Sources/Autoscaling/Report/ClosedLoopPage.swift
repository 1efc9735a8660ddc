internal import Forecasting

/// A day that a sidecar has ruled, as a page: load and forecast, replicas, latency, processors, decisions with reasons.
/// One HTML file without scripts or other files, for light and dark screens.
public struct ClosedLoopPage: Sendable {
    /// Heading of the page, and what was run.
    public var title: String
    public var note: String

    /// A page.
    public init(title: String, note: String) {
        self.title = title
        self.note = note
    }

    /// Decisions listed at most.
    static let decisionsMax = 200

    /// The page of a day.
    public func html(_ day: ClosedLoopDay) -> String {
        let findings = ClosedLoopFindings(day)
        var body = "<header><h1>\(AxesPlot.escaped(title))</h1><p>\(AxesPlot.escaped(note))</p></header>"
        body += verdict(findings)
        body += load(day, findings).html()
        body += replicas(day, findings).html()
        body += latency(day, findings).html()
        body += processors(day, findings).html()
        body += cost(findings)
        body += decisions(day)
        return EvaluationPage.page(title: title, body: body)
    }

    private func verdict(_ findings: ClosedLoopFindings) -> String {
        let rows = findings.promises.map { promise in
            let (style, word) = promise.isKept ? ("met", "kept") : ("missed", "BROKEN")
            return "<tr><td class=\"\(style)\">\(word)</td><td class=\"text\">\(AxesPlot.escaped(promise.text))</td>"
                + "<td class=\"text\">\(AxesPlot.escaped(promise.detail))</td></tr>"
        }
        return "<section><h2>Promises</h2><div class=\"wide\"><table>\(rows.joined())</table></div></section>"
    }

    // MARK: Courses

    private func marks(_ day: ClosedLoopDay) -> [(x: Double, name: String)] {
        var marks: [(x: Double, name: String)] = []
        if let open = day.open {
            marks.append((open, "open"))
            marks.append((open + day.session, "close"))
        }
        for gap in day.gaps {
            marks.append((gap.lowerBound, "sidecar away"))
            marks.append((gap.upperBound, "back"))
        }
        return marks.filter { (0...day.length).contains($0.x) }
    }

    private func load(_ day: ClosedLoopDay, _ findings: ClosedLoopFindings) -> AxesPlot {
        let ahead = Self.ahead
        func made(_ quantile: (RateForecast.Point) -> Double) -> [(x: Double, y: Double)] {
            Self.line(day) { $0.observation.forecast.map { quantile($0.point(ahead: ahead)) } }
                .map { ($0.x + ahead, $0.y) }.filter { $0.x <= day.length }
        }
        let median = made(\.q50)
        let hasForecast = median.contains { $0.y.isFinite }
        var series = [
            AxesPlot.Series(
                name: "offered", colour: 6, points: day.seconds.map { ($0.second + 0.5, $0.offered) }, isLine: true)
        ]
        if hasForecast {
            series.append(
                AxesPlot.Series(
                    name: "expected, median", colour: 5, points: median, isLine: true))
            series.append(
                AxesPlot.Series(
                    name: "expected, 90th percentile", colour: 8, points: made(\.q90), isLine: true))
        }
        return AxesPlot(
            title: "Load, and what was expected of it",
            note: !hasForecast
                ? "Requests of each second. No forecast was made."
                : "Requests of each second; forecasts are drawn where they point to, each made "
                    + "\(FixedText.decimals(ahead, 0)) s before.",
            xLabel: "seconds", yLabel: "requests a second", series: series, decimals: (0, 0), marks: marks(day))
    }

    private func replicas(_ day: ClosedLoopDay, _ findings: ClosedLoopFindings) -> AxesPlot {
        func line(_ name: String, _ colour: Int, _ course: [(at: Double, replicas: Int)]) -> AxesPlot.Series {
            AxesPlot.Series(name: name, colour: colour, points: Self.steps(course, until: day.length), isLine: true)
        }
        /// A course of decisions, which nobody made in a gap.
        func decided(_ name: String, _ colour: Int, _ course: [(at: Double, replicas: Int)]) -> AxesPlot.Series {
            AxesPlot.Series(
                name: name, colour: colour, points: Self.steps(course, until: day.length, gaps: day.gaps), isLine: true)
        }
        var series = [
            line("ready", 5, day.sampled(\.ready)), line("ordered by the sidecar", 6, day.sampled(\.desired)),
        ]
        for (policy, name, colour) in [("hpa", "HPA would order", 1), ("static", "static for the peak", 0)] {
            let wanted = day.wanted(by: policy, .counterfactual)
            if !wanted.isEmpty { series.append(decided(name, colour, wanted)) }
        }
        let each = FixedText.decimals(findings.capacity, 0)
        series.append(
            AxesPlot.Series(
                name: "offered over \(each)/s, what one serves", colour: 9,
                points: day.seconds.map { ($0.second + 0.5, $0.offered / max(1e-9, findings.capacity)) }, isLine: true))
        return AxesPlot(
            title: "Replicas",
            note:
                "Ready and ordered as the supervisor told; HPA and static as they would have decided in the same day.",
            xLabel: "seconds", yLabel: "replicas", series: series, decimals: (0, 0), marks: marks(day))
    }

    private func latency(_ day: ClosedLoopDay, _ findings: ClosedLoopFindings) -> AxesPlot {
        var series = [
            AxesPlot.Series(
                name: "whole, p99", colour: 0,
                points: day.seconds.map { ($0.second + 0.5, ($0.p99 ?? .nan) * 1e3) }, isLine: true),
            AxesPlot.Series(
                name: "whole, p95", colour: 6,
                points: day.seconds.map { ($0.second + 0.5, ($0.p95 ?? .nan) * 1e3) }, isLine: true),
        ]
        for (index, service) in day.profile.services.enumerated() {
            let points = Self.line(day) { $0.observation.services[index].p95.map { $0 * 1e3 } }
            guard points.contains(where: { $0.y.isFinite }) else { continue }
            series.append(
                AxesPlot.Series(
                    name: "\(service.name), p95 as the sidecar saw it", colour: 5 - index % 5, points: points,
                    isLine: true))
        }
        return AxesPlot(
            title: "Response time",
            note:
                "Of the whole by second, from the intended send time; the dashed line is the promise. Lines are broken "
                + "where nothing was asked or answered.",
            xLabel: "seconds", yLabel: "milliseconds", series: series, isLogarithmic: true, yLeast: 1,
            limit: findings.limit * 1e3, decimals: (0, 0), marks: marks(day))
    }

    private func processors(_ day: ClosedLoopDay, _ findings: ClosedLoopFindings) -> AxesPlot {
        var groups: [String] = []
        for use in day.uses where !groups.contains(use.group) { groups.append(use.group) }
        let series = groups.sorted().enumerated().map { index, group in
            AxesPlot.Series(
                name: group, colour: 1 + index % 9,
                points: Self.broken(day.uses.filter { $0.group == group }.map { ($0.at, $0.processors) }), isLine: true)
        }
        return AxesPlot(
            title: "Processors used", note: "By group of processes, second by second.", xLabel: "seconds",
            yLabel: "processors", series: series, marks: marks(day))
    }

    // MARK: Tables

    private func cost(_ findings: ClosedLoopFindings) -> String {
        var out = "<section><h2>Cost</h2><p>Replica-minutes ordered; a second is short where more was offered than the "
        out += "ready replicas serve, \(FixedText.decimals(findings.capacity, 0))/s each.</p>"
        out += "<div class=\"wide\"><table><tr><th>who</th><th>replica-minutes</th><th>of static</th>"
        out += "<th>most replicas</th><th>changes</th><th>seconds short</th></tr>"
        let fixed = findings.course("static")?.replicaMinutes
        for course in findings.courses {
            let share = fixed.map { FixedText.decimals(course.replicaMinutes / $0 * 100, 0) + " %" } ?? ""
            let cells = [
                FixedText.decimals(course.replicaMinutes, 1), share, "\(course.most)", "\(course.changes)",
                course.shortSeconds.map { "\($0)" } ?? "-",
            ]
            out += "<tr><td>\(AxesPlot.escaped(course.name))</td>" + cells.map { "<td>\($0)</td>" }.joined() + "</tr>"
        }
        return out + "</table></div></section>"
    }

    private func decisions(_ day: ClosedLoopDay) -> String {
        var rows: [String] = []
        var last: [Int] = []
        var level: LadderLevel?
        var events = day.events.map { (at: $0.at, text: "\($0.event.reason.code): \($0.event.reason.text)") }[...]
        func tell(until at: Double) {
            while let event = events.first, event.at <= at {
                rows.append(Self.row(event.at, day.open, "", "", event.text))
                events.removeFirst()
            }
        }
        for (at, decision) in day.rounds {
            tell(until: at)
            let round = decision.round
            for event in round.events {
                rows.append(Self.row(at, day.open, "", "", "\(event.code): \(event.text)"))
            }
            guard round.decision.replicas != last || round.acting != level else { continue }
            let text = zip(day.profile.services, round.decision.services).map { service, decided in
                "\(service.name): "
                    + decided.reasons.map { "\($0.code) \(Self.shortened($0.text))" }.joined(separator: "; ")
            }
            let shielded = round.changes.map { "\($0.source.rawValue) \($0.from) to \($0.to): \($0.reason.code)" }
            let before = last.isEmpty ? "" : last.map(String.init).joined(separator: ", ") + " → "
            rows.append(
                Self.row(
                    at, day.open, round.decider,
                    before + round.decision.replicas.map(String.init).joined(separator: ", "),
                    (text + shielded).joined(separator: "; ")))
            (last, level) = (round.decision.replicas, round.acting)
        }
        tell(until: .infinity)
        let more = rows.count - Self.decisionsMax
        if more > 0 { rows = rows.prefix(Self.decisionsMax) + [Self.row(0, nil, "", "", "and \(more) more lines")] }
        var out = "<section><h2>Decisions that changed something</h2><p>Of \(day.rounds.count) decisions, with their "
        out += "reasons, and what happened between them; the journal has all of them.</p><div class=\"wide\"><table>"
        out += "<tr><th>second</th><th>since the open</th><th>by</th><th>replicas</th><th class=\"text\">why</th></tr>"
        return out + rows.joined() + "</table></div></section>"
    }

    /// A text whose numbers have two decimals at the most.
    static func shortened(_ text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            let number = word.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard number.contains("."), let value = Double(number) else { return String(word) }
            return FixedText.decimals(value, 2) + word.dropFirst(number.count)
        }.joined(separator: " ")
    }

    private static func row(
        _ at: Double, _ open: Double?, _ decider: String, _ replicas: String, _ text: String
    ) -> String {
        let since = open.map { FixedText.decimals(at - $0, 1) } ?? ""
        return "<tr><td>\(FixedText.decimals(at, 1))</td><td>\(since)</td><td>\(AxesPlot.escaped(decider))</td>"
            + "<td>\(AxesPlot.escaped(replicas))</td><td class=\"text\">\(AxesPlot.escaped(text))</td></tr>"
    }

    /// Seconds ahead of the forecasts drawn.
    static let ahead = 10.0

    /// A course that keeps its value until the next, as points of a line; broken in the gaps that begin with a step.
    static func steps(
        _ course: [(at: Double, replicas: Int)], until end: Double, gaps: [ClosedRange<Double>] = []
    ) -> [(x: Double, y: Double)] {
        var points: [(x: Double, y: Double)] = []
        for (index, step) in course.enumerated() {
            let to = index + 1 < course.count ? course[index + 1].at : end
            points.append((max(0, step.at), Double(step.replicas)))
            if gaps.contains(where: { $0.lowerBound == step.at }) {
                points.append((step.at, .nan))
            } else if to > max(0, step.at) {
                points.append((to, Double(step.replicas)))
            }
        }
        return points
    }

    /// A number of each round; not a number where it is missing or nobody decided.
    static func line(_ day: ClosedLoopDay, _ number: (LadderRound) -> Double?) -> [(x: Double, y: Double)] {
        let gaps = Set(day.gaps.map(\.lowerBound))
        var points: [(x: Double, y: Double)] = []
        for (at, decision) in day.rounds {
            points.append((at, number(decision.round) ?? .nan))
            if gaps.contains(at) { points.append((at, .nan)) }
        }
        return points
    }

    /// Points of a series that is sampled evenly, broken where more than two samples are missing.
    static func broken(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        let spaces = zip(points, points.dropFirst()).map { $1.x - $0.x }
        guard !spaces.isEmpty else { return points }
        let usual = spaces.sorted()[spaces.count / 2]
        var found: [(x: Double, y: Double)] = []
        for (index, point) in points.enumerated() {
            found.append(point)
            if index < spaces.count, spaces[index] > 3 * usual { found.append((point.x, .nan)) }
        }
        return found
    }
}
