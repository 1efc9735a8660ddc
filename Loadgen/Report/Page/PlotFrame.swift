internal import Telemetry

/// A stretch of the time axis with a name, such as a scenario or a step.
struct Phase: Equatable {
    var name: String
    var begin: Double
    var end: Double

    /// `A`, `B`, ..., `Z`, then numbers.
    static func letter(_ index: Int) -> String {
        index < 26 ? String(UnicodeScalar(UInt8(65 + index))) : "\(index + 1)"
    }

    /// Rows of phases in which none overlaps another, as indices.
    static func lanes(_ phases: [Phase]) -> [[Int]] {
        var lanes: [[Int]] = []
        for index in phases.indices {
            let row = lanes.firstIndex { lane in
                lane.last.map { phases[$0].end <= phases[index].begin + 1e-9 } ?? true
            }
            if let row { lanes[row].append(index) } else { lanes.append([index]) }
        }
        return lanes
    }
}

/// What every drawing over axes shares: caption, legend, axes as text of the page, and the SVG between them.
///
/// The SVG is stretched to its frame (`preserveAspectRatio="none"`, strokes that do not scale), and the labels are
/// text beside it: so a chart is legible at every width, and nothing in it becomes smaller on a phone.
struct PlotFrame {
    /// Width and height of the drawing's own coordinates.
    static let width = 4_000
    static let height = 1_000

    struct LegendItem {
        var name: String
        var color: String
        var style: String
    }

    struct Rule {
        var value: Double
        var label: String
    }

    struct Marker {
        var x: Double
        var label: String
    }

    var title: String
    var note: String
    /// Charts with the same group zoom together; empty for none.
    var group = ""
    var isTall = false
    var x: Axis
    var xLabel: String
    var y: Axis
    var right: Axis?
    var rightLabel = ""
    var phases: [Phase] = []
    var rules: [Rule] = []
    var markers: [Marker] = []
    var legend: [LegendItem] = []

    /// The figure around a drawing.
    ///
    /// - Parameters:
    ///   - drawing: SVG elements in `width` x `height`.
    ///   - readOut: JSON for the script.
    ///   - table: the same figures as a table.
    func html(drawing: String, readOut: String, table: String) -> String {
        let zoom = group.isEmpty ? "" : " data-group=\"\(group)\""
        var out = "<figure class=\"chart\"\(zoom)><figcaption><h3>\(Readable.html(title))</h3>"
        if !note.isEmpty { out += "<p>\(Readable.html(note))</p>" }
        out += "</figcaption>\(keys)<div class=\"plot\(right == nil ? "" : " two")\">\(lanes)"
        out += "<div class=\"frame\(isTall ? " tall" : "")\">"
        out += "<svg viewBox=\"0 0 \(Self.width) \(Self.height)\" preserveAspectRatio=\"none\" role=\"img\" "
        out += "aria-label=\"\(Readable.html(title + ". " + note))\"><title>\(Readable.html(title))</title>"
        out += "\(bands)\(grid)\(drawing)\(ruleLines)<path class=\"cross\" d=\"\"/></svg>\(labels)"
        out += "<div class=\"brush\" hidden></div><div class=\"tip\" hidden></div></div>"
        out += "<div class=\"xlabel\">\(Readable.html(xLabel))</div></div>"
        out += "<details class=\"data\"><summary>Figures as a table</summary>\(table)</details>"
        out += "<script type=\"application/json\">\(readOut.replacing("</", with: "<\\/"))</script>"
        return out + "</figure>\n"
    }

    /// Place of a value in the drawing.
    func px(_ value: Double) -> Int { Int((x.place(value) * Double(Self.width)).rounded()) }
    func py(_ value: Double, isRight: Bool = false) -> Int {
        Self.height - Int((((isRight ? right : nil) ?? y).place(value) * Double(Self.height)).rounded())
    }

    static func percent(_ place: Double) -> String { "\(Readable.plain((place * 10_000).rounded() / 100))%" }

