import Engine
import Foundation
import Glibc
import Report
import Testing

/// Several processes for one run, through the program itself.
@Suite("loadgen run --workers", .serialized, .timeLimit(.minutes(5)))
struct OutputsWorkersTests {
    private let folder = TemporaryFolder()

    private func scenario(_ port: UInt16, seconds: Int = 2, _ more: String = "") throws -> String {
        try """
        version: 1
        name: split
        seed: 42
        target: {transport: http, address: 127.0.0.1:\(port), connections: 8}
        feeders:
          key: {type: zipf, size: 1000, exponent: 1, prefix: k}
        operations:
          get: {method: GET, path: "/get/${key}"}
          put: {method: GET, path: "/put/${key}"}
        scenarios:
          open: {stages: [{rate: 200, hold: \(seconds)s}], mix: {get: 3, put: 1}}
          users: {executor: constant-users, users: 5, duration: \(seconds)s, think: 100ms, mix: {get: 1}}
        thresholds: ["errors==0"]
        \(more)
        """.write(toFile: folder.file("s.yaml"), atomically: true, encoding: .utf8)
        return folder.file("s.yaml")
    }

    private func summary(_ name: String) throws -> RunReport {
        try SummaryReader.read(folder.text(name), name: name)
    }

    /// Requests of the open scenario that a server saw; those of users depend on how long answers take.
    private func puts(_ log: RequestLog) -> [String] { log.requests.filter { $0.contains("/put/") } }

    @Test("the requests of three workers together are those of one, and so are figures, JTL and connections")
    func union() throws {
        var seen: [[String]] = []
        var offered: [Int] = []
        for workers in [1, 3] {
            let log = try RequestLog()
            defer { log.stop() }
            let path = try scenario(
                log.port, "outputs: {jtl: {file: \(folder.file("\(workers).jtl")), dialect: \"2\"}}")
            let name = "\(workers).json"
            let run = try LoadgenProcess(
                ["run", "--scenario", path, "--workers", "\(workers)", "--json", folder.file(name)], in: folder)
            let code = run.wait()
            #expect(code == 0 || code == 120, "\(run.errors)\(run.output)")
            let report = try summary(name)
            #expect(report.errors == 0)
            #expect(report.total == log.requests.count)
            let rows = try folder.text("\(workers).jtl").split(separator: "\n")
            #expect(rows.count == log.requests.count + 1)
            #expect(rows.filter { $0.hasPrefix("timeStamp") }.count == 1)
            let open = try #require(report.result.merged(scenario: 0))
            offered.append(open.total)
            #expect(report.result.merged(scenario: 1)?.total ?? 0 > 5)
            seen.append(puts(log))
        }
        #expect(seen[0] == seen[1])
        #expect(seen[0].count > 50)
        #expect(offered[0] == offered[1])
        #expect(folder.names.allSatisfy { !$0.contains("worker") })
    }

    @Test("a worker that is killed takes its share along: the run fails and says so")
    func killedWorker() throws {
        let log = try RequestLog()
        defer { log.stop() }
        let run = try LoadgenProcess(
            [
                "run", "--scenario", scenario(log.port, seconds: 30, "outputs: {jtl: \(folder.file("killed.jtl"))}"),
                "--workers", "3", "--json", folder.file("killed.json"),
            ], in: folder)
        try #require(LoadgenProcess.until { log.requests.count > 100 }, "\(run.errors)")
        let workers = run.children
        #expect(workers.count == 3)
        kill(workers[1], SIGKILL)
        #expect(run.wait() == 99)
        let reason = "worker 2 of 3 that was killed by signal 9: 1/3 of the requests is missing, the run is invalid"
        #expect(run.errors.contains(reason))
        let report = try summary("killed.json")
        #expect(report.verdict == .fail)
        #expect(report.sentence.contains(reason))
        // Half a JTL would show a wrong throughput: there is none, and nothing of its parts.
        #expect(folder.names.allSatisfy { !$0.contains("jtl") })
        // The others stopped at once and their figures are there.
        #expect(report.total > 0)
        #expect(report.result.wallSeconds < 29)
        #expect(workers.allSatisfy { kill($0, 0) != 0 })
    }

