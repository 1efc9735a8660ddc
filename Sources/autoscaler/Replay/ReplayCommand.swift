internal import ArgumentParser
internal import Autoscaling
internal import Foundation
internal import Telemetry

/// `autoscaler replay`: decides the past again.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Decide a journal's past again, with the same policies or others, and tell the differences.",
        discussion: """
            Reads the journal and its older files (JOURNAL.1, JOURNAL.2, ...), takes configuration and profile from \
            the journal itself, and asks the policies in the order of the recorded observations. A policy that was \
            recorded must come out the same to the last bit; another one is compared with what was applied.

            Example:
              autoscaler replay journal.jsonl --policy ladder --policy keda

            Exit codes: 0 replayed, 1 with --strict where a recorded policy came out differently, 2 the journal, the \
            configuration or the arguments cannot be used.
            """)

    @Argument(help: "The journal's file in use.")
    var journal: String
    @Option(
        help: "A policy: ladder, \(PolicyShelf.names.joined(separator: ", ")), or the model's name; may be repeated.")
    var policy: [String] = ["ladder"]
    @Option(help: "A configuration instead of the recorded one.")
    var config: String?
    @Option(help: "The model's file; without it a learned policy of the journal cannot be asked again.")
    var model: String?
    @Flag(help: "Write the differences as JSON.")
    var json = false
    @Flag(help: "Exit 1 where a recorded policy comes out differently.")
    var strict = false

    func run() throws {
        let settings = try config.map { try RunConfiguration.read($0) }
        let (path, lines) = (model, try Self.lines(journal))
        let hasDecision = lines.contains { if case .decision = $0 { true } else { false } }
        guard hasDecision else { throw UserError("\(journal) has no decision; is it the journal's file in use?") }
        var replayer = Replayer(policy, configuration: settings) { profile in
            try path.map { try LoadedModel.read($0, profile) }
        }
        for line in lines { try replayer.take(line) }
        Terminal.say(json ? Self.json(replayer) : Self.text(replayer))
        if strict, replayer.verdicts.contains(where: { $0.identical != $0.recorded }) { throw ExitCode(1) }
    }

    /// The lines of all files of a journal, the oldest first.
    static func lines(_ path: String) throws -> [JournalLine] {
        var files = [path]
        while FileManager.default.fileExists(atPath: "\(path).\(files.count)") {
            files.append("\(path).\(files.count)")
        }
        var lines: [JournalLine] = []
        for file in files.reversed() {
            do {
                let text = String(decoding: try InputFile.read(file), as: UTF8.self)
                let contents = try JournalContents(text)
                if contents.bytesTorn > 0 {
                    Terminal.complain("autoscaler: \(file): a torn line of \(contents.bytesTorn) bytes is left out")
                }
                lines += contents.lines
            } catch let fault as JournalFault {
                throw UserError("\(file): \(fault)")
            }
        }
        return lines
    }

    private static func text(_ replayer: Replayer) -> String {
        var out = replayer.notes.map { "note: \($0)\n" }.joined()
        for verdict in replayer.verdicts {
            out += "\(verdict.policy): \(verdict.asked) decisions, "
            out += verdict.recorded > 0 ? "\(verdict.identical) of \(verdict.recorded) as recorded, " : "not recorded, "
            out += "\(verdict.unlikeApplied) unlike what was applied, \(verdict.faults) faults, "
            out += "\(verdict.replicas) replica-periods for \(verdict.replicasApplied) applied\n"
            for difference in verdict.differences.prefix(10) {
                let before = difference.recorded.map { "\($0)" } ?? "a fault"
                let now = difference.now.map { "\($0)" } ?? "fault \(difference.fault ?? "")"
                out += "  \(difference.id): \(before) -> \(now)\n"
            }
            let more = verdict.differences.count - 10
            if more > 0 { out += "  and \(more) more; --json has them\n" }
        }
        return out
    }

    private static func json(_ replayer: Replayer) -> String {
        func list(_ counts: [Int]?) -> String { counts.map { "\($0)" } ?? "null" }
        let verdicts = replayer.verdicts.map { verdict in
            let differences = verdict.differences.map { difference in
                "{\"decision\":\(JSONText.quote(difference.id)),\"from\":\"\(difference.from)\","
                    + "\"recorded\":\(list(difference.recorded)),\"now\":\(list(difference.now)),"
                    + "\"fault\":\(difference.fault.map(JSONText.quote) ?? "null")}"
            }
            return "{\"policy\":\(JSONText.quote(verdict.policy)),\"asked\":\(verdict.asked),"
                + "\"recorded\":\(verdict.recorded),\"identical\":\(verdict.identical),"
                + "\"unlike_applied\":\(verdict.unlikeApplied),\"faults\":\(verdict.faults),"
                + "\"replica_periods\":\(verdict.replicas),\"replica_periods_applied\":\(verdict.replicasApplied),"
                + "\"differences\":[\(differences.joined(separator: ","))]}"
        }
        let notes = replayer.notes.map(JSONText.quote).joined(separator: ",")
        return "{\"notes\":[\(notes)],\"policies\":[\(verdicts.joined(separator: ",\n"))]}\n"
    }
}
