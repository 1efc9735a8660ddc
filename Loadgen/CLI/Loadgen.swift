internal import ArgumentParser

/// The program: `loadgen run`.
@main
struct Loadgen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loadgen",
        abstract: "Sends order flow at a set rate and measures the answers from the intended send time.",
        discussion: """
            Exit codes: 0 all thresholds hold; 99 one does not; 104 bad scenario or option; 105 interrupted;
            120 thresholds hold but the generator was the limit, so the measurement is invalid;
            1 the target could not be reached or a file not be written.
            """,
        version: "loadgen 0.1",
        subcommands: [RunCommand.self])
}

/// The program's own exit codes beside those of `Verdict`.
enum ProgramExit {
    static let failure = ExitCode(1)
    static let badScenario = ExitCode(104)
}
