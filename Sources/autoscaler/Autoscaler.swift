internal import ArgumentParser
internal import Foundation

/// The program `autoscaler`: the sidecar that decides replicas, and what trains, judges and calibrates its policies.
@main
struct Autoscaler: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autoscaler",
        abstract: "Decides replicas ahead of the load; trains, judges and calibrates what decides.",
        discussion: """
            A first look:
              autoscaler run --config config/autoscaler.yaml --dry-run
              autoscaler evaluate --policies all --trace day:mild --trace day:bursty --seeds 10 --html out.html
              autoscaler train --out policy.safetensors
              autoscaler forecast train --data minutes.csv --time-column minute --value-column requests \\
                --session 24x7 --out model.safetensors
              autoscaler forecast evaluate --model model.safetensors --data minutes.csv --time-column minute \\
                --value-column requests

            Exit codes: 0 done, 1 failed, 2 wrong data, checkpoint or arguments, 99 `calibrate` is too far off,
            130 interrupted before a first epoch, or a second signal to `run`.
            """,
        version: "0.1.0",
        subcommands: [
            RunCommand.self, ReplayCommand.self, ReportCommand.self, PolicyEvaluateCommand.self,
            PolicyTrainCommand.self, CalibrateCommand.self, LearnersCommand.self, ForecastCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            if code == .validationFailure {
                Terminal.complain(fullMessage(for: error))
                Foundation.exit(2)
            }
            guard !code.isSuccess, !(error is ExitCode) else { exit(withError: error) }
            Terminal.complain("autoscaler: \(error)")
            Foundation.exit(error is UserError ? 2 : 1)
        }
    }
}

/// What the person who gave the arguments can put right.
struct UserError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// `autoscaler forecast`: train, evaluate, plot, benchmark.
struct ForecastCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forecast",
        abstract: "Train, judge and draw forecasters of load.",
        subcommands: [TrainCommand.self, EvaluateCommand.self, PlotCommand.self, BenchmarkCommand.self])
}
