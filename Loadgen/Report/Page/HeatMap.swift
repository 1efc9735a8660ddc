internal import Engine
internal import Glibc

/// Answers by time and latency class, stronger in colour where there are more: shows groups that percentiles blend.
struct HeatMap {
    private static let columnsMax = 180
    private static let shades = 7
    private let counts: [[UInt64]]
    private let begins: [Double]
    private let width: Double
    private let length: Double
    private let rules: [PlotFrame.Rule]
    private let phases: [Phase]

    /// The answers of a series; columns of several intervals are sums.
    init(_ series: [LoadInterval], intervalSeconds: Double, length: Double, rules: [PlotFrame.Rule], phases: [Phase]) {
        let perColumn = max(1, (series.count + Self.columnsMax - 1) / Self.columnsMax)
        var counts: [[UInt64]] = []
        var begins: [Double] = []
        for start in stride(from: 0, to: series.count, by: perColumn) {
            var sum = [UInt64](repeating: 0, count: LoadInterval.heatClasses)
            for interval in series[start..<min(start + perColumn, series.count)] {
                for (index, count) in interval.heat.enumerated() where index < sum.count { sum[index] += UInt64(count) }
            }
            counts.append(sum)
            begins.append(Double(series[start].index) * intervalSeconds)
        }
        self.counts = counts
        self.begins = begins
        self.length = length
        self.rules = rules
        self.phases = phases
        width = Double(perColumn) * intervalSeconds
    }

    /// Lower end of a class, nanoseconds.
    static func lowerEnd(_ index: Int) -> Double { 10_000 * pow(10, Double(index) / 8) }

    /// The figure; empty without answers.
    func html() -> String {
        let used = (0..<LoadInterval.heatClasses).filter { index in counts.contains { $0[index] > 0 } }
        guard let first = used.first, let last = used.last else { return "" }
        let frame = frame(first, last)
        let most = counts.flatMap { $0 }.max() ?? 1
        var levels = [String](repeating: "", count: Self.shades)
        for index in first...last { draw(index, frame, most, &levels) }
        let drawing = levels.enumerated().map { level, path in
            "<path class=\"h\(level + 1)\" d=\"\(path)\"/>"
        }
        return frame.html(
            drawing: "<g class=\"heat\">\(drawing.joined())</g>", readOut: readOut(frame, first, last),
            table: table(first, last))
    }

    private func frame(_ first: Int, _ last: Int) -> PlotFrame {
        var y = Axis(scale: .logarithmic, low: Self.lowerEnd(first), high: Self.lowerEnd(last + 1))
        for power in 4...12 {
            let value = pow(10, Double(power))
            if (y.low * 0.999...y.high * 1.001).contains(value) {
                y.ticks.append(Axis.Tick(value: value, label: Readable.duration(value)))
            }
        }
        if y.ticks.count < 2 {
            y.ticks = [y.low, (y.low * y.high).squareRoot(), y.high].map {
                Axis.Tick(value: $0, label: Readable.duration($0))
            }
        }
        var frame = PlotFrame(
            title: "Heat map of response times",
            note: "Each cell counts the answers of \(Readable.plain(width)) s in one latency class, eight to a decade; "
                + "a stronger colour means more, on a logarithmic scale.",
            group: "time", isTall: true, x: .time(length), xLabel: "time since the start", y: y)
        frame.rules = rules.filter { (y.low...y.high).contains($0.value) }
        frame.phases = phases
        return frame
    }

    /// Adds the cells of one class to the paths of their shades; neighbours of one shade are one rectangle.
    private func draw(_ index: Int, _ frame: PlotFrame, _ most: UInt64, _ levels: inout [String]) {
        let top = frame.py(Self.lowerEnd(index + 1))
        let height = frame.py(Self.lowerEnd(index)) - top
        var column = 0
        while column < counts.count {
            guard let level = Self.shade(counts[column][index], most) else {
                column += 1
                continue
            }
            let begin = column
            while column < counts.count, Self.shade(counts[column][index], most) == level { column += 1 }
            let left = frame.px(begins[begin])
            let right = frame.px(begins[column - 1] + width)
            levels[level] += "M\(left) \(top)h\(max(right - left, 1))v\(height)h-\(max(right - left, 1))Z"
        }
    }

    private static func shade(_ count: UInt64, _ most: UInt64) -> Int? {
        guard count > 0 else { return nil }
        let place = log10(Double(count)) / max(log10(Double(most)), .leastNonzeroMagnitude)
        return min(shades - 1, Int(place * Double(shades)))
    }

    private func mode(_ column: Int) -> Int? {
        guard let most = counts[column].max(), most > 0 else { return nil }
        return counts[column].firstIndex(of: most)
    }

    private static func name(_ index: Int) -> String {
        "\(Readable.duration(lowerEnd(index))) to \(Readable.duration(lowerEnd(index + 1)))"
    }

    private func readOut(_ frame: PlotFrame, _ first: Int, _ last: Int) -> String {
        let pixels = begins.map { "\(frame.px($0 + width / 2))" }.joined(separator: ",")
        let totals = counts.map { "\($0.reduce(0, +))" }.joined(separator: ",")
        let modes = counts.indices.map { column in
            mode(column).map { "\(AxisUnit.duration.script(Self.lowerEnd($0)))" } ?? "null"
        }.joined(separator: ",")
        return "{\"length\":\(AxisUnit.number.script(length)),\"x\":[\(pixels)],\"names\":[],\"units\":[\"n\",\"us\"],"
            + "\"labels\":[\"answers\",\"most from\"],\"series\":[[\(totals)],[\(modes)]]}"
    }

    private func table(_ first: Int, _ last: Int) -> String {
        let rows = (first...last).reversed().map { index -> [Markup.Cell] in
            let count = counts.reduce(0) { $0 + $1[index] }
            let share = Double(count) / Double(max(1, counts.reduce(0) { $0 + $1.reduce(0, +) }))
            return [
                Markup.Cell(Self.name(index)), .number(Readable.count(Int(count))), .number(Readable.percent(share)),
            ]
        }
        return Markup.table(["response time", "answers", "share"], caption: "Whole run by latency class.", rows)
    }
}
