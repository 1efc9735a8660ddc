/// Lines and a band over a common axis, as inline SVG.
struct LinePlot {
    /// A line; nil leaves a gap.
    struct Line {
        var name: String
        /// CSS class of its colour.
        var style: String
        var values: [Double?]
    }

    var title: String
    var note: String
    /// Label of the vertical axis, with unit.
    var unit: String
    /// Places of ticks on the axis and their labels.
    var ticks: [(at: Int, label: String)]
    var lines: [Line]
    /// Lower and upper end at each place.
    var band: (name: String, low: [Double], high: [Double])?
    /// Decimals of the labels of the vertical axis.
    var decimals = 0

    private let width = 1_000.0
    private let height = 300.0
    private let left = 70.0
    private let right = 12.0
    private let top = 14.0
    private let bottom = 40.0

    private var count: Int { lines.map(\.values.count).max() ?? 0 }

    private var greatest: Double {
        // A band may reach far above what happens; it is cut at 1.6 times the lines.
        let line = lines.flatMap { $0.values.compactMap { $0 } }.max() ?? 1
        let most = max(line, min(band?.high.max() ?? 0, 1.6 * line))
        return max(most * 1.05, .leastNonzeroMagnitude)
    }

    /// Heading, legend and drawing.
    func html() -> String {
        guard count > 1 else { return "" }
        var out = "<figure><figcaption><h2>\(Self.escaped(title))</h2><p>\(Self.escaped(note))</p></figcaption>"
        out += "<div class=\"legend\">"
        for line in lines { out += "<span class=\"\(line.style)\"><i></i>\(Self.escaped(line.name))</span>" }
        if let band { out += "<span class=\"band\"><i></i>\(Self.escaped(band.name))</span>" }
        return out + "</div>\(svg())</figure>\n"
    }

    private func svg() -> String {
        var out =
            "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(Self.escaped(title))\">"
        let most = greatest
        for step in Self.steps(most) {
            let at = Self.text(y(step, most))
            out += "<line class=\"grid\" x1=\"\(Self.text(left))\" x2=\"\(Self.text(width - right))\" y1=\"\(at)\" "
            out += "y2=\"\(at)\"/><text x=\"\(Self.text(left - 8))\" y=\"\(Self.text(y(step, most) + 4))\" "
            out += "text-anchor=\"end\">\(Self.label(step, decimals))</text>"
        }
        for tick in ticks {
            let at = Self.text(x(tick.at))
            out += "<line class=\"grid\" x1=\"\(at)\" x2=\"\(at)\" y1=\"\(Self.text(top))\" "
            out += "y2=\"\(Self.text(height - bottom))\"/><text x=\"\(at)\" y=\"\(Self.text(height - bottom + 17))\" "
            let anchor = tick.at > count * 19 / 20 ? "end" : "middle"
            out += "text-anchor=\"\(anchor)\">\(Self.escaped(tick.label))</text>"
        }
        out += "<text x=\"\(Self.text(left))\" y=\"10\" class=\"unit\">\(Self.escaped(unit))</text>"
        if let band {
            let upper = band.high.enumerated().map { "\(Self.text(x($0)))  \(Self.text(y($1, most)))" }
            let lower = band.low.enumerated().reversed().map { "\(Self.text(x($0)))  \(Self.text(y($1, most)))" }
            out += "<path class=\"band\" d=\"M\((upper + lower).joined(separator: "L"))Z\"/>"
        }
        for line in lines { out += "<path class=\"\(line.style)\" d=\"\(path(line, most))\"/>" }
        return out + "</svg>"
    }

    private func path(_ line: Line, _ most: Double) -> String {
        var path = ""
        var starts = true
        for (index, value) in line.values.enumerated() {
            guard let value, value.isFinite else {
                starts = true
                continue
            }
            path += "\(starts ? "M" : "L")\(Self.text(x(index))) \(Self.text(y(value, most)))"
            starts = false
        }
        return path
    }

    private func x(_ index: Int) -> Double {
        left + (width - left - right) * Double(index) / Double(max(count - 1, 1))
    }

    private func y(_ value: Double, _ most: Double) -> Double {
        height - bottom - (height - top - bottom) * min(max(value / most, 0), 1)
    }

    private static func text(_ value: Double) -> String { FixedText.decimals(value, 1) }

    /// Multiples of 1, 2 or 5 times a power of ten up to `most`, four to ten of them.
    static func steps(_ most: Double) -> [Double] {
        guard most > 0, most.isFinite else { return [0] }
        var power = 1.0
        while power > most { power /= 10 }
        while power * 10 <= most { power *= 10 }
        let step = [0.1, 0.2, 0.5, 1].map { $0 * power }.first { most / $0 <= 7 } ?? power
        return (0...Int(most / step)).map { Double($0) * step }
    }

    /// A number with k, M or G.
    static func label(_ value: Double, _ decimals: Int) -> String {
        for (size, mark) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where value >= size {
            let short = value / size
            return FixedText.decimals(short, short == short.rounded() ? 0 : 1) + mark
        }
        return FixedText.decimals(value, value == 0 ? 0 : decimals)
    }

    /// Text for HTML.
    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { out, character in
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
    }
}
