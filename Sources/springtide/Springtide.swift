internal import ArgumentParser
internal import Foundation

/// The program `springtide`: a local stack, the trading services, replay of recorded flow, and the demo.
@main
struct Springtide: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "springtide",
        abstract: "Trading services on a three-level cache over PostgreSQL.",
        discussion: """
            A first look:      springtide demo
            For development:   springtide up                       (a stack, the services, sample accounts)
            With your servers: springtide migrate --config FILE && springtide serve --config FILE

            Exit codes: 0 done, 1 failed, 2 wrong configuration or arguments, 99 a promise was broken (`demo`), an
                        invariant or a trade is wrong (`audit`, `replay`), a path is broken (`cache check`).
            """,
        version: "0.1.0",
        subcommands: [
            DemoCommand.self, UpCommand.self, ServeCommand.self, SuperviseCommand.self, StackCommand.self,
            ReplayCommand.self, MigrateCommand.self, AuditCommand.self, RiskCommand.self, CacheCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ConfigurationError {
            complain("springtide: \(error)")
            Foundation.exit(2)
        } catch {
            let code = exitCode(for: error)
            guard code != .validationFailure else {
                complain(fullMessage(for: error))
                Foundation.exit(2)
            }
            guard !code.isSuccess, !(error is ExitCode) else { exit(withError: error) }
            complain("springtide: \(error)")
            Foundation.exit(1)
        }
    }
}

/// Writes a line to standard output at once, also where it is a pipe that other programs write to as well.
func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

/// Writes a line to standard error.
private func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
