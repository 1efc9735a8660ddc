internal import ArgumentParser
internal import Foundation
internal import LocalStack

/// `springtide stack`: a private Redis Cluster and PostgreSQL.
struct StackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stack", abstract: "Start, stop or show a private Redis Cluster and PostgreSQL.",
        discussion: """
            The servers live in a scratch directory, listen on loopback and a Unix socket only, and are gone when the
            stack is stopped or its owner process ends, however it ends.
            """,
        subcommands: [Start.self, Stop.self, Status.self, Hold.self])

    /// What `start` writes for `stop`, `status` and humans.
    struct Manifest: Codable {
        var owner: Int32
        var directory: String
        var redis: [String]
        var postgres: String
    }

    struct Options: ParsableArguments {
        @Option(help: "File that remembers the running stack.")
        var manifest = "\(NSTemporaryDirectory())/springtide-stack-\(getuid()).json"

        /// The stack of the file, nil where it is not running.
        func running() -> Manifest? {
            guard let data = FileManager.default.contents(atPath: manifest),
                let found = try? JSONDecoder().decode(Manifest.self, from: data), kill(found.owner, 0) == 0
            else { return nil }
            return found
        }
    }

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Start a stack that stays until it is stopped.")
        @OptionGroup var options: Options

        func run() async throws {
            if let running = options.running() {
                say("already running")
                return StackCommand.show(running)
            }
            try? FileManager.default.removeItem(atPath: options.manifest)
            let holder = try ChildProcess.start(
                [CommandLine.arguments[0], "stack", "hold", "--manifest", options.manifest],
                log: options.manifest + ".log", staysBehind: true)
            for _ in 0..<600 {
                if let running = options.running() { return StackCommand.show(running) }
                guard holder.isRunning else { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            throw LocalFailure("the stack did not start; see \(options.manifest).log")
        }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stop the stack and remove its directory.")
        @OptionGroup var options: Options

        func run() async throws {
            guard let running = options.running() else { return say("not running") }
            kill(running.owner, SIGTERM)
            for _ in 0..<300 where kill(running.owner, 0) == 0 { try await Task.sleep(for: .milliseconds(100)) }
            try? FileManager.default.removeItem(atPath: options.manifest)
            say("stopped")
        }
    }

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show where the stack listens; exit 1 if it is down.")
        @OptionGroup var options: Options

        func run() throws {
            guard let running = options.running() else {
                say("not running")
                throw ExitCode(1)
            }
            StackCommand.show(running)
        }
    }

    struct Hold: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Own a stack until interrupted.", shouldDisplay: false)
        @OptionGroup var options: Options

        func run() async throws {
            let stack = try LocalStack()
            let manifest = Manifest(
                owner: getpid(), directory: stack.directory, redis: stack.redis.addresses,
                postgres: stack.postgres.connection)
            let data = try JSONEncoder().encode(manifest)
            try data.write(to: URL(fileURLWithPath: options.manifest), options: .atomic)
            await Interruption.wait()
            stack.stop()
            try? FileManager.default.removeItem(atPath: options.manifest)
        }
    }

    private static func show(_ manifest: Manifest) {
        say("redis     \(manifest.redis.joined(separator: " "))")
        say("postgres  \(manifest.postgres)")
        say("directory \(manifest.directory) (owner \(manifest.owner))")
    }
}

/// A failure that is told as it is.
struct LocalFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
