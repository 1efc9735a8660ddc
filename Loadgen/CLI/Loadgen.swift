internal import ArgumentParser

/// The program `loadgen`.
@main
struct Loadgen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loadgen",
        abstract:
            "Sends requests at a set rate, or for a set number of users, and measures from the intended send time.",
        discussion: """
            A first look, with the services of `springtide up` beside it:
              loadgen run --scenario config/scenarios/smoke.yaml --target 127.0.0.1:9880 --instruments instruments.csv
            The statistics of arrivals, without sending anything:
              loadgen schedule --process poisson --rate 15000 --duration 60s --seed 7 --stats

            Exit codes: 0 all thresholds hold; 99 one does not; 104 bad scenario or option; 105 interrupted;
            120 thresholds hold but the generator was the limit, so the measurement is invalid;
            1 the target could not be reached or a file not be written.
            """,
        version: "loadgen 0.1",
        subcommands: [
            RunCommand.self, ScheduleCommand.self, ReportCommand.self, CompareCommand.self, MergeCommand.self,
            WorkerCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            Terminal.complain(fullMessage(for: error))
            exit(withError: ProgramExit.badScenario)
        }
    }
}

/// The program's own exit codes beside those of `Verdict`.
enum ProgramExit {
    static let failure = ExitCode(1)
    static let badScenario = ExitCode(104)
}
