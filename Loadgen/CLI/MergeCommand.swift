internal import ArgumentParser
internal import Report

/// `loadgen merge`: the summaries of several generators as one.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Adds the JSON summaries of generators that shared one load.",
        discussion: """
            Examples:
              loadgen merge a.json b.json --json out.json
              loadgen merge machine-*.json --json out.json --html out.html

            Counts and histograms are added bucket by bucket, so percentiles are exact; thresholds are judged again. The
            summaries must be of one scenario with one seed, target and precision. CPU figures of the target come from
            the first summary that has them.

            Exit codes: those of loadgen run for the merged run (0, 99, 105, 120); 1 a file could not be read or written;
            104 a file is no summary, or the summaries do not belong together.
            """)

    @Argument(help: "JSON summaries, schema version 2; two or more.")
    var summaries: [String]
    @Option(help: "Write the merged summary here; - for standard output.")
    var json: String?
    @Option(help: "Write the HTML report here.")
    var html: String?

    func run() throws {
        let merged = try SummaryFiles.guarded {
            let parts = try summaries.map { (name: $0, report: try SummaryFiles.read($0)) }
            let merged = try RunMerge.merge(parts)
            if let json { try OutputFile.write(SummaryDocument.text(merged), to: json) }
            if let html { try OutputFile.write(HTMLPage.text(merged), to: html) }
            return merged
        }
        if json != "-", html != "-" { Terminal.say(TextReport.text(merged)) }
        if merged.verdict != .pass { throw ExitCode(merged.verdict.exitCode) }
    }
}

/// Summaries as commands read them.
enum SummaryFiles {
    static func read(_ path: String) throws -> RunReport { try SummaryReader.read(TextFile.read(path), name: path) }

    /// Says what went wrong and turns it into an exit code.
    static func guarded<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as SummaryError {
            throw complain(error, ProgramExit.badScenario)
        } catch let error as OutputError {
            throw complain(error, error.code == .mismatch ? ProgramExit.badScenario : ProgramExit.failure)
        } catch {
            throw complain(error, ProgramExit.failure)
        }
    }

    private static func complain(_ error: any Error, _ code: ExitCode) -> ExitCode {
        Terminal.complain("loadgen: \(error)")
        return code
    }
}
