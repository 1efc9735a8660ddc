/// CPU, waiting, memory, tiers and replicas over time, from the watch.
struct MachineCharts {
    private let watch: WatchSeries
    private let length: Double
    private let phases: [Phase]
    private static let colors = ["c1", "c3", "c2", "c4", "c5", "c6"]
    private static let styles: [LineChart.Series.Style] = [.bold, .line, .bold, .dashed, .dotted, .line]

    init(_ watch: WatchSeries, length: Double, phases: [Phase]) {
        self.watch = watch
        self.length = length
        self.phases = phases
    }

    /// Samples of each column: where there are more than a chart shows, the worst of each column.
    private var columns: [ArraySlice<WatchSample>] {
        let samples = watch.samples.filter { $0.time >= 0 && $0.time <= length + 1 }
        let perColumn = max(1, (samples.count + TimeCharts.columnsMax - 1) / TimeCharts.columnsMax)
        return stride(from: 0, to: samples.count, by: perColumn).map {
            samples[$0..<min($0 + perColumn, samples.count)]
        }
    }

    private func values(_ value: (WatchSample) -> Double?) -> [Double?] {
        columns.map { $0.compactMap(value).max() }
    }

    private func components(_ value: (ComponentLoad) -> Double) -> [LineChart.Series] {
        watch.components.enumerated().map { index, name in
            LineChart.Series(
                name: name, color: Self.colors[index % Self.colors.count],
                style: Self.styles[index % Self.styles.count],
                values: values { sample in
                    sample.loads.indices.contains(index) ? sample.loads[index].map(value) : nil
                })
        }
    }

    private func chart(_ title: String, _ note: String, _ unit: AxisUnit, _ series: [LineChart.Series]) -> LineChart {
        var chart = LineChart(
            title: title, note: note, unit: unit, group: "time", xAxis: .time(length),
            xLabel: "time since the start", x: columns.map { $0.last?.time ?? 0 }, series: series)
        chart.phases = phases
        let steps = zip(chart.x, chart.x.dropFirst()).map { $1 - $0 }.sorted()
        chart.gap = steps.isEmpty ? nil : max(steps[steps.count / 2] * 2.5, 0.1)
        return chart
    }

    private var cpu: String {
        var chart = chart(
            "CPU used", "In processors, of \(watch.processors).", .processors, components(\.cpu))
        chart.rules = [
            .init(value: Double(max(watch.processors, 1)), label: "all \(watch.processors)")
        ]
        return chart.html()
    }

    private var waiting: String {
        chart(
            "Waiting for a CPU", "Run-queue wait of all threads of a component over wall time.", .ratio,
            components(\.runQueueWait)
        ).html()
    }

    private var pressure: String {
        let series = [
            LineChart.Series(name: "CPU", color: "c1", style: .bold, values: values { $0.pressure?.cpu }),
            LineChart.Series(name: "disk", color: "c2", values: values { $0.pressure?.io }),
            LineChart.Series(name: "memory", color: "c4", style: .dashed, values: values { $0.pressure?.memory }),
            LineChart.Series(name: "hypervisor", color: "c3", style: .dashed, values: values(\.machineSteal)),
        ]
        return chart(
            "Pressure on the machine",
            "Share of time in which some task waited (PSI), and of processors that the hypervisor withheld (steal).",
            .ratio, series
        ).html()
    }

    private var memory: String {
        chart("Resident memory", "Sum over a component's processes.", .bytes, components(\.residentBytes)).html()
    }

    /// Four charts, two beside each other.
    var all: String { "<div class=\"pair\">\(cpu)\(waiting)\(pressure)\(memory)</div>" }

    /// Share of each tier's requests that it answered.
    var tiers: String {
        let series = watch.tiers.enumerated().map { index, name in
            LineChart.Series(
                name: name.uppercased(), color: Self.colors[index % Self.colors.count],
                style: Self.styles[index % Self.styles.count],
                values: values { sample in
                    guard sample.tiers.indices.contains(index), let tier = sample.tiers[index], tier.requests > 0 else {
                        return nil
                    }
                    return tier.hits / tier.requests
                })
        }
        guard !series.isEmpty else { return "" }
        return chart(
            "Hit ratio by tier", "Of the requests that reached the tier; gaps: not asked, or no answer.", .ratio, series
        )
        .html()
    }

    /// Requests the services counted, what the autoscaler foretold, and replicas.
    var scaling: String {
        var series: [LineChart.Series] = []
        func add(_ name: String, _ color: String, _ style: LineChart.Series.Style, _ value: (WatchSample) -> Double?) {
            let found = values(value)
            guard found.contains(where: { $0 != nil }) else { return }
            series.append(LineChart.Series(name: name, color: color, style: style, values: found))
        }
        add("counted by the services", "c3", .bold) { $0.requestRate }
        add("foretold", "c2", .dashed) { $0.predictedRate }
        add("replicas", "c4", .line) { $0.replicas }
        guard !series.isEmpty else { return "" }
        for index in series.indices where series[index].name == "replicas" && series.count > 1 {
            series[index].isOnRight = true
        }
        var chart = chart("Load and replicas", "From the services' own metrics.", .number, series)
        chart.rightLabel = "replicas"
        return chart.html()
    }
}
