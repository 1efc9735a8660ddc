internal import Engine
internal import Glibc
internal import Telemetry

/// Percentile curves: quantile against its rarity 1 / (1 - q), both logarithmic, as HdrHistogram plots them.
struct DistributionCharts {
    /// Curves of single operations at most.
    private static let operationsMax = 12
    private let report: RunReport
    private let baseline: RunReport?

    init(_ report: RunReport, baseline: RunReport?) {
        self.report = report
        self.baseline = baseline
    }

    /// All operations together, then each.
    func html() -> String {
        let all = curve(
            "All operations", report.response, report.service, isTall: true, baseline: baseline?.response)
        let operations = report.operations.filter { $0.response.count > 0 }
            .sorted { $0.total > $1.total }.prefix(Self.operationsMax)
        guard operations.count > 1 else { return all }
        let single = operations.map { row in
            let name = report.facts.operation(row.operation)
            return curve(
                name, row.response, row.service, isTall: false,
                baseline: baseline.flatMap { Self.row($0, name)?.response })
        }
        return all + "<div class=\"pair\">\(single.joined())</div>"
    }

    private static func row(_ report: RunReport, _ name: String) -> OperationResult? {
        report.operations.first { report.facts.operation($0.operation) == name }
    }

    private func curve(
        _ title: String, _ response: HDRHistogram, _ service: HDRHistogram, isTall: Bool, baseline: HDRHistogram?
    ) -> String {
        guard response.count > 0 else { return "" }
        let rarest = max(10, Double(response.count))
        let steps = Int((log10(rarest) * 20).rounded(.down))
        let rarities = (0...steps).map { pow(10, Double($0) / 20) }
        func values(_ histogram: HDRHistogram) -> [Double?] {
            rarities.map { rarity in
                guard histogram.count > 0, rarity <= Double(histogram.count) else { return nil }
                return Double(histogram.value(atPercentile: 100 * (1 - 1 / rarity)))
            }
        }
        var series = [
            LineChart.Series(name: "response", color: "c1", style: .bold, values: values(response)),
            LineChart.Series(name: "service", color: "c2", style: .line, values: values(service)),
        ]
        if let baseline, baseline.count > 0 {
            series.append(
                LineChart.Series(name: "baseline response", color: "soft", style: .dashed, values: values(baseline)))
        }
        var axis = Axis(scale: .logarithmic, low: 1, high: rarest)
        axis.ticks = Self.names.enumerated().map { .init(value: pow(10, Double($0.offset)), label: $0.element) }
        return LineChart(
            title: title, note: "\(Readable.count(Int(response.count))) requests", unit: .duration,
            isLogarithmic: true, isTall: isTall, xAxis: axis, xLabel: "percentile", x: rarities,
            xNames: rarities.map { "p\(Readable.plain(Self.rounded(100 * (1 - 1 / $0), $0)))" }, series: series,
            rules: [
                .init(
                    value: Double(report.objectiveNanoseconds),
                    label: "objective \(Readable.duration(report.objectiveNanoseconds))")
            ]
        ).html()
    }

    private static let names = ["0", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999"]

    /// As many decimals as the rarity needs to tell neighbours apart.
    private static func rounded(_ percentile: Double, _ rarity: Double) -> Double {
        let scale = pow(10, max(1, log10(rarity).rounded(.up)))
        return (percentile * scale).rounded() / scale
    }
}
