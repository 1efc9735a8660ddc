import Foundation
import LocalStack

/// Real programs of Debian that some tests use: they end with this process, however it ends.
enum Programs {
    /// Whether a program is on the path; where `CI` is set the tests run and fail without it.
    static func has(_ name: String) -> Bool {
        ProcessInfo.processInfo.environment["CI"] != nil || path(name) != nil
    }

    static func path(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// A scratch folder, removed afterwards.
    static func withFolder<T>(_ body: (String) async throws -> T) async throws -> T {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("springtide-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await body(folder.path)
    }

    /// Runs a program to its end; its status and what it wrote.
    static func run(_ arguments: [String], in folder: String) async throws -> (status: Int32, output: String) {
        let log = "\(folder)/\(UUID().uuidString).log"
        let child = try ChildProcess.start(arguments, log: log)
        let status = await child.wait()
        return (status, (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
    }
}
