internal import Engine

/// The charts of a run over time.
struct TimeCharts {
    /// Points a chart shows at most; of more, each column draws its least and its greatest value.
    static let columnsMax = 900
    private let report: RunReport
    private let columns: [[LoadInterval]]
    let length: Double
    let phases: [Phase]

    init(_ report: RunReport) {
        self.report = report
        let step = report.facts.intervalSeconds
        let series = report.result.series
        length = max(Double((series.last?.index ?? 0) + 1) * step, 1)
        let perColumn = max(1, (series.count + Self.columnsMax - 1) / Self.columnsMax)
        columns = stride(from: 0, to: series.count, by: perColumn).map {
            Array(series[$0..<min($0 + perColumn, series.count)])
        }
        phases = Self.phases(report, length)
    }

    /// Warm-up, then scenarios, or the steps where there are any.
    private static func phases(_ report: RunReport, _ length: Double) -> [Phase] {
        var phases: [Phase] = []
        if report.facts.warmupSeconds > 0 {
            phases.append(Phase(name: "warm-up (not judged)", begin: 0, end: min(report.facts.warmupSeconds, length)))
        }
        let steps = report.result.steps.prefix(64)
        for (index, scenario) in report.facts.scenarios.enumerated()
        where !steps.contains(where: { $0.scenario == index }) && scenario.start < length {
            let end = min(scenario.start + scenario.seconds, length)
            phases.append(Phase(name: scenario.name, begin: scenario.start, end: end))
        }
        for step in steps {
            let asked = step.users > 0 ? "\(Readable.count(step.users)) users" : "\(Readable.number(step.rate))/s"
            phases.append(
                Phase(
                    name: "\(report.facts.scenario(step.scenario)), \(asked)", begin: min(step.begin, length),
                    end: min(step.end, length)))
        }
        return phases.sorted { ($0.begin, $0.end) < ($1.begin, $1.end) }
    }

    /// What the letters above the charts stand for.
    var phaseList: String {
        guard !phases.isEmpty else { return "" }
        let items = phases.enumerated().map { index, phase in
            "<li><b>\(Phase.letter(index))</b> \(Readable.html(phase.name)) <span>"
                + "\(Axis.clock(phase.begin, of: length))–\(Axis.clock(phase.end, of: length))</span></li>"
        }
        return "<ol class=\"phases\">\(items.joined())</ol>"
    }

    // MARK: Columns

    private func greatest(_ value: (LoadInterval) -> Double) -> [Double?] { columns.map { $0.map(value).max() } }

    private func least(_ value: (LoadInterval) -> Double) -> [Double?] {
        columns.contains { $0.count > 1 } ? columns.map { $0.map(value).min() } : []
    }

    private func line(
        _ name: String, _ color: String, _ style: LineChart.Series.Style, _ value: (LoadInterval) -> Double
    ) -> LineChart.Series {
        LineChart.Series(name: name, color: color, style: style, values: greatest(value), least: least(value))
    }

    /// A latency; intervals without answers are gaps.
    private func latency(
        _ name: String, _ color: String, _ style: LineChart.Series.Style, over low: ((LoadInterval) -> Int64)? = nil,
        _ value: (LoadInterval) -> Int64
    ) -> LineChart.Series {
        func worst(_ value: (LoadInterval) -> Int64) -> [Double?] {
            columns.map { column in
                let most = column.map(value).max() ?? 0
                return most > 0 ? Double(most) : nil
            }
        }
        return LineChart.Series(
            name: name, color: color, style: style, values: worst(value), low: low.map { worst($0) } ?? [])
    }

    private func chart(_ title: String, _ note: String, _ unit: AxisUnit, _ series: [LineChart.Series]) -> LineChart {
        let step = report.facts.intervalSeconds
        var chart = LineChart(
            title: title, note: note, unit: unit, group: "time", xAxis: .time(length),
            xLabel: "time since the start", x: columns.map { Double($0.first?.index ?? 0) * step }, series: series)
        chart.phases = phases
        return chart
    }

    // MARK: Charts

