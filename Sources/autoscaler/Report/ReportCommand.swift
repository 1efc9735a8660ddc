internal import ArgumentParser
internal import Autoscaling
internal import Foundation

/// `autoscaler report`: a day that the sidecar ruled, as a page and as JSON.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Lay a decision journal beside what clients met and what ran, and judge the day.",
        discussion: """
            Takes chain and calendar from the journal itself, the load and its response times from the JSON summary of \
            `loadgen run` (intervals of a second), the replicas from samples of the supervisor. Judges whether the \
            promised response time was kept through the open, whether fewer replica-minutes were ordered than static \
            replicas for the peak cost, and whether the replicas of the surge were ordered before it.

            Example:
              autoscaler report journal.jsonl --load summary.json --replicas replicas.csv --html day.html --json -

            Exit codes: 0 written, 2 a file or the arguments cannot be used.
            """)

    @Argument(help: "The journal's file in use.")
    var journal: String
    @Option(help: "JSON summary of the load generator.")
    var load: String
    @Option(help: "CSV file with the columns at,service,desired,ready,pending,draining; at in seconds since 1970 UTC.")
    var replicas: String
    @Option(help: "CSV file with the columns at,group,processors.")
    var processors: String?
    @Option(help: "Heading of the page.")
    var title = "A day of the autoscaler"
    @Option(help: "A sentence below it.")
    var note = ""
    @Option(help: "Where the page goes; - for standard output.")
    var html: String?
    @Option(help: "Where the findings go as JSON; - for standard output.")
    var json: String?

    func validate() throws {
        guard html != nil || json != nil else { throw ValidationError("--html or --json is needed") }
    }

    func run() throws {
        try InputFile.requireWritable([html, json])
        let lines = try ReplayCommand.lines(journal)
        let summary = try Self.text(load)
        let start: Double
        do { start = try ClosedLoopDay.start(ofLoad: summary) } catch { throw UserError("report: \(error)") }
        guard let run = Self.run(lines, at: start) else { throw UserError("\(journal) has no head of a run") }
        let settings = try RunConfiguration.parse(run.configuration, name: "\(journal), configuration") { _ in
            run.profile
        }
        let opensAt = settings.calendar.map { $0.opensAt ?? start - $0.sinceOpen(at: start) }
        let day: ClosedLoopDay
        do {
            day = try ClosedLoopDay(
                profile: settings.profile, journal: lines, summary: summary,
                replicas: try Self.text(replicas), processors: try processors.map(Self.text) ?? "", opensAt: opensAt,
                session: settings.calendar?.length ?? 0)
        } catch let fault as SimulationFault {
            throw UserError("report: \(fault)")
        }
        if let html { try InputFile.write(ClosedLoopPage(title: title, note: note).html(day), to: html) }
        if let json { try InputFile.write(ClosedLoopFindings(day).json, to: json) }
    }

    /// The run that decided first after a moment; where none did, the journal's last.
    private static func run(_ lines: [JournalLine], at start: Double) -> JournalRun? {
        var run: JournalRun?
        for line in lines {
            switch line {
            case .run(let next): run = next
            case .decision(let decision) where decision.at >= start: return run
            default: break
            }
        }
        return run
    }

    private static func text(_ file: String) throws -> String {
        String(decoding: try InputFile.read(file), as: UTF8.self)
    }
}
