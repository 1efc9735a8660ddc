import Foundation
import Glibc
import Testing

/// `loadgen run` as a child process, against a function of its own: no server is needed.
@Suite("loadgen run without a server", .serialized)
final class RunCommandTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "/springtide-scenario-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private struct Run {
        var status: Int32
        var output: String
        var errors: String
    }

    private func program() throws -> String {
        let bundle = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") }, "no test bundle named")
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("loadgen").path
    }

    /// - Parameter signals: sent one after the other once the run has begun.
    private func run(_ arguments: [String], signals: [Int32] = []) throws -> Run {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try program())
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let (out, err) = (folder + "/out", folder + "/err")
        for path in [out, err] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        process.standardOutput = FileHandle(forWritingAtPath: out)
        process.standardError = FileHandle(forWritingAtPath: err)
        try process.run()
        for signal in signals {
            for _ in 0..<1_000 where ((try? String(contentsOfFile: err, encoding: .utf8)) ?? "").isEmpty {
                usleep(10_000)
            }
            usleep(300_000)
            kill(process.processIdentifier, signal)
        }
        process.waitUntilExit()
        return Run(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOfFile: out, encoding: .utf8),
            errors: try String(contentsOfFile: err, encoding: .utf8))
    }

    @Test("schedule tests the arrivals of a scenario's open executors, as a run would send them")
    func scheduleOfFile() throws {
        let path = folder + "/arrivals.yaml"
        try """
        version: 1
        name: Two and a closed one
        seed: 11
        target: {transport: inproc, function: echo}
        operations: {call: {}}
        scenarios:
          steady: {executor: arrivals, stages: [{rate: 2000, hold: 40s}], mix: {call: 1}}
          bursts: {executor: arrivals, arrivals: even, stages: [{rate: 100, hold: 20s}], mix: {call: 1}}
          users: {executor: constant-users, users: 2, duration: 10s, think: 1s, mix: {call: 1}}
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let said = try run(["schedule", path, "--time-scale", "2"])
        #expect(said.status == 0 && said.errors.isEmpty, "\(said.errors)")
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(said.output.utf8)) as? [String: Any])
        let schedules = try #require(document["schedules"] as? [[String: Any]])
        #expect(document["passed"] as? Bool == true)
        #expect(schedules.map { $0["name"] as? String } == ["steady", "bursts"])
        #expect(schedules.map { $0["stream"] as? String } == ["arrivals", "arrivals/bursts"])
        #expect(schedules.map { $0["seconds"] as? Double } == [20, 10])
        // The first of even arrivals comes after one gap.
        #expect(schedules[1]["count"] as? Int == 999 || schedules[1]["count"] as? Int == 1_000)
        #expect(schedules.allSatisfy { $0["seed"] as? String == "11" })
        let refused = try run(["schedule", path, "--rate", "5"])
        #expect(refused.status == 104 && refused.errors.contains("--rate: has no meaning beside a scenario file"))
        #expect(try run(["schedule", "--instruments", "a.csv"]).status == 104)
        #expect(try run(["schedule", folder + "/absent.yaml"]).errors.contains("cannot be read"))
    }

    private func scenario(_ more: String = "") throws -> String {
        let path = folder + "/s.yaml"
        try """
        version: 1
        name: From a file
        target: {transport: inproc, function: echo}
        operations: {call: {}}
        stages: [{rate: 500, hold: 400ms}]
        \(more)
        """.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test("A run that holds its thresholds is 0, or 120 where this machine was the limit")
    func passes() throws {
        let path = try scenario("thresholds: [errors==0]\noutputs: {json: s.json, html: r.html}")
        let run = try run(["run", "--scenario", path])
        #expect(run.status == 0 || run.status == 120, "\(run.errors)")
        #expect(run.output.contains("ok   errors==0") && run.errors.contains("From a file"))
        #expect(try String(contentsOfFile: folder + "/s.json", encoding: .utf8).contains("From a file"))
        #expect(try String(contentsOfFile: folder + "/r.html", encoding: .utf8).hasSuffix("</html>\n"))
    }

    @Test("A failed threshold is 99, and users may take the place of a rate")
    func fails() throws {
        let path = try scenario()
        let run = try run(["run", "--scenario", path, "--threshold", "requests>=100000000", "--users", "3"])
        #expect(run.status == 99 && run.output.contains("FAIL requests>=100000000"), "\(run.errors)\(run.output)")
    }

    @Test("Interrupted once it writes its outputs and is 105", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let path = try scenario("outputs: {json: s.json}")
        let run = try run(["run", "--scenario", path, "--duration", "60s"], signals: [signal])
        #expect(run.status == 105, "\(run.errors)")
        #expect(try String(contentsOfFile: folder + "/s.json", encoding: .utf8).contains("interrupted"))
    }

    @Test("Interrupted twice it ends at once, without outputs")
    func interruptedTwice() throws {
        let path = try scenario("outputs: {json: s.json}")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        // Calls that sleep keep the drain waiting.
        try (text + "\n").replacing("function: echo", with: "function: sleep, timeout: 60s")
            .replacing("call: {}", with: "call: {fields: [delay]}")
            .appending("mix: {call: {weight: 1, with: {delay: 30000000}}}\n")
            .write(toFile: path, atomically: true, encoding: .utf8)
        let run = try run(["run", "--scenario", path, "--duration", "60s"], signals: [SIGINT, SIGINT])
        #expect(run.status == 105, "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder + "/s.json"))
    }

    @Test(
        "Bad options and scenarios are 104 with what is wrong",
        arguments: [
            (["--rate", "x"], "--rate must be a rate"), (["--seed=-1"], "--seed must be"),
            (["--users", "0"], "--users"),
            (["--threshold", "p(99)<"], "--threshold: threshold \"p(99)<\", column 7"),
            (["--mix", "call=x"], "--mix must be weights"), (["--time-scale", "0"], "--time-scale"),
            (["--schedule", "rate(5)"], "--schedule: column"), (["--timeout", "5"], "--timeout"),
            (["--arrivals", "sometimes"], "--arrivals must be one of poisson, poisson-exact, even"),
            (["--workers", "0"], "--workers must be 1 to 64"), (["--server-json-wait", "5000"], "--server-json-wait"),
        ])
    func refuses(options: [String], message: String) throws {
        let run = try run(["run", "--scenario", try scenario()] + options)
        #expect(run.status == 104)
        #expect(run.errors.contains(message) && run.errors.split(separator: "\n").count == 1, "\(run.errors)")
    }

    @Test("A file that cannot be used is 104 with its place; no argument says what to do; a strange option too")
    func files() throws {
        let unknown = try run(["run", "--scenario", try scenario("sedd: 1")])
        #expect(unknown.status == 104)
        #expect(unknown.errors == "loadgen: \(folder)/s.yaml:6:1: unknown key sedd; did you mean seed?\n")
        let missing = try run(["run", "--scenario", "/no/such.yaml"])
        #expect(missing.status == 104)
        #expect(missing.errors == "loadgen: /no/such.yaml: cannot be read: No such file or directory\n")
        let nothing = try run(["run"])
        #expect(nothing.status == 104 && nothing.errors.contains("run needs a scenario or a target"))
        let strange = try run(["run", "--speed", "5"])
        #expect(strange.status == 104 && strange.errors.contains("--speed"))
        let bare = try run([])
        #expect(bare.status == 0 && bare.output.contains("A first look"))
    }

    @Test("Help shows examples and the exit codes")
    func help() throws {
        let help = try run(["run", "--help"])
        #expect(help.status == 0)
        for part in [
            "loadgen run --rate 15000", "--time-scale", "99 one does not", "105 interrupted", "120 thresholds",
        ] {
            #expect(help.output.contains(part), "\(part)")
        }
    }
}
