package import Engine
package import Telemetry

/// Where the slowest requests spent their time: one bar a request, one colour a stage.
///
/// A stage's part is its *self time*: its span without the spans below it, so the parts of one request add up to its
/// response time. What neither the generator's lag nor a span covers is called `elsewhere`: network, queues of the
/// kernel, and stages without spans.
package struct SlowestList {
    /// Part of a bar.
    package struct Part: Equatable {
        package var name: String
        package var nanoseconds: Int64
    }

    private static let lagName = "send lag"
    private static let elsewhereName = "elsewhere"
    private static let colorsMax = 8
    private let report: RunReport
    private let requests: [(request: SlowRequest, parts: [Part], isTraced: Bool)]
    /// Stages by total time, greatest first.
    private let stages: [String]

    /// - Parameter spans: of any traces, in any order; those of the slowest requests are used.
    init(_ report: RunReport, _ spans: [SpanRecord]) {
        self.report = report
        let byTrace = Dictionary(grouping: spans) { Self.traceID($0.context) }
        requests = report.result.slowest.prefix(20).map { request in
            let own = request.traceID.isEmpty ? [] : byTrace[request.traceID] ?? []
            return (request, Self.parts(request, own), !own.isEmpty)
        }
        var totals: [String: Int64] = [:]
        for part in requests.flatMap(\.parts) { totals[part.name, default: 0] += part.nanoseconds }
        let fixed = [Self.lagName, Self.elsewhereName]
        stages = totals.filter { !fixed.contains($0.key) }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }

    /// The trace of a context as 32 hexadecimal digits.
    static func traceID(_ context: TraceContext) -> String { String(context.description.dropFirst(3).prefix(32)) }

    /// The parts of one request in the order lag, stages by their first start, elsewhere; they add up to the response.
    ///
    /// Spans of several processes may be mixed: a span's children are those that name it as their parent.
    package static func parts(_ request: SlowRequest, _ spans: [SpanRecord]) -> [Part] {
        var parts = [Part(name: lagName, nanoseconds: min(max(request.lag, 0), request.response))]
        var rest = request.response - parts[0].nanoseconds
        var seen: Set<UInt64> = []
        let children = Dictionary(grouping: spans, by: \.parent)
        for span in spans.sorted(by: { ($0.start, $0.context.span) < ($1.start, $1.context.span) })
        where rest > 0 && seen.insert(span.context.span).inserted {
            let own = min(selfTime(span, children[span.context.span] ?? []), rest)
            rest -= own
            if let at = parts.firstIndex(where: { $0.name == span.name }) {
                parts[at].nanoseconds += own
            } else {
                parts.append(Part(name: span.name, nanoseconds: own))
            }
        }
        parts.append(Part(name: elsewhereName, nanoseconds: rest))
        return parts.filter { $0.nanoseconds > 0 }
    }

    /// Duration of a span without the union of its children.
    private static func selfTime(_ span: SpanRecord, _ children: [SpanRecord]) -> Int64 {
        let ranges = children.map { (max($0.start, span.start), min($0.end, span.end)) }
            .filter { $0.0 < $0.1 }.sorted { $0.0 < $1.0 }
        var (covered, reached) = (Int64(0), span.start)
        for (begin, end) in ranges where end > reached {
            covered += end - max(begin, reached)
            reached = end
        }
        return span.duration - covered
    }

    // MARK: Drawing

    func html() -> String {
        guard let longest = requests.first?.request.response, longest > 0 else { return "" }
        let rows = requests.enumerated().map { item($0.offset, $0.element, Double(longest)) }
        let names = [Self.lagName] + stages.prefix(Self.colorsMax) + [Self.elsewhereName]
        let keys = names.filter { name in requests.contains { $0.parts.contains { $0.name == name } } }
            .map { "<span><i class=\"\(color($0))\"></i>\(Readable.html($0))</span>" }
        let more = stages.count > Self.colorsMax ? "<span><i class=\"s0\"></i>other stages</span>" : ""
        return "<div class=\"card slowest\"><div class=\"keys\">\(keys.joined())\(more)</div>"
            + "<ol>\(rows.joined())</ol></div>"
    }

    private func color(_ name: String) -> String {
        if name == Self.lagName { return "slag" }
        if name == Self.elsewhereName { return "selse" }
        guard let index = stages.firstIndex(of: name), index < Self.colorsMax else { return "s0" }
        return "s\(index + 1)"
    }

    private func item(
        _ index: Int, _ entry: (request: SlowRequest, parts: [Part], isTraced: Bool), _ longest: Double
    ) -> String {
        let request = entry.request
        let width = PlotFrame.percent(Double(request.response) / longest)
        let bars = entry.parts.map { part in
            let share = PlotFrame.percent(Double(part.nanoseconds) / Double(max(request.response, 1)))
            let text = "\(part.name) \(Readable.duration(part.nanoseconds))"
            return "<i class=\"\(color(part.name))\" style=\"width:\(share)\" title=\"\(Readable.html(text))\"></i>"
        }
        let words = entry.parts.sorted { $0.nanoseconds > $1.nanoseconds }.prefix(4)
            .map { "\($0.name) \(Readable.duration($0.nanoseconds))" }.joined(separator: ", ")
        let length = Double(report.result.series.count) * report.facts.intervalSeconds
        let facts =
            "\(report.facts.operation(request.operation)), \(report.facts.scenario(request.scenario)), due at "
            + "\(Axis.clock(request.intended, of: length)), \(request.outcome.name.replacing("_", with: " "))"
        let trace = request.traceID.isEmpty ? "not traced" : "trace \(request.traceID)"
        let missing = entry.isTraced || request.traceID.isEmpty ? "" : " (no spans in the file)"
        return "<li><p><b>\(Readable.duration(request.response))</b> <span>\(Readable.html(facts))</span></p>"
            + "<div class=\"bar\" role=\"img\" aria-label=\"\(Readable.html(words))\" style=\"width:\(width)\">"
            + "\(bars.joined())</div>"
            + "<p class=\"fine\">\(Readable.html(words))<br><code>\(Readable.html(trace))</code>\(missing)</p></li>"
    }
}
