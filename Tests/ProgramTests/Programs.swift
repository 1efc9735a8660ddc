import Foundation
import LocalStack

/// The programs of this package, as a user would start them.
enum Programs {
    struct Outcome {
        var code: Int32
        var output: String
    }

    /// The folder of the test bundle is the folder of the programs.
    static let directory: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for argument in CommandLine.arguments + [own] where argument.contains(".xctest") {
            let folder = URL(fileURLWithPath: argument).deletingLastPathComponent().path
            if FileManager.default.isExecutableFile(atPath: "\(folder)/springtide") { return folder }
        }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".build/release").path
    }()

    /// The repository.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Runs a program to its end; standard output and error together.
    static func run(_ name: String, _ arguments: String...) async throws -> Outcome {
        try await run(["\(directory)/\(name)"] + arguments)
    }

    /// Runs a program of the system to its end.
    static func runTool(_ name: String, _ arguments: String...) async throws -> Outcome {
        try await run([name] + arguments)
    }

    private static func run(_ command: [String]) async throws -> Outcome {
        let log = NSTemporaryDirectory() + "/springtide-program-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let child = try ChildProcess.start(command, log: log)
        let code = await child.wait()
        return Outcome(code: code, output: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
    }

    /// A directory of its own, removed by the caller.
    static func scratch() throws -> String {
        let path = NSTemporaryDirectory() + "/springtide-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
