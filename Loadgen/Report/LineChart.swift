internal import Glibc
internal import Telemetry

/// A chart of lines over a common x axis as inline SVG; readable without scripts and on paper.
struct LineChart {
    enum Scale {
        case linear, logarithmic
    }

    struct Series {
        enum Style: String {
            case line, bold, faint, area, dashed
        }

        var name: String
        /// CSS class of its colour: c1...c5, bad.
        var color: String
        var style: Style = .line
        /// One value an x; nil leaves a gap.
        var values: [Double?]
    }

    struct Tick {
        var value: Double
        var label: String
    }

    var title: String
    var note: String
    var width = 1_000.0
    var height = 280.0
    var x: [Double]
    /// What the read-out calls each x.
    var xNames: [String]
    var xScale = Scale.linear
    var xTicks: [Tick]
    var xLabel: String
    var yScale = Scale.linear
    var series: [Series]
    /// A horizontal line, such as the objective.
    var rule: (value: Double, label: String)?
    var format: (Double) -> String

    private let left = 66.0
    private let right = 14.0
    private let top = 12.0
    private let bottom = 40.0

    /// The figure: heading, legend, drawing, and the data of the read-out.
    func html() -> String {
        guard !x.isEmpty else { return "" }
        var out = "<figure class=\"chart\"><figcaption><h3>\(Readable.html(title))</h3>"
        out += "<p>\(Readable.html(note))</p></figcaption><div class=\"legend\">"
        for (index, line) in series.enumerated() {
            out += "<button type=\"button\" data-series=\"\(index)\" class=\"\(line.color)\">"
            out += "<i class=\"\(line.style.rawValue)\"></i>\(Readable.html(line.name))</button>"
        }
        return out + "</div><div class=\"plot\">\(svg())<div class=\"tip\" hidden></div></div>\(readOut())</figure>\n"
    }

    // MARK: Geometry

    private func position(_ value: Double, _ range: ClosedRange<Double>, _ scale: Scale) -> Double {
        switch scale {
        case .linear: (value - range.lowerBound) / max(range.upperBound - range.lowerBound, .leastNonzeroMagnitude)
        case .logarithmic:
            (log10(max(value, range.lowerBound)) - log10(range.lowerBound))
                / max(log10(range.upperBound) - log10(range.lowerBound), .leastNonzeroMagnitude)
        }
    }

    private var xRange: ClosedRange<Double> {
        let least = x.min() ?? 0
        return least...max(x.max() ?? 1, least + (xScale == .linear ? 1 : least))
    }

    private var yRange: ClosedRange<Double> {
        let values = series.flatMap { $0.values.compactMap { $0 } } + (rule.map { [$0.value] } ?? [])
        let most = values.max() ?? 1
        guard yScale == .logarithmic else { return 0...max(most * 1.08, 1) }
        let least = values.filter { $0 > 0 }.min() ?? 1
        let low = pow(10, log10(least).rounded(.down))
        return low...max(pow(10, log10(max(most, least)).rounded(.up)), low * 10)
    }

    private func pixelX(_ value: Double) -> Double {
        left + position(value, xRange, xScale) * (width - left - right)
    }

    private func pixelY(_ value: Double, _ range: ClosedRange<Double>) -> Double {
        height - bottom - min(max(position(value, range, yScale), 0), 1) * (height - top - bottom)
    }

