internal import Engine
public import Telemetry

/// What a page shows beside the run itself.
public struct PageAdditions: Sendable {
    /// A run to compare with: drawn into the percentile curves.
    public var baseline: RunReport?
    /// Spans of the services, in any order, for the slowest requests.
    public var spans: [SpanRecord]
    /// Tables of the target's own figures.
    public var sections: [ServerSection]

    /// Nothing beside the run unless given.
    public init(baseline: RunReport? = nil, spans: [SpanRecord] = [], sections: [ServerSection] = []) {
        self.baseline = baseline
        self.spans = spans
        self.sections = sections
    }
}

/// The report of a run as one HTML file that needs nothing else: no network, no fonts, no libraries.
///
/// Order: verdict, thresholds and key numbers; rates; latency over time; percentile curves; heat map; errors; machine
/// and services; cache tiers; steps; send lag and arrivals; slowest requests; the target's own tables; how the run was
/// made. Light and dark follow the reader's setting; paper is light. Every chart has its figures as a table. Charts of
/// 900 intervals or fewer draw every value; of more, each column draws its least and greatest value, never a mean.
public enum HTMLPage {
    /// The page's text.
    public static func text(_ report: RunReport, _ additions: PageAdditions = PageAdditions()) -> String {
        let sections = sections(report, additions).filter { !$0.body.isEmpty }
        let title = "\(report.context.name): \(report.verdict.name.replacing("_", with: " "))"
        var out = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        out += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        out += "<meta name=\"color-scheme\" content=\"light dark\">"
        out += "<title>\(Readable.html(title))</title><style>\(PageStyle.css)</style></head><body>"
        out += "<main>\n\(PageTop(report, additions.baseline).html())<nav aria-label=\"Contents\">"
        out += sections.map { "<a href=\"#\($0.id)\">\(Readable.html($0.title))</a>" }.joined() + "</nav>\n"
        out += sections.map { Markup.section($0.id, $0.title, $0.note, $0.body) }.joined()
        return out + "</main><script>\(PageScript.javascript)</script></body></html>\n"
    }

    private struct Section {
        var id: String
        var title: String
        var note = ""
        var body: String
    }

    private static func sections(_ report: RunReport, _ additions: PageAdditions) -> [Section] {
        let time = TimeCharts(report)
        let tables = PageTables(report)
        let machine = MachineCharts(report.watch, length: time.length, phases: time.phases)
        let isWatched = !report.watch.samples.isEmpty
        return [
            Section(id: "rates", title: "Requests", body: time.rates + time.phaseList + tables.operations),
            Section(id: "latency", title: "Latency over time", body: time.latencies),
            Section(
                id: "percentiles", title: "Percentiles",
                note: "The gap between response and service is waiting before the send.",
                body: DistributionCharts(report, baseline: additions.baseline).html()
                    + tables.comparison(additions.baseline)),
            Section(id: "heat", title: "Heat map", body: time.heat),
            Section(id: "errors", title: "Errors and rejects", body: time.failures + tables.refusals),
            Section(
                id: "machine", title: "Machine and services",
                note: isWatched
                    ? tables.busiest : "Only the generator watched itself: no processes or metrics were named.",
                body: (isWatched ? machine.all : time.generatorCPU) + time.inFlight),
            Section(id: "tiers", title: "Cache tiers and scaling", body: machine.tiers + machine.scaling),
            Section(id: "steps", title: "Steps", note: tables.capacity, body: tables.steps),
            Section(
                id: "lag", title: "Send lag and arrivals",
                note: "What the generator itself added, and whether it sent what the schedule asked for.",
                body: time.sendLag + tables.arrivals),
            Section(
                id: "slowest", title: "Slowest requests",
                note: additions.spans.isEmpty
                    ? "Without the services' spans only the generator's lag is told apart." : "",
                body: SlowestList(report, additions.spans).html()),
            Section(
                id: "target", title: "The target's own figures",
                body: additions.sections.map(tables.section).joined()),
            Section(id: "method", title: "How this was measured", body: tables.details),
        ]
    }
}