    /// Offered, sent, done; users on a second axis.
    var rates: String {
        let step = report.facts.intervalSeconds
        var series = [
            line("offered", "soft", .area) { Double($0.offered) / step },
            line("sent", "c1", .line) { Double($0.sent) / step },
            line("answered", "c3", .bold) { Double($0.done) / step },
        ]
        if report.result.series.contains(where: { $0.users > 0 }) {
            var users = line("users", "c4", .dashed) { Double($0.users) }
            users.least = []
            users.isOnRight = true
            series.append(users)
        }
        var chart = chart(
            "Requests a second", "What the schedule offered, what left, and what came back.", .number, series)
        chart.rightLabel = "users"
        return chart.html()
    }

    /// Bands from p50 to the maximum.
    var latencies: String {
        var chart = chart(
            "Response time", "From the intended time of a request to its answer, on a logarithmic scale.", .duration,
            [
                latency("p99.9 to max", "c1", .band4, over: { $0.p999 }) { $0.greatest },
                latency("p99 to p99.9", "c1", .band3, over: { $0.p99 }) { $0.p999 },
                latency("p95 to p99", "c1", .band2, over: { $0.p95 }) { $0.p99 },
                latency("p50 to p95", "c1", .band1, over: { $0.p50 }) { $0.p95 },
                latency("p99", "c2", .bold) { $0.p99 }, latency("p50", "c1", .bold) { $0.p50 },
            ])
        chart.isLogarithmic = true
        chart.isTall = true
        chart.rules = [objective]
        chart.markers = replicaChanges
        return chart.html()
    }

    var objective: PlotFrame.Rule {
        PlotFrame.Rule(
            value: Double(report.objectiveNanoseconds),
            label: "objective \(Readable.duration(report.objectiveNanoseconds))")
    }

    /// Where the number of replicas changed, at most twelve times.
    private var replicaChanges: [PlotFrame.Marker] {
        var markers: [PlotFrame.Marker] = []
        var last: Double?
        for sample in report.watch.samples where sample.time <= length {
            guard let replicas = sample.replicas else { continue }
            if let last, last != replicas, markers.count < 12 {
                markers.append(.init(x: sample.time, label: "×\(Readable.plain(replicas))"))
            }
            last = replicas
        }
        return markers
    }

    var heat: String {
        HeatMap(
            report.result.series, intervalSeconds: report.facts.intervalSeconds, length: length, rules: [objective],
            phases: phases
        ).html()
    }

    /// Every class of errors that occurred, and refusals by rule, which are none.
    var failures: String {
        let classes: [(Outcome, String, LineChart.Series.Style)] = [
            (.timeout, "c2", .bold), (.error, "bad", .line), (.unknown, "c5", .dashed), (.dropped, "c1", .dotted),
        ]
        let step = report.facts.intervalSeconds
        let errors = classes.compactMap { outcome, color, style -> LineChart.Series? in
            let index = Int(outcome.rawValue)
            guard report.result.series.contains(where: { $0.outcomes[index] > 0 }) else { return nil }
            return line(outcome.name, color, style) { Double($0.outcomes[index]) / step }
        }
        let failed = errors.isEmpty ? "" : chart("Errors a second", "By class.", .number, errors).html()
        guard report.result.series.contains(where: { $0.rejected > 0 }) else { return failed }
        let refused = chart(
            "Refused a second", "By business rules, too late ones included: answers, not errors.", .number,
            [line("refused", "c4", .area) { Double($0.rejected) / step }]
        ).html()
        return failed.isEmpty ? refused : "<div class=\"pair\">\(failed)\(refused)</div>"
    }

    var sendLag: String {
        var chart = chart(
            "Send lag", "How late requests left, p99 of each interval: the generator's own error.", .duration,
            [latency("send lag p99", "c4", .bold) { $0.lagP99 }])
        chart.isLogarithmic = true
        let limit = report.lagLimitNanoseconds
        chart.rules = [PlotFrame.Rule(value: Double(limit), label: "limit \(Readable.duration(limit))")]
        return chart.html()
    }

    var inFlight: String {
        let series = [
            line("in flight", "c1", .bold) { Double($0.inFlight) },
            line("connections up", "soft", .dashed) { Double($0.connectionsUp) },
        ]
        return chart("Requests in flight", "Unanswered at the end of each interval.", .number, series).html()
    }

    /// CPU of the generator's thread where the watch saw nothing.
    var generatorCPU: String {
        chart(
            "CPU of the generator", "Of its sending thread.", .ratio,
            [line("sending thread", "c4", .bold) { $0.cpuRatio }]
        ).html()
    }
}