    private var keys: String {
        guard !legend.isEmpty else { return "" }
        let buttons = legend.enumerated().map { index, item in
            "<button type=\"button\" data-series=\"\(index)\" class=\"\(item.color)\"><i class=\"\(item.style)\"></i>"
                + "\(Readable.html(item.name))</button>"
        }
        return "<div class=\"legend\">\(buttons.joined())</div>"
    }

    private var lanes: String {
        guard !phases.isEmpty else { return "" }
        let rows = Phase.lanes(phases).map { lane in
            let parts = lane.map { index in
                let (begin, end) = (x.place(phases[index].begin), x.place(phases[index].end))
                return "<span style=\"left:\(Self.percent(begin));width:\(Self.percent(end - begin))\" "
                    + "title=\"\(Readable.html(phases[index].name))\">\(Phase.letter(index))</span>"
            }
            return "<div>\(parts.joined())</div>"
        }
        return "<div class=\"lanes\" aria-hidden=\"true\">\(rows.joined())</div>"
    }

    /// Every second phase of the first lane is shaded.
    private var bands: String {
        guard let lane = Phase.lanes(phases).first, lane.count > 1 else { return "" }
        let rects = lane.enumerated().filter { $0.offset % 2 == 1 }.map { _, index in
            let (begin, end) = (px(phases[index].begin), px(phases[index].end))
            return "<rect x=\"\(begin)\" y=\"0\" width=\"\(max(end - begin, 1))\" height=\"\(Self.height)\"/>"
        }
        return "<g class=\"bands\">\(rects.joined())</g>"
    }

    private var grid: String {
        var major = ""
        var minor = ""
        for tick in y.ticks where (y.low...y.high).contains(tick.value) {
            let line = "M0 \(py(tick.value))h\(Self.width)"
            if tick.label.isEmpty { minor += line } else { major += line }
        }
        for tick in x.ticks where (x.low...x.high).contains(tick.value) {
            minor += "M\(px(tick.value)) 0v\(Self.height)"
        }
        return "<path class=\"grid\" d=\"\(major)\"/><path class=\"grid minor\" d=\"\(minor)\"/>"
    }

    private var ruleLines: String {
        let lines = rules.map { "M0 \(py($0.value))h\(Self.width)" }.joined()
        let marks = markers.map { "M\(px($0.x)) 0v\(Self.height)" }.joined()
        return (lines.isEmpty ? "" : "<path class=\"rule\" d=\"\(lines)\"/>")
            + (marks.isEmpty ? "" : "<path class=\"marker\" d=\"\(marks)\"/>")
    }

    private var labels: String {
        var out = ""
        for tick in y.ticks where !tick.label.isEmpty && (y.low...y.high).contains(tick.value) {
            out += "<span class=\"y\" style=\"top:\(Self.percent(1 - y.place(tick.value)))\">"
            out += "\(Readable.html(tick.label))</span>"
        }
        if let right {
            for tick in right.ticks where (right.low...right.high).contains(tick.value) {
                out += "<span class=\"y2\" style=\"top:\(Self.percent(1 - right.place(tick.value)))\">"
                out += "\(Readable.html(tick.label))</span>"
            }
            out += "<span class=\"axisname\">\(Readable.html(rightLabel))</span>"
        }
        let shown = x.ticks.filter { (x.low...x.high).contains($0.value) && !$0.label.isEmpty }
        for (index, tick) in shown.enumerated() {
            let kind = index % 2 == 1 ? "x odd" : "x"
            out += "<span class=\"\(kind)\" style=\"left:\(Self.percent(x.place(tick.value)))\">"
            out += "\(Readable.html(tick.label))</span>"
        }
        for rule in rules {
            out += "<span class=\"rulename\" style=\"top:\(Self.percent(1 - y.place(rule.value)))\">"
            out += "\(Readable.html(rule.label))</span>"
        }
        for marker in markers {
            out += "<span class=\"markname\" style=\"left:\(Self.percent(x.place(marker.x)))\">"
            out += "\(Readable.html(marker.label))</span>"
        }
        return out
    }
}
