import Autoscaling
import Foundation
import Testing

/// `autoscaler calibrate` as a user starts it.
@Suite struct CalibrateProgramTests {
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
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".build/release/autoscaler")
            .path
    }()

    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    /// Runs `body` in a folder with the files given.
    private func with(_ files: [String: String], _ body: () throws -> Void) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try text.write(toFile: path(name), atomically: true, encoding: .utf8) }
        try body()
    }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    private func text(_ name: String) -> String { (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? "" }

    private func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    private func run(_ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = ["calibrate"] + arguments
        process.currentDirectoryURL = folder
        for (name, isOutput) in [("run.out", true), ("run.err", false)] {
            try Data().write(to: folder.appendingPathComponent(name))
            let handle = try FileHandle(forWritingTo: folder.appendingPathComponent(name))
            if isOutput { process.standardOutput = handle } else { process.standardError = handle }
        }
        try process.run()
        process.waitUntilExit()
        return Outcome(code: process.terminationStatus, output: text("run.out"), errors: text("run.err"))
    }

    /// Steps of two services by the response model, times in milliseconds.
    private static func csv(_ loads: [Double], scale: Double = 1) -> String {
        var lines = ["service,replicas,rate,mean,p95"]
        for (name, workers, seconds) in [("risk", 4, 0.002), ("ledger", 2, 0.0016)] {
            let fit = CalibrationTests.known(workers: workers, seconds: seconds, variation: 0.8)
            for replicas in [1, 2] {
                for load in loads {
                    let rate = load * fit.capacity * Double(replicas)
                    let model = fit.predict(rate: rate, replicas: replicas)
                    lines.append(
                        "\(name),\(replicas),\(rate),\(model.mean * 1e3 * scale),\(model.p95 * 1e3 * scale)")
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let loads = [0.2, 0.4, 0.6, 0.75, 0.9]

    @Test("A profile is fitted, checked and written; it reads as the base of the next") func writes() throws {
        let files = [
            "steps.csv": Self.csv(Self.loads), "check.csv": Self.csv([0.3, 0.5, 0.8]),
            "startups.csv": "service,ordered,ready\nrisk,0,10\nrisk,0,12\nrisk,0,14\n",
            "visits.csv": "class,service,requests,visits\norder,risk,10,10\norder,ledger,10,20\nquery,risk,30,3\n",
        ]
        try with(files) {
            let outcome = try run(
                "--steps", "steps.csv", "--times", "ms", "--check", "check.csv", "--startups", "startups.csv",
                "--visits", "visits.csv", "--latency-target", "40ms", "--out", "chain.yaml")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("risk") && outcome.errors.contains("predicted / measured"))
            #expect(text("chain.yaml").contains("# Checked on ledger: 6 other loads, p95 at most"))
            let yaml = text("chain.yaml")
            for line in [
                "  order: 0.25", "  query: 0.75", "latency_target: 40ms", "  - name: risk", "    workers: 4",
                "    startup: {from: 8s, to: 16s, failures: 0.0}", "    visits: {order: 1.0, query: 0.1}",
                "    visits: {order: 2.0, query: 0.0}",
            ] { #expect(yaml.contains(line + "\n"), "\(line) in\n\(yaml)") }

            // Only risk is measured anew: the ledger stays as the file says.
            let only = Self.csv(Self.loads).split(separator: "\n").filter { !$0.hasPrefix("ledger") }
            try only.joined(separator: "\n").write(toFile: path("risk.csv"), atomically: true, encoding: .utf8)
            let again = try run(
                "--steps", "risk.csv", "--times", "ms", "--profile", "chain.yaml", "--workers", "risk=4", "--out", "-")
            #expect(again.code == 0, "\(again.errors)")
            #expect(again.errors.contains("'ledger' has no steps and keeps its figures"))
            // Budgets come from times that were rounded to a nanosecond in between.
            let lines = { (text: String) in
                text.split(separator: "\n").filter { !$0.hasPrefix("#") && !$0.contains("latency_budget") }
            }
            #expect(lines(again.output) == lines(yaml))
        }
    }

    @Test("A check that fails writes nothing, shows predicted beside measured, and ends with 99") func failedCheck()
        throws
    {
        try with(["steps.csv": Self.csv(Self.loads), "check.csv": Self.csv([0.5, 0.7], scale: 1.3)]) {
            let outcome = try run(
                "--steps", "steps.csv", "--times", "ms", "--check", "check.csv", "--out", "chain.yaml")
            #expect(outcome.code == 99)
            #expect(outcome.errors.contains("off, more than 15.0 %; nothing was written"), "\(outcome.errors)")
            #expect(outcome.errors.contains("predicted / measured"), "\(outcome.errors)")
            #expect(!FileManager.default.fileExists(atPath: path("chain.yaml")))
            let tolerant = try run(
                "--steps", "steps.csv", "--times", "ms", "--check", "check.csv", "--check-limit", "0.5", "--out", "-")
            #expect(tolerant.code == 0 && tolerant.output.contains("# Checked on risk: 4 other loads, p95 at most"))
        }
    }

    @Test("Loads above the fitted rates are marked and not judged; nothing else to check ends with 99") func above()
        throws
    {
        let files = [
            "steps.csv": Self.csv([0.2, 0.3, 0.4, 0.5]), "above.csv": Self.csv([0.8], scale: 1.3),
            "within.csv": Self.csv([0.45]),
        ]
        try with(files) {
            let outcome = try run(
                "--steps", "steps.csv", "--times", "ms", "--check", "above.csv", "--out", "chain.yaml")
            #expect(outcome.code == 99 && outcome.errors.contains("the greatest fitted rate"), "\(outcome.errors)")
            #expect(!FileManager.default.fileExists(atPath: path("chain.yaml")))
            let both = try run(
                "--steps", "steps.csv", "--times", "ms", "--check", "above.csv", "within.csv", "--out", "-")
            #expect(both.code == 0, "\(both.errors)")
            #expect(both.errors.split(separator: "\n").count { $0.hasSuffix("ABOVE") } == 4, "\(both.errors)")
            #expect(both.errors.split(separator: "\n").count { $0.hasSuffix("within") } == 4, "\(both.errors)")
            #expect(both.output.contains("off; 2 more above the fitted rates, not judged"), "\(both.output)")
        }
    }

    @Test("A capacity far above all that was measured is called a guess, beside the table and in the file") func guess()
        throws
    {
        try with(["low.csv": Self.csv([0.1, 0.15, 0.2, 0.25]), "high.csv": Self.csv(Self.loads)]) {
            let low = try run(
                "--steps", "low.csv", "--times", "ms", "--workers", "risk=4", "ledger=2", "--out", "chain.yaml")
            #expect(low.code == 0, "\(low.errors)")
            for text in [low.errors, text("chain.yaml")] {
                #expect(text.contains("'risk' was measured up to 25.0 % of the 2000.0 requests a second"), "\(text)")
                #expect(text.contains("'ledger'") && text.contains("is a guess, measure greater rates"), "\(text)")
            }
            let high = try run("--steps", "high.csv", "--times", "ms", "--out", "-")
            #expect(high.code == 0 && !high.errors.contains("guess") && !high.output.contains("guess"))
        }
    }

    @Test("The steps of a loadgen summary are read; a run the generator limited is not, nor steps of stolen processors")
    func summaries() throws {
        let fit = CalibrationTests.known(workers: 4, seconds: 0.002, variation: 0.8)
        func summary(verdict: String = "pass", version: Int = 2, steal: [Double] = []) -> String {
            let steps = Self.loads.enumerated().map { index, load in
                let rate = load * fit.capacity
                let model = fit.predict(rate: rate, replicas: 1)
                return """
                    {"scenario": "s", "index": 0, "users": 0, "rate": \(rate), "ok": true,
                     "begin": \(index * 30), "end": \(index * 30 + 30),
                     "offered": \(rate * 30), "counts": {"ok": \(rate * 30), "timeout": 0}, "limits": [],
                     "response": {"count": 1, "mean_us": \(model.mean * 1e6), "p95_us": \(model.p95 * 1e6),
                                  "p50_us": \(model.mean * 0.9e6), "p99_us": \(model.p95 * 1.5e6)}}
                    """
            }
            // A sample ends a little after its second.
            let samples = steal.enumerated().flatMap { index, share in
                (1...30).map { "{\"second\": \(Double(index * 30 + $0) + 0.01), \"machine_steal\": \(share)}" }
            }
            let watch = steal.isEmpty ? "" : "\"watch\": {\"samples\": [\(samples.joined(separator: ","))]},"
            return """
                {\(watch) "schema_version": \(version), "verdict": "\(verdict)", "schedule": {"seconds": 300, "warmup_seconds": 0},
                 "totals": {"error_ratio": 0, "answered_per_second": 100, "new": {}},
                 "response": {"mean_us": 1, "p95_us": 1}, "steps": [\(steps.joined(separator: ","))]}
                """
        }
        let files = [
            "a.json": summary(), "limited.json": summary(verdict: "generator_limited"), "old.json": summary(version: 1),
            "other.json": "{\"steps\": 3}", "bad.json": "<html>",
            "busy.json": summary(steal: [0, 0.2, 0.04, 0.06, 0]), "stolen.json": summary(steal: [1, 1, 1, 1, 1]),
        ]
        try with(files) {
            let outcome = try run("--summary", "risk:1:a.json", "--out", "-")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("    workers: 4\n    service_time: 2"), "\(outcome.output)")
            let checked = try run("--summary", "risk:1:a.json", "--check", "risk:1:a.json", "--out", "-")
            #expect(checked.code == 0, "\(checked.errors)")
            #expect(checked.errors.split(separator: "\n").count { $0.hasPrefix("risk ") } == 6, "one fit, five loads")
            // The same times of two replicas are not what two replicas do.
            let wrong = try run("--summary", "risk:1:a.json", "--check", "risk:2:a.json", "--out", "-")
            #expect(wrong.code == 99 && wrong.output.isEmpty, "\(wrong.errors)")
            let busy = try run("--summary", "risk:1:a.json", "--check", "risk:1:busy.json", "--out", "-")
            #expect(busy.code == 0, "\(busy.errors)")
            #expect(busy.errors.split(separator: "\n").count { $0.hasPrefix("risk ") } == 4, "one fit, three loads")
            for (index, share) in [(1, "20.0 %"), (3, "6.0 %")] {
                let rate = String(format: "%.1f", Self.loads[index] * fit.capacity)
                #expect(
                    busy.errors.contains(
                        "busy.json: a step of \(rate) requests a second is left out, the hypervisor withheld \(share)"),
                    "\(busy.errors)")
            }
            let all = try run("--summary", "risk:1:a.json", "--check", "risk:1:stolen.json", "--out", "-")
            #expect(all.code == 2 && all.output.isEmpty && all.errors.contains("no step is left to check"))
            let lenient = try run("--summary", "risk:1:stolen.json", "--steal-limit", "1", "--out", "-")
            #expect(lenient.code == 0, "\(lenient.errors)")
            for (argument, words) in [
                ("risk:1:stolen.json", "no step is left to fit"),
                ("risk:1:limited.json", "the generator limited this run"), ("risk:1:old.json", "schema version 1"),
                ("risk:1:other.json", "no summary of loadgen"), ("risk:1:bad.json", "no JSON object"),
                ("risk:0:a.json", "not SERVICE:REPLICAS:FILE"), ("a.json", "not SERVICE:REPLICAS:FILE"),
                ("risk:1:none.json", "no such file"),
            ] {
                let wrong = try run("--summary", argument, "--out", "-")
                #expect(wrong.code == 2 && wrong.errors.contains(words), "\(argument): \(wrong.errors)")
                #expect(wrong.output.isEmpty)
            }
        }
    }

    @Test("Times without a queue are kept from the base, and written as they are read") func unloaded() throws {
        let risk = Self.csv(Self.loads).split(separator: "\n").filter { !$0.hasPrefix("ledger") }
        let line = "    unloaded: {mean: 1ms, variation: 0.5, pause: 5ms}\n"
        let base = "services:\n  - {name: risk, service_time: 1ms}\n  - name: ledger\n    service_time: 2ms\n"
        let files = [
            "steps.csv": risk.joined(separator: "\n"), "base.yaml": base + line + "    discipline: batch\n",
            "wrong.yaml": base + "    unloaded: {men: 1ms}\n",
        ]
        try with(files) {
            let outcome = try run("--steps", "steps.csv", "--times", "ms", "--profile", "base.yaml", "--out", "-")
            #expect(
                outcome.code == 0 && outcome.output.contains(line + "    discipline: batch\n"),
                "\(outcome.output)\(outcome.errors)")
            let wrong = try run("--steps", "steps.csv", "--times", "ms", "--profile", "wrong.yaml", "--out", "-")
            #expect(wrong.code == 2 && wrong.errors.contains("wrong.yaml:"), "\(wrong.errors)")
        }
    }

    @Test("Wrong data and arguments end with 2 and say where") func mistakes() throws {
        let files = [
            "steps.csv": Self.csv(Self.loads), "few.csv": Self.csv([0.5]),
            "broken.csv": "service,replicas,rate,mean,p95\nrisk,1,x,1,2\n",
            "base.yaml": "services:\n  - name: matching\n    service_time: 1ms\n",
            "wrong.yaml": "services:\n  - name: risk\n    servicetime: 1ms\n",
        ]
        try with(files) {
            for (arguments, words) in [
                (["--steps", "broken.csv"], "broken.csv line 2: 'x' is no number"),
                (["--steps", "few.csv"], "3 with different rates"), (["--steps", "none.csv"], "no such file"),
                (["--steps", "steps.csv", "--times", "h"], "--times is s, ms or us"), ([], "--steps or --summary"),
                (["--steps", "steps.csv", "--workers", "risk"], "not SERVICE=N"),
                (["--steps", "steps.csv", "--workers", "rsk=2"], "'rsk' is not in the profile"),
                (["--steps", "steps.csv", "--profile", "base.yaml"], "'risk' is not in the profile"),
                (["--steps", "steps.csv", "--profile", "wrong.yaml"], "wrong.yaml:"),
                (["--steps", "steps.csv", "--latency-target", "5"], "no time such as 50ms"),
            ] {
                let process = try run(arguments + ["--out", "-"])
                #expect(process.code == 2 && process.errors.contains(words), "\(arguments): \(process.errors)")
            }
            // A device is written into, not replaced by a file.
            try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("target"))
            let linked = try run("--steps", "steps.csv", "--times", "ms", "--out", "link")
            #expect(linked.code == 0, "\(linked.errors)")
            let link = try FileManager.default.destinationOfSymbolicLink(atPath: path("link"))
            #expect(link == path("target") && text("target").contains("  - name: risk"))
            let help = try run("--help")
            #expect(help.code == 0 && help.output.contains("Example:"))
        }
    }
}
