import Foundation
import LocalStack
import TestServers
import Testing

/// The program as `make nemesis` runs it, for seconds instead of minutes.
@Suite(
    .serialized, .enabled(if: TestServers.areInstalled, "needs redis-server and PostgreSQL: make deps"),
    .timeLimit(.minutes(10)))
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

    private func run(_ arguments: String...) async throws -> Outcome { try await run(arguments) }

    private func run(_ arguments: [String]) async throws -> Outcome {
        let log = NSTemporaryDirectory() + "/nemesis-test-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let child = try ChildProcess.start([Self.program] + arguments, log: log)
        let code = await child.wait()
        return Outcome(code: code, output: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
    }

    /// Runs for so many seconds, and again for twice as many until `isEnough`: a slow machine meets less in a second.
    /// Every run must end with `code`.
    private func run(
        seconds: Int, _ arguments: [String], code: Int32, until isEnough: (String) -> Bool
    ) async throws -> Outcome {
        var outcome = Outcome(code: -1, output: "")
        for seconds in [seconds, 2 * seconds, 4 * seconds] {
            outcome = try await run(["--duration", "\(seconds)s"] + arguments)
            #expect(outcome.code == code, "\(outcome.output)")
            if outcome.code != code || isEnough(outcome.output) { break }
        }
        return outcome
    }

    @Test("A short run under faults of real servers has no anomaly")
    func shortRun() async throws {
        let outcome = try await run("--duration", "20s", "--seed", "20260101", "--processes", "2")
        #expect(outcome.code == 0, "\(outcome.output)")
        #expect(outcome.output.contains("verdict: clean, 0 anomalies"))
        // The verdict is about something: at least some calls of every kind succeeded.
        for kind in [
            "bounded", "staleAllowed", "session", "snapshot", "strict", "transfer", "serializable", "overwrite",
        ] {
            let count = Self.number(before: nil, after: kind, in: outcome.output)
            #expect(count > 10, "\(kind) in \(outcome.output)")
        }
    }

    @Test("A restored copy of L3 and a clock that went back begin epochs, and no call is wrong in any of them")
    func epochs() async throws {
        let faults = ["postgresRestore", "postgresClockBack", "postgresSerialization"]
        func effective(_ fault: String, _ output: String) -> Int {
            let row = output.split(separator: "\n").first { $0.contains("  \(fault) ") }
            return row.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
        }
        let arguments = [
            "--seed", "6", "--processes", "2", "--only", (faults + ["postgresDiskFull"]).joined(separator: ","),
        ]
        let outcome = try await run(seconds: 15, arguments, code: 0) { output in
            faults.allSatisfy { effective($0, output) > 0 }
        }
        #expect(outcome.output.contains("verdict: clean, 0 anomalies"), "\(outcome.output)")
        // Each kind came once at least and somebody met it; the epochs of a restore and of a step are judged apart.
        for fault in faults { #expect(effective(fault, outcome.output) > 0, "\(fault) in \(outcome.output)") }
        for epoch in 1...3 { #expect(outcome.output.contains("epoch \(epoch): tickets"), "\(outcome.output)") }
    }

    @Test("Tiers that lie are found out: the checker names every kind of anomaly that clients can provoke")
    func canary() async throws {
        let kinds = [
            "A1 garbage", "A2 aborted read", "A4 stale read", "A5 non-monotonic read", "A6 missed own write",
            "A7 lost update", "A8 fractured snapshot", "A9 not serializable", "A10 not linearizable",
            "A11 wrong outcome", "A12 untrue certificate",
        ]
        let arguments = ["--seed", "3", "--processes", "2", "--canary", "--only", "redisScriptFlush"]
        let outcome = try await run(seconds: 6, arguments, code: 99) { output in
            kinds.allSatisfy { Self.number(before: $0, after: nil, in: output) > 0 }
        }
        for kind in kinds {
            #expect(Self.number(before: kind, after: nil, in: outcome.output) > 0, "\(kind) in \(outcome.output)")
        }
    }

    /// The number that a line has before or after a name; 0 where no line has that name there.
    private static func number(before: String?, after: String?, in output: String) -> Int {
        for line in output.split(separator: "\n") {
            if let before, line.hasSuffix("  \(before)") { return Int(line.split(separator: " ")[0]) ?? 0 }
            if let after, line.hasPrefix("  \(after) ") { return Int(line.split(separator: " ")[1]) ?? 0 }
        }
        return 0
    }

    @Test("The plan of faults is the seed's, and another seed has another")
    func plan() async throws {
        let plan = try await run("--plan", "200", "--seed", "11")
        let again = try await run("--plan", "200", "--seed", "11", "--duration", "1h")
        let other = try await run("--plan", "200", "--seed", "12")
        #expect(plan.code == 0 && plan.output.split(separator: "\n").count == 200)
        #expect(plan.output == again.output && plan.output != other.output)
        // Every kind has its turn before any comes twice for its weight.
        let first = plan.output.split(separator: "\n").prefix(33).compactMap {
            $0.split(separator: " ").dropFirst().first
        }
        #expect(Set(first).count == 33)
    }

    @Test(
        "Wrong arguments end with code 2 and say what is wrong",
        arguments: [
            (["--duration", "5"], "--duration must be like"), (["--duration", "0s"], "--duration"),
            (["--processes", "9"], "--processes must be 2 to 8"), (["--seed"], "--seed needs a value"),
            (["--only", "meteor"], "no fault meteor"), (["--fast"], "unknown argument --fast"),
            (["--plan", "0"], "--plan must be 1 to 100000"),
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
        let lines = list.output.split(separator: "\n")
        #expect(list.code == 0 && lines.count == 36 && lines.count { $0.hasPrefix("not injected, ") } == 3)
    }
}
