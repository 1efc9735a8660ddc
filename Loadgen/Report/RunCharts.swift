internal import Arrivals
internal import Engine
internal import Glibc
internal import Telemetry

/// The charts of a run's page.
struct RunCharts {
    /// Points a chart shows at most; of more, each column shows its worst second.
    private static let columnsMax = 900
    private let report: RunReport
    private let columns: [[LoadInterval]]

    init(_ report: RunReport) {
        self.report = report
        let length = report.context.configuration.profile.seconds
        let whole = report.result.series.filter { Double($0.second) + 1 <= length + 0.001 }
        let shown = whole.isEmpty ? report.result.series : whole
        let perColumn = max(1, (shown.count + Self.columnsMax - 1) / Self.columnsMax)
        columns = stride(from: 0, to: shown.count, by: perColumn).map {
            Array(shown[$0..<min($0 + perColumn, shown.count)])
        }
    }

    /// Throughput and latency over time.
    var overTime: String { throughput.html() + latency.html() }

    /// Percentile curve and send lag, side by side.
    var distribution: String { "<div class=\"pair\">\(percentileCurve.html())\(sendLag.html())</div>" }

    private func worst(_ value: (LoadInterval) -> Int64) -> [Double?] {
        columns.map { column in
            let most = column.map(value).max() ?? 0
            return most > 0 ? Double(most) : nil
        }
    }

    private func timeChart(
        _ title: String, _ note: String, _ series: [LineChart.Series], _ format: @escaping (Double) -> String
    ) -> LineChart {
        let seconds = columns.map { Double($0.first?.second ?? 0) }
        let ticks = LineChart.niceSteps(max(seconds.last ?? 1, 1), about: 10).filter { $0 == $0.rounded() }
        return LineChart(
            title: title, note: note, x: seconds, xNames: seconds.map { "second \(Int($0))" },
            xTicks: ticks.map { LineChart.Tick(value: $0, label: Readable.plain($0)) },
            xLabel: "seconds since the start", series: series, format: format)
    }

    private var throughput: LineChart {
        let errors = columns.map { column -> Double? in Double(column.map(\.errors).max() ?? 0) }
        var series = [
            LineChart.Series(
                name: "offered", color: "c5", style: .area,
                values: columns.map { column in Double(column.map(\.offered).max() ?? 0) }),
            LineChart.Series(
                name: "sent", color: "c1", style: .dashed,
                values: columns.map { column in Double(column.map(\.sent).min() ?? 0) }),
            LineChart.Series(
                name: "answered", color: "c2", style: .bold,
                values: columns.map { column in Double(column.map(\.done).min() ?? 0) }),
            LineChart.Series(
                name: "rejected", color: "c4",
                values: columns.map { column in Double(column.map(\.rejected).max() ?? 0) }),
        ]
        if report.result.errors > 0 {
            series.append(LineChart.Series(name: "errors", color: "bad", style: .bold, values: errors))
        }
        return timeChart(
            "Requests a second", "What the schedule offered, what left, and what came back.", series,
            Readable.number)
    }

    private var latency: LineChart {
        var chart = timeChart(
            "Response time", "From the intended send time to the answer; logarithmic.",
            [
                LineChart.Series(name: "max", color: "c4", style: .faint, values: worst(\.greatest)),
                LineChart.Series(name: "p99.9", color: "c3", values: worst(\.p999)),
                LineChart.Series(name: "p99", color: "c1", style: .bold, values: worst(\.p99)),
                LineChart.Series(name: "p95", color: "c5", values: worst(\.p95)),
                LineChart.Series(name: "p50", color: "c2", style: .bold, values: worst(\.p50)),
            ], Readable.duration)
        chart.yScale = .logarithmic
        chart.height = 330
        let objective = Double(report.objectiveNanoseconds)
        chart.rule = (objective, "objective \(Readable.duration(objective))")
        return chart
    }

    private var sendLag: LineChart {
        var chart = timeChart(
            "Send lag", "How late requests left, p99 a second: the generator's own error.",
            [LineChart.Series(name: "lag p99", color: "c3", style: .bold, values: worst(\.lagP99))],
            Readable.duration)
        chart.width = 500
        chart.yScale = .logarithmic
        if chart.xTicks.count > 6 {
            chart.xTicks = chart.xTicks.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
        let limit = max(1_000_000, Double(report.objectiveNanoseconds) / 50)
        chart.rule = (limit, "limit \(Readable.duration(limit))")
        return chart
    }

    /// Quantile against its rarity 1 / (1 - q), both logarithmic: HdrHistogram's plot.
    private var percentileCurve: LineChart {
        let (response, service) = (report.result.response, report.result.service)
        let rarest = max(10, Double(response.count))
        let steps = Int((log10(rarest) * 20).rounded(.down))
        let rarities = (0...steps).map { pow(10, Double($0) / 20) }
        func curve(_ histogram: HDRHistogram) -> [Double?] {
            rarities.map { rarity in
                guard histogram.count > 0 else { return nil }
                return Double(histogram.value(atPercentile: 100 * (1 - 1 / rarity)))
            }
        }
        let ticks = (0...7).map { power in
            LineChart.Tick(value: pow(10, Double(power)), label: Self.percentileNames[power])
        }
        return LineChart(
            title: "Percentile curve", note: "The gap between the lines is waiting before the send.", width: 500,
            x: rarities, xNames: rarities.map { "p\(Readable.plain(Self.round(100 * (1 - 1 / $0), $0)))" },
            xScale: .logarithmic, xTicks: ticks, xLabel: "percentile", yScale: .logarithmic,
            series: [
                LineChart.Series(name: "response", color: "c1", style: .bold, values: curve(response)),
                LineChart.Series(name: "service", color: "c2", values: curve(service)),
            ],
            rule: (
                Double(report.objectiveNanoseconds), "objective \(Readable.duration(report.objectiveNanoseconds))"
            ), format: Readable.duration)
    }

    private static let percentileNames = ["0", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999"]

    /// As many decimals as the rarity needs to tell neighbours apart.
    private static func round(_ percentile: Double, _ rarity: Double) -> Double {
        let scale = pow(10, max(1, log10(rarity).rounded(.up)))
        return (percentile * scale).rounded() / scale
    }
}
