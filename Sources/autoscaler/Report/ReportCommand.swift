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
        let lines = try ReplayCommand.lines(journal)
        guard
            let run = lines.lazy.compactMap({ line -> JournalRun? in if case .run(let run) = line { run } else { nil } }
            ).first
        else { throw UserError("\(journal) has no head of a run") }
        let settings = try RunConfiguration.parse(run.configuration, name: "\(journal), configuration") { _ in
            run.profile
        }
        let first = lines.lazy.compactMap { line -> JournalDecision? in
            if case .decision(let decision) = line { decision } else { nil }
        }.first
        let opensAt = settings.calendar.flatMap { calendar in
            calendar.opensAt ?? first.map { $0.at - calendar.sinceOpen(at: $0.at) }
        }
        let day: ClosedLoopDay
        do {
            day = try ClosedLoopDay(
                profile: settings.profile, journal: lines, summary: try Self.text(load),
                replicas: try Self.text(replicas), processors: try processors.map(Self.text) ?? "", opensAt: opensAt,
                session: settings.calendar?.length ?? 0)
        } catch let fault as SimulationFault {
            throw UserError("report: \(fault)")
        }
        if let html { try InputFile.write(ClosedLoopPage(title: title, note: note).html(day), to: html) }
        if let json { try InputFile.write(ClosedLoopFindings(day).json, to: json) }
    }

    private static func text(_ file: String) throws -> String {
        String(decoding: try InputFile.read(file), as: UTF8.self)
    }
}
