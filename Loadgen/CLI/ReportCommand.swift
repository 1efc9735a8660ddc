internal import ArgumentParser
internal import Engine
internal import Report
internal import Telemetry

/// `loadgen report`: the HTML page of a run, drawn again from its summary.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Draws the HTML report of a run from its JSON summary.",
        discussion: """
            Examples:
              loadgen report out/summary.json --html out/report.html
              loadgen report out/summary.json --baseline last-week/summary.json --html out/report.html
              loadgen report out/summary.json --spans run/node-spans.jsonl --spans run/risk-spans.jsonl --html report.html

            The summary holds every figure of the page. A baseline is drawn into the percentile curves. Span files are
            OTLP/JSON lines as the services write them; they show where the slowest requests spent their time.

            Exit codes: 0 the page was written; 1 a file could not be read or written; 104 a file is not what it
            should be.
            """)

    @Argument(help: "JSON summary of the run, schema version 2.")
    var summary: String
    @Option(help: "JSON summary of a run to compare with.")
    var baseline: String?
    @Option(help: "File of spans (OTLP/JSON lines) of the services; may be repeated.")
    var spans: [String] = []
    @Option(help: "JSON file with sections of the target's own figures.")
    var serverJSON: String?
    @Option(help: "Write the HTML report here; - for standard output.")
    var html: String

    func run() throws {
        do {
            let report = try Self.read(summary)
            var additions = PageAdditions()
            if let baseline { additions.baseline = try Self.read(baseline) }
            if let serverJSON {
                additions.sections = try ServerSection.list(json: TextFile.read(serverJSON), name: serverJSON)
            }
            additions.spans = try Self.spans(spans, of: report)
            try TextFile.write(HTMLPage.text(report, additions), to: html)
        } catch let error as SummaryError {
            throw Self.refused(error)
        } catch let error as ServerSection.Malformed {
            throw Self.refused(error)
        } catch {
            Terminal.complain("loadgen: \(error)")
            throw ProgramExit.failure
        }
    }

    private static func refused(_ error: any Error) -> ExitCode {
        Terminal.complain("loadgen: \(error)")
        return ProgramExit.badScenario
    }

    private static func read(_ path: String) throws -> RunReport {
        try SummaryReader.read(TextFile.read(path), name: path)
    }

    /// The spans of the slowest requests; what else the files hold is passed over while reading.
    static func spans(_ paths: [String], of report: RunReport) throws -> [SpanRecord] {
        let wanted = Set(report.result.slowest.map(\.traceID))
        return try paths.flatMap { path in
            try SpanFile(path: path) { wanted.contains(String($0.context.description.dropFirst(3).prefix(32))) }.spans
        }
    }
}
