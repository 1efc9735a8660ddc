import Foundation
import LocalStack
import Testing

/// `autoscaler report` and what all commands do with files they are to write.
@Suite struct AutoscalerReportTests {
    private func text(serviceTime: String, folder: String) -> String {
        """
        period: 100ms
        chain: {services: [{name: risk, replicas: {min: 1, max: 20}, service_time: \(serviceTime)}]}
        journal: {file: \(folder)/journal.jsonl}

        """
    }

    @Test("Of a journal of several runs the one that decided during the load tells chain and calendar")
    func runOfTheDay() async throws {
        let bench = try SidecarBench("")
        defer { bench.remove() }
        var start = 0.0
        for serviceTime in ["10ms", "20ms", "40ms"] {
            if serviceTime == "40ms" { try await Task.sleep(for: .seconds(3.1)) }
            if serviceTime == "20ms" { start = Date().timeIntervalSince1970 }
            try bench.write(text(serviceTime: serviceTime, folder: bench.folder))
            let outcome = try await bench.run("run", "--config", bench.config, "--once")
            #expect(outcome.code == 0, "\(outcome.output)")
        }
        let series = (0..<3).map { "{\"second\":\($0),\"offered\":10,\"done\":0}" }.joined(separator: ",")
        let summary =
            "{\"started_at_us\":\(Int(start * 1e6)),\"schedule\":{\"interval_seconds\":1},\"series\":[\(series)]}"
        try summary.write(toFile: "\(bench.folder)/summary.json", atomically: true, encoding: .utf8)
        try "at,service,desired,ready,pending,draining\n\(start),risk,1,1,0,0\n".write(
            toFile: "\(bench.folder)/replicas.csv", atomically: true, encoding: .utf8)
        let given = ["--load", "\(bench.folder)/summary.json", "--replicas", "\(bench.folder)/replicas.csv"]
        let report = try await bench.run(["report", bench.journal] + given + ["--json", "-"])
        #expect(report.code == 0, "\(report.output)")
        let findings = try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any]
        #expect(findings?["capacity"] as? Double == 50, "\(report.output.prefix(500))")
    }

    @Test("Files that could not be written in the end are refused before any work, with what to do, exit 2")
    func outputs() async throws {
        let bench = try SidecarBench("")
        defer { bench.remove() }
        for arguments in [
            ["train", "--out"], ["learners", "--json"], ["learners", "--html"], ["evaluate", "--json"],
            ["evaluate", "--html"], ["calibrate", "--summary", "risk:1:none.json", "--out"],
        ] {
            let missing = try await bench.run(arguments + ["\(bench.folder)/nowhere/file"])
            #expect(missing.code == 2)
            #expect(missing.output.contains("there is no directory \(bench.folder)/nowhere"), "\(missing.output)")
            let folder = try await bench.run(arguments + [bench.folder])
            #expect(folder.code == 2 && folder.output.contains("is a directory; name a file"), "\(folder.output)")
        }
    }

    @Test("A journal without a decision is not replayed in vain") func emptyJournal() async throws {
        let bench = try SidecarBench("")
        defer { bench.remove() }
        try "".write(toFile: bench.journal, atomically: true, encoding: .utf8)
        let outcome = try await bench.run("replay", bench.journal, "--strict")
        #expect(outcome.code == 2 && outcome.output.contains("has no decision"), "\(outcome.output)")
    }
}
