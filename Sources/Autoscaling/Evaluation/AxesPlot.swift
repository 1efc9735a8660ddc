internal import Forecasting
internal import Glibc

/// Points and lines over two numeric axes, as inline SVG: Pareto plots and learning curves.
struct AxesPlot {
    /// A series of points; joined by lines or each with its name.
    struct Series {
        var name: String
        /// Number of its colour, from 0.
        var colour: Int
        /// In a line a point that is no number is a gap.
        var points: [(x: Double, y: Double)]
        /// Joined by a line, or marked.
        var isLine = false
        /// Half widths of the 95 % interval of each point; empty for none.
        var bars: [(x: ClosedRange<Double>, y: ClosedRange<Double>)] = []
    }

    var title: String
    var note: String
    /// Labels of the axes, with units.
    var xLabel: String
    var yLabel: String
    var series: [Series]
    /// Whether the vertical axis is logarithmic: values below `yLeast` are drawn there.
    var isLogarithmic = false
    /// Smallest value drawn on a logarithmic axis.
    var yLeast = 0.001
    /// Horizontal line of a limit.
    var limit: Double?
    /// Whether the horizontal axis starts at 0.
    var startsAtZero = true
    /// Decimals of the labels of the axes.
    var decimals = (x: 0, y: 2)
    /// Vertical lines with their names.
    var marks: [(x: Double, name: String)] = []

    private let width = 1_000.0
    private let height = 380.0
    private let left = 70.0
    private let right = 24.0
    private let top = 24.0
    private let bottom = 46.0

    /// Heading, legend and drawing; nothing without points.
    func html() -> String {
        guard let frame else { return "" }
        var out = "<figure><figcaption><h2>\(Self.escaped(title))</h2><p>\(Self.escaped(note))</p></figcaption>"
        out += "<div class=\"legend\">"
        for one in series { out += "<span class=\"s\(one.colour % 10)\"><i></i>\(Self.escaped(one.name))</span>" }
        out += "</div><svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" "
        out += "aria-label=\"\(Self.escaped(title))\">"
        out += grid(frame)
        for one in series { out += drawing(one, frame) }
        return out + "</svg></figure>\n"
    }

    /// The values at the edges of the drawing.
    private struct Frame {
        var x: ClosedRange<Double>
        var y: ClosedRange<Double>
    }

    private var frame: Frame? {
        let points = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
        guard let first = points.first else { return nil }
        var x = first.x...first.x
        var y = first.y...first.y
        let ends = series.flatMap(\.bars).flatMap {
            [(x: $0.x.lowerBound, y: $0.y.lowerBound), (x: $0.x.upperBound, y: $0.y.upperBound)]
        }
        for point in points + ends {
            x = min(x.lowerBound, point.x)...max(x.upperBound, point.x)
            y = min(y.lowerBound, point.y)...max(y.upperBound, point.y)
        }
        if let limit { y = min(y.lowerBound, limit)...max(y.upperBound, limit) }
        if startsAtZero { x = min(0, x.lowerBound)...x.upperBound }
        if isLogarithmic { y = yLeast...max(10 * yLeast, y.upperBound * 1.3) }
        // An axis on which all values are the same is one long.
        let xGap = x.upperBound > x.lowerBound ? (x.upperBound - x.lowerBound) * 0.04 : 1
        let yGap = y.upperBound > y.lowerBound ? (y.upperBound - y.lowerBound) * 0.06 : 1
        return Frame(
            x: x.lowerBound...x.upperBound + xGap,
            y: isLogarithmic ? y : y.lowerBound - (y.lowerBound < 0 ? yGap : 0)...y.upperBound + yGap)
    }

    private func place(_ point: (x: Double, y: Double), _ frame: Frame) -> (x: Double, y: Double) {
        let x = (point.x - frame.x.lowerBound) / (frame.x.upperBound - frame.x.lowerBound)
        return (left + (width - left - right) * x, vertical(point.y, frame))
    }

    private func vertical(_ value: Double, _ frame: Frame) -> Double {
        let share: Double
        if isLogarithmic {
            let low = log(frame.y.lowerBound)
            share = (log(max(value, frame.y.lowerBound)) - low) / (log(frame.y.upperBound) - low)
        } else {
            share = (value - frame.y.lowerBound) / (frame.y.upperBound - frame.y.lowerBound)
        }
        return height - bottom - (height - top - bottom) * min(max(share, 0), 1)
    }