    private func text(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    // MARK: Drawing

    private func svg() -> String {
        let range = yRange
        var out = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" "
        out += "aria-label=\"\(Readable.html(title))\">"
        out += grid(range)
        for (index, line) in series.enumerated() {
            out += "<g data-series=\"\(index)\" class=\"\(line.color) \(line.style.rawValue)\">"
            out += path(line, range) + "</g>"
        }
        if let rule {
            let y = text(pixelY(rule.value, range))
            out +=
                "<g class=\"rule\"><line x1=\"\(text(left))\" x2=\"\(text(width - right))\" y1=\"\(y)\" y2=\"\(y)\"/>"
            out += "<text x=\"\(text(width - right - 4))\" y=\"\(text(pixelY(rule.value, range) - 5))\" "
            out += "text-anchor=\"end\">\(Readable.html(rule.label))</text></g>"
        }
        out += "<line class=\"cross\" y1=\"\(text(top))\" y2=\"\(text(height - bottom))\" x1=\"0\" x2=\"0\"/>"
        return out + "</svg>"
    }

    private func grid(_ range: ClosedRange<Double>) -> String {
        var out = "<g class=\"grid\">"
        for tick in yTicks(range) {
            let y = text(pixelY(tick.value, range))
            let kind = tick.label.isEmpty ? " class=\"minor\"" : ""
            out += "<line\(kind) x1=\"\(text(left))\" x2=\"\(text(width - right))\" y1=\"\(y)\" y2=\"\(y)\"/>"
            guard !tick.label.isEmpty else { continue }
            out += "<text x=\"\(text(left - 8))\" y=\"\(text(pixelY(tick.value, range) + 4))\" text-anchor=\"end\">"
            out += "\(Readable.html(tick.label))</text>"
        }
        for tick in xTicks where xRange.contains(tick.value) {
            let x = text(pixelX(tick.value))
            out += "<line class=\"minor\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(text(top))\" "
            out += "y2=\"\(text(height - bottom))\"/>"
            out += "<text x=\"\(x)\" y=\"\(text(height - bottom + 16))\" text-anchor=\"middle\">"
            out += "\(Readable.html(tick.label))</text>"
        }
        out += "<text x=\"\(text((left + width - right) / 2))\" y=\"\(text(height - 6))\" text-anchor=\"middle\" "
        return out + "class=\"axis\">\(Readable.html(xLabel))</text></g>"
    }

    private func yTicks(_ range: ClosedRange<Double>) -> [Tick] {
        guard yScale == .logarithmic else {
            return Self.niceSteps(range.upperBound, about: 5).map { Tick(value: $0, label: format($0)) }
        }
        var ticks: [Tick] = []
        var decade = range.lowerBound
        while decade <= range.upperBound * 1.001 {
            ticks.append(Tick(value: decade, label: format(decade)))
            for factor in [2.0, 5.0] where decade * factor < range.upperBound {
                ticks.append(Tick(value: decade * factor, label: ""))
            }
            decade *= 10
        }
        return ticks
    }

    /// Multiples of 1, 2 or 5 times a power of ten from 0 to `most`, about `about` of them.
    static func niceSteps(_ most: Double, about: Int) -> [Double] {
        guard most > 0 else { return [0] }
        let rough = most / Double(about)
        let power = pow(10, log10(rough).rounded(.down))
        let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? rough
        return (0...Int(most / step)).map { Double($0) * step }
    }

    private func path(_ line: Series, _ range: ClosedRange<Double>) -> String {
        var commands = ""
        var starts = true
        var drawn: [Double] = []
        for (index, value) in line.values.enumerated() {
            guard let value, value > 0 || yScale == .linear else {
                starts = true
                continue
            }
            let at = pixelX(x[index])
            commands += "\(starts ? "M" : "L")\(text(at)) \(text(pixelY(value, range)))"
            starts = false
            drawn.append(at)
        }
        guard let first = drawn.first, let last = drawn.last else { return "" }
        if drawn.count == 1 {
            let y = line.values.compactMap { $0 }.first.map { pixelY($0, range) } ?? 0
            return "<circle cx=\"\(text(first))\" cy=\"\(text(y))\" r=\"3\"/>"
        }
        if line.style == .area {
            let floor = text(height - bottom)
            commands += "L\(text(last)) \(floor)L\(text(first)) \(floor)Z"
        }
        return "<path d=\"\(commands)\"/>"
    }

    /// What the script shows for each x: its pixel, its name, and the text of every series.
    private func readOut() -> String {
        let pixels = x.map { text(pixelX($0)) }.joined(separator: ",")
        let names = xNames.map(JSONText.quote).joined(separator: ",")
        let lines = series.map { line in
            "[" + line.values.map { $0.map { JSONText.quote(format($0)) } ?? "null" }.joined(separator: ",") + "]"
        }
        let json =
            "{\"width\":\(Int(width)),\"x\":[\(pixels)],\"names\":[\(names)],"
            + "\"series\":[\(lines.joined(separator: ","))]}"
        return "<script type=\"application/json\">\(json.replacing("</", with: "<\\/"))</script>"
    }
}
