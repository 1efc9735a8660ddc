import Foundation
import LocalStack
import TestServers
import Testing

/// The program as `make nemesis` runs it, for seconds instead of minutes.
@Suite(
    .serialized, .enabled(if: TestServers.areInstalled, "needs redis-server and PostgreSQL: make deps"),
    .timeLimit(.minutes(5)))
struct NemesisTests {
    private struct Outcome {
        var code: Int32
        var output: String
    }

    /// The folder of the test bundle is the folder of the programs.
    private static let program: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for argument in CommandLine.arguments + [own] where argument.contains(".xctest") {
            let folder = URL(fileURLWithPath: argument).deletingLastPathComponent().path
            if FileManager.default.isExecutableFile(atPath: "\(folder)/nemesis") { return "\(folder)/nemesis" }
        }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".build/release/nemesis").path
    }()

    private func run(_ arguments: String...) async throws -> Outcome {
        let log = NSTemporaryDirectory() + "/nemesis-test-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let child = try ChildProcess.start([Self.program] + arguments, log: log)
        let code = await child.wait()
        return Outcome(code: code, output: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
    }

    @Test("A short run under faults of real servers has no anomaly")
    func shortRun() async throws {
        let outcome = try await run("--duration", "20s", "--seed", "20260101", "--processes", "2")
        #expect(outcome.code == 0, "\(outcome.output)")
        #expect(outcome.output.contains("verdict: clean, 0 anomalies"))
        // The verdict is about something: at least some calls of every kind succeeded.
        for kind in ["bounded", "session", "snapshot", "strict", "write"] {
            let line = outcome.output.split(separator: "\n").first { $0.hasPrefix("  \(kind)") }
            let count = line.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
            #expect(count > 20, "\(kind): \(line ?? "no line")")
        }
    }

    @Test("An L2 that lies is found: the checker sees what the cache cannot")
    func canary() async throws {
        let outcome = try await run(
            "--duration", "5s", "--seed", "3", "--processes", "2", "--canary", "--only", "redisScriptFlush")
        #expect(outcome.code == 99 && outcome.output.contains("A12 untrue certificate"), "\(outcome.output)")
    }

    @Test(
        "Wrong arguments end with code 2 and say what is wrong",
        arguments: [
            (["--duration", "5"], "--duration must be like"), (["--duration", "0s"], "--duration"),
            (["--processes", "9"], "--processes must be 2 to 8"), (["--seed"], "--seed needs a value"),
            (["--only", "meteor"], "no fault meteor"), (["--fast"], "unknown argument --fast"),
        ])
    func wrongArguments(arguments: [String], message: String) async throws {
        let log = NSTemporaryDirectory() + "/nemesis-test-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let child = try ChildProcess.start([Self.program] + arguments, log: log)
        let code = await child.wait()
        let output = try String(contentsOfFile: log, encoding: .utf8)
        #expect(code == 2 && output.contains(message), "\(code): \(output)")
    }

    @Test("--help and --list need no servers")
    func help() async throws {
        let help = try await run("--help")
        #expect(help.code == 0 && help.output.contains("exit codes: 0 no anomaly"))
        let list = try await run("--list")
        #expect(list.code == 0 && list.output.split(separator: "\n").count == 28)
    }
}