    private func grid(_ frame: Frame) -> String {
        var out = ""
        for step in isLogarithmic ? Self.decades(frame.y) : Self.steps(frame.y) {
            let at = Self.text(vertical(step, frame))
            out += "<line class=\"grid\" x1=\"\(Self.text(left))\" x2=\"\(Self.text(width - right))\" y1=\"\(at)\" "
            out += "y2=\"\(at)\"/><text x=\"\(Self.text(left - 8))\" y=\"\(Self.text(vertical(step, frame) + 4))\" "
            let least = isLogarithmic && step == frame.y.lowerBound ? "≤ " : ""
            let places = isLogarithmic ? max(0, Int((-log10(step) + 0.01).rounded(.up))) : decimals.y
            out += "text-anchor=\"end\">\(least)\(FixedText.decimals(step, places))</text>"
        }
        for step in Self.steps(frame.x) {
            let at = Self.text(place((step, frame.y.lowerBound), frame).x)
            out += "<line class=\"grid\" x1=\"\(at)\" x2=\"\(at)\" y1=\"\(Self.text(top))\" "
            out += "y2=\"\(Self.text(height - bottom))\"/><text x=\"\(at)\" y=\"\(Self.text(height - bottom + 16))\" "
            out += "text-anchor=\"middle\">\(FixedText.decimals(step, decimals.x))</text>"
        }
        if let limit {
            let at = Self.text(vertical(limit, frame))
            out += "<line class=\"limit\" x1=\"\(Self.text(left))\" x2=\"\(Self.text(width - right))\" y1=\"\(at)\" "
            out += "y2=\"\(at)\"/>"
        }
        for mark in marks where frame.x.contains(mark.x) {
            let at = Self.text(place((mark.x, frame.y.lowerBound), frame).x)
            out += "<line class=\"mark\" x1=\"\(at)\" x2=\"\(at)\" y1=\"\(Self.text(top))\" "
            out += "y2=\"\(Self.text(height - bottom))\"/><text x=\"\(at)\" y=\"\(Self.text(top - 4))\" "
            out += "text-anchor=\"middle\">\(Self.escaped(mark.name))</text>"
        }
        out += "<text x=\"\(Self.text(left))\" y=\"13\">\(Self.escaped(yLabel))</text>"
        out += "<text x=\"\(Self.text(width - right))\" y=\"\(Self.text(height - 10))\" text-anchor=\"end\">"
        return out + "\(Self.escaped(xLabel))</text>"
    }

    private func drawing(_ one: Series, _ frame: Frame) -> String {
        let style = "s\(one.colour % 10)"
        if one.isLine {
            let path = path(one.points, frame)
            return path.isEmpty ? "" : "<path class=\"\(style)\" d=\"\(path)\"/>"
        }
        let points = one.points.filter { $0.x.isFinite && $0.y.isFinite }.map { place($0, frame) }
        var out = ""
        for bar in one.bars {
            let low = place((bar.x.lowerBound, bar.y.lowerBound), frame)
            let high = place((bar.x.upperBound, bar.y.upperBound), frame)
            let middle = ((low.x + high.x) / 2, (low.y + high.y) / 2)
            out += "<path class=\"bar \(style)\" d=\"M\(Self.text(low.x)) \(Self.text(middle.1))H\(Self.text(high.x))"
            out += "M\(Self.text(middle.0)) \(Self.text(low.y))V\(Self.text(high.y))\"/>"
        }
        for point in points {
            out += "<circle class=\"\(style)\" cx=\"\(Self.text(point.x))\" cy=\"\(Self.text(point.y))\" r=\"6\"/>"
            let atRight = point.x > width - right - 130
            out += "<text class=\"name\" x=\"\(Self.text(point.x + (atRight ? -10 : 10)))\" "
            out += "y=\"\(Self.text(point.y - 8))\" text-anchor=\"\(atRight ? "end" : "start")\">"
            out += "\(Self.escaped(one.name))</text>"
        }
        return out
    }

    /// A line through points, broken where one is no number; a point alone between gaps is a dash.
    private func path(_ points: [(x: Double, y: Double)], _ frame: Frame) -> String {
        points.split { !($0.x.isFinite && $0.y.isFinite) }.map { run in
            let places = run.map { place($0, frame) }
            if places.count == 1, points.count > 1 {
                return "M\(Self.text(places[0].x - 1)) \(Self.text(places[0].y))h2"
            }
            return "M" + places.map { "\(Self.text($0.x)) \(Self.text($0.y))" }.joined(separator: "L")
        }.joined()
    }

    /// Multiples of 1, 2 or 5 times a power of ten within a range, three to eight of them.
    static func steps(_ range: ClosedRange<Double>) -> [Double] {
        let span = range.upperBound - range.lowerBound
        guard span > 0, span.isFinite else { return [range.lowerBound] }
        let power = pow(10, (log10(span / 4)).rounded(.down))
        let step = [1.0, 2, 5, 10].map { $0 * power }.first { span / $0 <= 7 } ?? 10 * power
        guard step > 0 else { return [range.lowerBound] }
        let first = (range.lowerBound / step - 1e-9).rounded(.up)
        let last = (range.upperBound / step + 1e-9).rounded(.down)
        return first > last ? [] : stride(from: first, through: last, by: 1).map { $0 * step }
    }

    /// Powers of ten within a range, its lower end first.
    static func decades(_ range: ClosedRange<Double>) -> [Double] {
        var steps = [range.lowerBound]
        while let last = steps.last, last * 10 <= range.upperBound * (1 + 1e-9), steps.count < 20 {
            steps.append(last * 10)
        }
        return steps
    }

    private static func text(_ value: Double) -> String { FixedText.decimals(value, 1) }

    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }
}
