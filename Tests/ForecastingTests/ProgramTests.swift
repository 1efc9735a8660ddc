import Forecasting
import Foundation
import Testing

/// The program as a user starts it.
@Suite struct ProgramTests {
    private struct Outcome {
        var code: Int32
        var output: String
        var errors: String
    }

    /// The folder of the test bundle is the folder of the program.
    private static let program: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for argument in CommandLine.arguments + [own] where argument.contains(".xctest") {
            let file = URL(fileURLWithPath: argument).deletingLastPathComponent().appendingPathComponent("autoscaler")
            if FileManager.default.isExecutableFile(atPath: file.path) { return file.path }
        }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".build/release/autoscaler").path
    }()

    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    /// A folder with 40 days of loads.
    private func withData(_ body: (_ data: [String]) throws -> Void) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let session = try TradingSession("10:00-10:20,13:00-13:20")
        let series = try SyntheticLoad.series(days: 40, seed: 1, persistence: 0.7, session: session)
        try SyntheticLoad.csv(series).write(
            to: folder.appendingPathComponent("load.csv"), atomically: true, encoding: .utf8)
        try body(["--data", path("load.csv"), "--value-column", "load"])
    }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    private func start(_ arguments: [String], _ name: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = arguments
        for (suffix, isOutput) in [("out", true), ("err", false)] {
            let file = folder.appendingPathComponent("\(name).\(suffix)")
            try Data().write(to: file)
            let handle = try FileHandle(forWritingTo: file)
            if isOutput { process.standardOutput = handle } else { process.standardError = handle }
        }
        try process.run()
        return process
    }

    private func text(_ name: String) -> String { (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? "" }

    private func run(_ arguments: [String]) throws -> Outcome {
        let process = try start(arguments, "run")
        process.waitUntilExit()
        return Outcome(code: process.terminationStatus, output: text("run.out"), errors: text("run.err"))
    }

    private func train(_ data: [String], _ more: String...) -> [String] {
        ["forecast", "train"] + data
            + [
                "--session", "10:00-10:20,13:00-13:20", "--horizon", "3", "--profile-days", "8", "--validation-days",
                "5",
            ]
            + ["--windows", "640", "--threads", "1", "--out", path("model.safetensors")] + more
    }

    @Test("Train, evaluate and plot: a model, one table with JSON of equal bytes each time, and a page")
    func whole() throws {
        try withData { data in
            let trained = try run(train(data, "--epochs", "2", "--until", "2024-02-12"))
            #expect(trained.code == 0, "\(trained.errors)")
            #expect(trained.errors.contains("epoch 2/2: loss") && trained.errors.contains("skill"))
            #expect(trained.output.isEmpty)
            let model = ["--model", path("model.safetensors"), "--from", "2024-02-12"]
            var reports: [String] = []
            for _ in 0..<2 {
                let judged = try run(
                    ["forecast", "evaluate"] + data + model + ["--refit", "ridge", "--json", path("e.json")])
                #expect(judged.code == 0, "\(judged.errors)")
                #expect(judged.output.contains("ridge AR") && judged.output.contains("joined, refit"))
                reports.append(judged.output + text("e.json"))
            }
            #expect(reports[0] == reports[1])
            #expect(try JSONSerialization.jsonObject(with: Data(text("e.json").utf8)) is [[String: Any]])
            #expect(reports[0].contains("load x 1.5: test 2024-02-19 to 2024-02-23"))
            #expect(reports[0].components(separatedBy: "share inside the 95 % band").count == 3)
            let drawn = try run(["forecast", "plot"] + data + model + ["--out", path("page.html")])
            #expect(drawn.code == 0, "\(drawn.errors)")
            #expect(text("page.html").hasPrefix("<!doctype html>"))
        }
    }

    @Test("Ctrl-C ends training after the last whole epoch, and resuming goes on from there") func interrupted() throws
    {
        try withData { data in
            let process = try start(train(data, "--epochs", "5000", "--patience", "5000"), "train")
            while process.isRunning, !text("train.err").contains("epoch 1/5000") { sched_yield() }
            kill(process.processIdentifier, SIGINT)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(text("train.err").contains("interrupted; go on with --resume"))
            #expect(try ForecastCheckpoint.read(path("model.safetensors")).features.horizon == 3)
            let other = try run(train(data, "--epochs", "2", "--resume"))
            #expect(other.code == 2 && other.errors.contains("other settings"))
            let again = try start(train(data, "--epochs", "5000", "--patience", "5000", "--resume"), "again")
            while again.isRunning, !text("again.err").contains("/5000: loss") { sched_yield() }
            kill(again.processIdentifier, SIGTERM)
            again.waitUntilExit()
            #expect(again.terminationStatus == 0 && text("again.err").contains("resumed after epoch"))
            #expect(!text("again.err").contains("epoch 1/5000"))
        }
    }

    @Test("Bad data, checkpoints and arguments end with code 2, say why, and write nothing") func badInput() throws {
        try withData { data in
            let cases: [([String], String)] = [
                (train(["--data", path("absent.csv")]), "no such file"),
                (train(["--data", path("load.csv"), "--value-column", "volume"]), "no column 'volume'"),
                (train(data, "--extra-columns", "weather"), "'weather'"),
                (train(data, "--until", "2024-01-05"), "tooFewDays"),
                (train(data, "--until", "soon"), "'soon' is no date"),
                (train(data, "--stamp", "middle"), "--stamp"), (train(data, "--model", "tree"), "tree"),
                (train(data, "--resume"), "model.safetensors"),
                (["forecast", "evaluate", "--model", path("load.csv")] + data, "checkpoint"),
                (["forecast", "plot", "--model", path("load.csv"), "--out", path("page.html")] + data, "checkpoint"),
                (["forecast", "benchmark", "--data-folder", folder.path], "no such file"),
                (["forecast", "benchmark", "--data-folder", folder.path, "--seeds", "x"], "no seed"),
            ]
            for (arguments, part) in cases {
                let outcome = try run(arguments)
                #expect(outcome.code == 2, "\(arguments): \(outcome.errors)")
                #expect(outcome.errors.contains(part), "\(arguments): \(outcome.errors)")
            }
            #expect(!FileManager.default.fileExists(atPath: path("model.safetensors")))
            #expect(!FileManager.default.fileExists(atPath: path("page.html")))
        }
    }
}
