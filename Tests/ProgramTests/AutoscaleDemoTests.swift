import Autoscaling
import Foundation
import LocalStack
import TestServers
import Testing

/// `springtide demo --autoscale` as a user starts it.
@Suite(.serialized) struct AutoscaleDemoTests {
    /// The processor controller of control groups is writable, without which the demo refuses to run.
    private static let hasQuotas: Bool = {
        let roots = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"]
        return getuid() == 0 && roots.contains { FileManager.default.isWritableFile(atPath: "\($0)/cgroup.procs") }
    }()

    @Test(
        "A day of a minute ends with a verdict, a page, and nothing lost, though the sidecar is killed in mid-morning",
        .enabled(if: TestServers.areInstalled, "redis-server or postgresql is not installed"),
        .enabled(if: hasQuotas, "no control group for processors can be made here"), .timeLimit(.minutes(10)))
    func day() async throws {
        let folder = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let outcome = try await Programs.run(
            "springtide", "demo", "--autoscale", "--minutes", "1", "--rate", "300", "--kill-sidecar", "--report", folder
        )
        // Speed is not judged here: a promise about response time may break on a busy machine, none of the others.
        #expect(outcome.code == 0 || outcome.code == 99, "\(outcome.output)")
        for text in [
            "ok     every acknowledged order is durable, exactly once",
            "ok     nothing is durable that was not acknowledged", "ok     the node stopped cleanly",
            "ok     sidecar and supervisor ended cleanly", "ok     replicas screened the orders",
            "ok     without the sidecar the replicas stayed as they were",
            "ok     the sidecar came back and took up its journal", "VERDICT: ",
        ] {
            #expect(outcome.output.contains(text), "\(text) is not in\n\(outcome.output)")
        }
        let page = try String(contentsOfFile: "\(folder)/index.html", encoding: .utf8)
        for text in ["Load, and what was expected of it", "HPA would order", "sidecar away", "trading node"] {
            #expect(page.contains(text), "\(text)")
        }
        let lines = try JournalContents(try String(contentsOfFile: "\(folder)/journal.jsonl", encoding: .utf8)).lines
        let decisions = lines.compactMap { if case .decision(let decision) = $0 { decision } else { nil } }
        #expect(decisions.count > 20)
        #expect(decisions.contains { $0.round.decider == "forecast" })
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(folder)/report.json")))
                as? [String: Any])
        #expect(
            (report["courses"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == [
                "actual", "static", "hpa",
            ])
    }

    @Test("Everything a killed demo started is gone", .enabled(if: TestServers.areInstalled), .enabled(if: hasQuotas))
    func killed() async throws {
        let folder = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let demo = try ChildProcess.start(
            ["\(Programs.directory)/springtide", "demo", "--autoscale", "--minutes", "1", "--report", folder],
            log: "\(folder)/demo.log")
        func log() -> String { (try? String(contentsOfFile: "\(folder)/demo.log", encoding: .utf8)) ?? "" }
        #expect(await eventually { log().contains("the day: ") || !demo.isRunning }, "\(log())")
        #expect(await eventually { FileManager.default.fileExists(atPath: "\(folder)/decisions.jsonl") }, "\(log())")
        #expect(Self.mentioning(folder) > 0)
        demo.signal(SIGKILL)
        _ = await demo.wait()
        #expect(await eventually { Self.mentioning(folder) == 0 })
    }

    /// Processes whose command line names `folder`.
    private static func mentioning(_ folder: String) -> Int {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.count { entry in
            guard Int32(entry) != nil else { return false }
            let line = (try? String(contentsOfFile: "/proc/\(entry)/cmdline", encoding: .utf8)) ?? ""
            return line.contains(folder)
        }
    }

    @Test(
        "Options that mean nothing are refused, exit 2",
        arguments: [
            (["--autoscale", "--minutes", "0.5"], "--minutes must be 1 to 60"),
            (["--autoscale", "--policy", "hpa"], "--policy must be forecast or reactive"),
            (["--autoscale", "--quota", "0"], "--quota must be 0.02 to 1"),
            (["--kill-sidecar"], "need --autoscale"), (["--minutes", "3"], "need --autoscale"),
            (["--autoscale", "--duration", "10s"], "without --autoscale; the day's length is --minutes"),
            (["--autoscale", "--correctness-only"], "without --autoscale; the day's length is --minutes"),
            (["--autoscale", "--kill", "1"], "--kill and --redis-stop are for the demo without --autoscale"),
        ])
    func options(arguments: [String], message: String) async throws {
        let log = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: log) }
        let program = try ChildProcess.start(
            ["\(Programs.directory)/springtide", "demo"] + arguments, log: "\(log)/out")
        #expect(await program.wait() == 2)
        let output = try String(contentsOfFile: "\(log)/out", encoding: .utf8)
        #expect(output.contains(message), "\(output)")
    }
}