    @Test("Ctrl-C reaches the workers: they stop, the report is written, the exit code is 105")
    func interrupted() throws {
        let log = try RequestLog()
        defer { log.stop() }
        let run = try LoadgenProcess(
            [
                "run", "--scenario", scenario(log.port, seconds: 30), "--workers", "2", "--json",
                folder.file("cut.json"),
            ],
            in: folder)
        try #require(LoadgenProcess.until { log.requests.count > 50 }, "\(run.errors)")
        kill(run.pid, SIGINT)
        #expect(run.wait() == 105)
        let report = try summary("cut.json")
        #expect(report.verdict == .interrupted)
        #expect(report.result.wallSeconds < 29)
        #expect(report.result.sent == log.requests.count)
    }

    @Test("workers end with their parent, also after kill -9")
    func orphans() throws {
        let log = try RequestLog()
        defer { log.stop() }
        let run = try LoadgenProcess(
            ["run", "--scenario", scenario(log.port, seconds: 30), "--workers", "2"], in: folder)
        try #require(LoadgenProcess.until { log.requests.count > 50 }, "\(run.errors)")
        let workers = run.children
        #expect(workers.count == 2)
        kill(run.pid, SIGKILL)
        #expect(run.wait() == -9)
        #expect(LoadgenProcess.until { workers.allSatisfy { kill($0, 0) != 0 } })
    }

    @Test("what cannot be split, and a target that is not there, end the run before anything is sent")
    func refusals() throws {
        let log = try RequestLog()
        func refused(_ path: String, _ workers: Int, _ more: [String] = []) throws -> (Int32, String) {
            let run = try LoadgenProcess(["run", "--scenario", path, "--workers", "\(workers)"] + more, in: folder)
            let code = run.wait()
            return (code, run.errors)
        }
        let (few, fewText) = try refused(scenario(log.port), 9)
        #expect(few == 104)
        #expect(fewText.contains("--workers: 9 need at least as many connections, not 8"))
        let (many, _) = try refused(scenario(log.port), 65)
        #expect(many == 104)
        let (none, noneText) = try refused(scenario(log.port), 0)
        #expect(none == 104)
        #expect(noneText.contains("--workers"))
        #expect(log.requests.isEmpty)
        let port = log.port
        log.stop()
        let (gone, goneText) = try refused(scenario(port), 2)
        #expect(gone == 1)
        #expect(goneText.contains("of 2"))
    }

    @Test("compare and merge: exit codes, bad files, and what they write")
    func commands() throws {
        let report = try Samples.full()
        try OutputFile.write(SummaryDocument.text(report), to: folder.file("a.json"))
        let text = try folder.text("a.json")
        try OutputFile.write(String(text.prefix(text.count / 2)), to: folder.file("cut.json"))
        try OutputFile.write("{\"schema_version\": 1}", to: folder.file("old.json"))
        try OutputFile.write("[1, 2]", to: folder.file("foreign.json"))
        try OutputFile.write(
            text.replacing("\"seed\": \"18446744073709551615\"", with: "\"seed\": \"8\""), to: folder.file("seed.json"))
        func run(_ arguments: [String]) throws -> (Int32, LoadgenProcess) {
            let process = try LoadgenProcess(arguments, in: folder)
            return (process.wait(), process)
        }
        let (same, compared) = try run(
            ["compare", folder.file("a.json"), folder.file("a.json"), "--html", folder.file("c.html")])
        #expect(same == 0, "\(compared.errors)")
        #expect(compared.output.hasSuffix("compare = No difference beyond chance.\n"))
        #expect(try folder.text("c.html").contains("Comparison with the first run"))
        let (merged, merging) = try run(
            ["merge", folder.file("a.json"), folder.file("a.json"), "--json", folder.file("m.json")])
        #expect(merged == report.verdict.exitCode, "\(merging.errors)")
        #expect(try summary("m.json").total == 2 * report.total)
        for bad in ["cut.json", "old.json", "foreign.json"] {
            let (code, process) = try run(["compare", folder.file("a.json"), folder.file(bad)])
            #expect(code == 104)
            #expect(process.errors.contains(bad), "\(process.errors)")
            #expect(process.output.isEmpty)
        }
        let (other, refusal) = try run(["merge", folder.file("a.json"), folder.file("seed.json"), "--json", "-"])
        #expect(other == 104)
        #expect(refusal.errors.contains("are no parts of one run: seed 18446744073709551615 and 8"))
        let (missing, _) = try run(["compare", folder.file("a.json"), folder.file("none.json")])
        #expect(missing == 1)
        for option in [["--tolerance", "x"], ["--percentiles", "50,100"], ["--percentiles", ""]] {
            let (code, _) = try run(["compare", folder.file("a.json"), folder.file("a.json")] + option)
            #expect(code == 104, "\(option)")
        }
    }
}
