internal import Telemetry

/// Lines and bands over a common x axis; readable without scripts and on paper.
struct LineChart {
    struct Series {
        enum Style: String {
            case line, bold, faint, area, dashed, dotted
            /// Between `low` and `values`.
            case band1, band2, band3, band4
        }

        var name: String
        /// CSS class of its colour: c1...c6, bad, soft.
        var color: String
        var style = Style.line
        /// One value an x; nil leaves a gap.
        var values: [Double?]
        /// Least value of what each x stands for, where that is more than one value; else empty.
        var least: [Double?] = []
        /// Lower edge of a band.
        var low: [Double?] = []
        var isOnRight = false
    }

    var title: String
    var note = ""
    var unit: AxisUnit
    var rightUnit = AxisUnit.number
    var isLogarithmic = false
    var isTall = false
    var group = ""
    var xAxis: Axis
    var xLabel: String
    var x: [Double]
    /// What the read-out calls each x; empty for times.
    var xNames: [String] = []
    var series: [Series]
    var rules: [PlotFrame.Rule] = []
    var markers: [PlotFrame.Marker] = []
    var phases: [Phase] = []
    /// Neighbours further apart than this are not joined; nil joins all.
    var gap: Double?
    var rightLabel = ""

    /// Rows of the table beside the chart at most.
    private static let tableRowsMax = 30

    /// The figure; empty without points.
    func html() -> String {
        guard !x.isEmpty, series.contains(where: { $0.values.contains { $0 != nil } }) else { return "" }
        let frame = frame
        var drawing = ""
        for (index, line) in series.enumerated() {
            drawing += "<g data-series=\"\(index)\" class=\"\(line.color) \(line.style.rawValue)\">"
            drawing += shape(line, frame) + "</g>"
        }
        return frame.html(drawing: drawing, readOut: readOut(frame), table: table)
    }

    private var frame: PlotFrame {
        let left = series.filter { !$0.isOnRight }.flatMap { $0.values + $0.least + $0.low }.compactMap { $0 }
        let values = left + rules.map { $0.value * (isLogarithmic ? 1.6 : 1.05) }
        let rights = series.filter(\.isOnRight).flatMap(\.values).compactMap { $0 }
        var frame = PlotFrame(
            title: title, note: note, group: group, isTall: isTall, x: xAxis, xLabel: xLabel,
            y: isLogarithmic
                ? .logarithmic(values, unit: unit) : .linear(upTo: values.max() ?? 1, unit: unit))
        if let most = rights.max() {
            frame.right = .linear(upTo: most, unit: rightUnit)
            frame.rightLabel = rightLabel
        }
        frame.phases = phases
        frame.rules = rules
        frame.markers = markers
        frame.legend = series.map { .init(name: $0.name, color: $0.color, style: $0.style.rawValue) }
        return frame
    }

    // MARK: Shapes

    private func shape(_ line: Series, _ frame: PlotFrame) -> String {
        switch line.style {
        case .area, .band1, .band2, .band3, .band4:
            "<path d=\"\(runs(line).map { area(line, $0, frame) }.joined())\"/>"
        default: "<path d=\"\(runs(line).map { stroke(line, $0, frame) }.joined())\"/>"
        }
    }

    /// Stretches without gaps; on a logarithmic axis 0 is a gap.
    private func runs(_ line: Series) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var begin: Int?
        for (index, value) in line.values.enumerated() {
            let isThere = value.map { $0 > 0 || !isLogarithmic } ?? false
            if let first = begin, let gap, x[index] - x[index - 1] > gap {
                runs.append(first..<index)
                begin = nil
            }
            if isThere {
                begin = begin ?? index
            } else if let first = begin {
                runs.append(first..<index)
                begin = nil
            }
        }
        if let begin { runs.append(begin..<line.values.count) }
        return runs
    }

    private func stroke(_ line: Series, _ run: Range<Int>, _ frame: PlotFrame) -> String {
        var points: [(Int, Int)] = []
        for index in run {
            guard let value = line.values[index] else { continue }
            let at = frame.px(x[index])
            if line.least.indices.contains(index), let least = line.least[index], least != value {
                points.append((at, frame.py(least, isRight: line.isOnRight)))
            }
            points.append((at, frame.py(value, isRight: line.isOnRight)))
        }
        return Self.polyline(points)
    }

    private func area(_ line: Series, _ run: Range<Int>, _ frame: PlotFrame) -> String {
        let upper = run.compactMap { index in line.values[index].map { (frame.px(x[index]), frame.py($0)) } }
        let lower = run.reversed().map { index in
            let floor = line.low.indices.contains(index) ? line.low[index] : nil
            return (frame.px(x[index]), floor.map { frame.py($0) } ?? PlotFrame.height)
        }
        guard upper.count > 1 else {
            guard let point = upper.first, let floor = lower.first else { return "" }
            return "M\(point.0 - 4) \(point.1)h8V\(floor.1)h-8Z"
        }
        return Self.polyline(upper + lower) + "Z"
    }

    /// Relative moves, which are short; a single point becomes a dot (the caps of the stroke are round).
    private static func polyline(_ points: [(Int, Int)]) -> String {
        guard let first = points.first else { return "" }
        var out = "M\(first.0) \(first.1)"
        guard points.count > 1 else { return out + "h0" }
        out += "l"
        var (last, isFirst) = (first, true)
        for point in points.dropFirst() where point != last {
            let (dx, dy) = (point.0 - last.0, point.1 - last.1)
            out += "\(isFirst || dx < 0 ? "" : " ")\(dx)\(dy < 0 ? "" : " ")\(dy)"
            (last, isFirst) = (point, false)
        }
        return isFirst ? "M\(first.0) \(first.1)h0" : out
    }

    // MARK: The same as text

    /// Pixels, names and values for the script.
    private func readOut(_ frame: PlotFrame) -> String {
        let pixels = x.map { "\(frame.px($0))" }.joined(separator: ",")
        let lines = series.map { line in
            let unit = line.isOnRight ? rightUnit : unit
            return "[" + line.values.map { $0.map { unit.script($0) } ?? "null" }.joined(separator: ",") + "]"
        }
        let units = series.map { JSONText.quote(($0.isOnRight ? rightUnit : unit).rawValue) }.joined(separator: ",")
        let names = xNames.map(JSONText.quote).joined(separator: ",")
        return "{\"length\":\(xNames.isEmpty ? AxisUnit.number.script(xAxis.high) : "0"),\"x\":[\(pixels)],"
            + "\"names\":[\(names)],\"units\":[\(units)],\"series\":[\(lines.joined(separator: ","))]}"
    }

    /// At most 30 rows; each shows the greatest of the values it stands for.
    private var table: String {
        let stride = max(1, (x.count + Self.tableRowsMax - 1) / Self.tableRowsMax)
        let head = [xLabel] + series.map(\.name)
        let rows = Swift.stride(from: 0, to: x.count, by: stride).map { start -> [Markup.Cell] in
            let range = start..<min(start + stride, x.count)
            let name = xNames.isEmpty ? Axis.clock(x[start], of: xAxis.high) : xNames[start]
            return [Markup.Cell(name)]
                + series.map { line in
                    let unit = line.isOnRight ? rightUnit : unit
                    return .number(range.compactMap { line.values[$0] }.max().map { unit.text($0) } ?? "–")
                }
        }
        let note = stride > 1 ? "Each row shows the greatest of \(stride) values." : ""
        return Markup.table(head, caption: note, rows)
    }
}
