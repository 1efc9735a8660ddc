internal import ArgumentParser
internal import Foundation
internal import LocalStack

/// `demo --autoscale` from start to verdict.
enum AutoscaleDay {
    /// What `autoscaler report` found (`Schemas/autoscaler-report.md`), as far as the verdict needs it.
    struct Findings: Decodable, Sendable {
        struct Promise: Decodable, Sendable {
            var text: String
            var kept: Bool
            var detail: String
        }

        struct Course: Decodable, Sendable {
            var name: String
            var replica_minutes: Double
            var most: Int
            var short_seconds: Int
        }

        var promises: [Promise]
        var courses: [Course]
    }

    /// Runs the day and prints the verdict.
    ///
    /// - Throws: `ExitCode(99)` where a promise was broken.
    static func run(_ plan: AutoscalePlan) async throws {
        let run = try await AutoscaleRun.start(plan)
        let promises: [DemoResult.Promise]
        do {
            let capacity = try await run.warmUp()
            let peak = plan.peak ?? AutoscalePlan.peak(capacity)
            let files = SidecarFiles(plan: plan, peak: peak, capacity: capacity, startup: run.startup)
            say(describe(files))
            try await run.run(files)
            let findings = try await report(plan, files)
            tell(findings, await run.result)
            promises =
                findings.promises.map { DemoResult.Promise(text: $0.text, isKept: $0.kept, detail: $0.detail) }
                + (await conduct(run, plan)) + (await run.result.promises(plan.base))
        } catch {
            await run.stop()
            throw error
        }
        await run.stop()
        guard DemoCommand.tell(promises, report: "\(plan.report)/index.html") else { throw ExitCode(99) }
    }

    private static func describe(_ files: SidecarFiles) -> String {
        let capacity = files.capacity
        let steps = capacity.steps.map {
            String(format: "%.0f/s %.1f %%, machine %.0f %%", $0.offered, $0.processors * 100, $0.machine * 100)
        }
        return String(
            format: "   one replica: %.0f us of processor time a request when busy, so %.0f requests a second on %.2f "
                + "processors\n   (%@)\n   it starts in %.1f s; the peak is %.0f/s", capacity.each * 1e6,
            capacity.capacity,
            files.plan.quota, steps.joined(separator: "; "), files.startup.upperBound / 1.5, files.peak)
    }

    /// Has the page made of journal, load and replicas, and reads what was found.
    private static func report(_ plan: AutoscalePlan, _ files: SidecarFiles) async throws -> Findings {
        step("writing the page")
        let folder = plan.report
        let note = String(
            format:
                "A trading day in %d s, %.0f requests a second at the most, seed %llu; replicas of `risk` with %.2f "
                + "processors each; one decision a second; limits, holds and cool-downs are %.0f times shorter than their "
                + "defaults, all times of HPA too; the rule counts at %.0f %% and keeps the largest need of %.0f s.",
            plan.seconds, files.peak, plan.seed, plan.quota, AutoscalePlan.controlScale,
            AutoscalePlan.utilisation * 100, AutoscalePlan.downWindow)
        let program = try ChildProcess.start(
            [
                DemoRun.sibling("autoscaler"), "report", "\(folder)/journal.jsonl", "--load", "\(folder)/summary.json",
                "--replicas", "\(folder)/replicas.csv", "--processors", "\(folder)/processors.csv", "--title",
                "A day of the autoscaler: \(plan.policy.rawValue)", "--note", note, "--html", "\(folder)/index.html",
                "--json", "\(folder)/report.json",
            ], log: "\(folder)/report.log")
        guard await program.wait() == 0, let data = FileManager.default.contents(atPath: "\(folder)/report.json") else {
            let log = (try? String(contentsOfFile: "\(folder)/report.log", encoding: .utf8)) ?? ""
            throw LocalFailure("the page could not be made:\n\(log.suffix(2_000))")
        }
        return try JSONDecoder().decode(Findings.self, from: data)
    }

    /// Figures above the verdict: cost, and how requests passed the screen.
    private static func tell(_ findings: Findings, _ result: DemoResult) {
        say("\nReplicas          minutes   most   seconds short of capacity")
        for course in findings.courses {
            let minutes = String(format: "%.1f", course.replica_minutes).padded(to: 10)
            say("  \(course.name.padded(to: 16))\(minutes)\("\(course.most)".padded(to: 7))\(course.short_seconds)")
        }
        let passages = ["accepted", "refused", "late", "bypassed"].map { word in
            "\(Int(result.metrics.sum("risk_screen_total", ["result": word]))) \(word)"
        }
        say("Screen            \(passages.joined(separator: ", "))")
        say("Commits           \(result.commitText)\n")
    }

    /// Whether the processes behaved.
    private static func conduct(_ run: AutoscaleRun, _ plan: AutoscalePlan) async -> [DemoResult.Promise] {
        let (sidecar, supervisor) = (await run.sidecarExit, await run.supervisorExit)
        let screened = await run.result.metrics.sum("risk_screen_total", ["result": "accepted"])
        var promises = [
            DemoResult.Promise(
                text: "sidecar and supervisor ended cleanly", isKept: sidecar == 0 && supervisor == 0,
                detail: "exit codes \(sidecar) and \(supervisor)"),
            DemoResult.Promise(
                text: "replicas screened the orders", isKept: screened > 0, detail: "\(Int(screened)) accepted"),
        ]
        guard plan.killsSidecar else { return promises }
        guard let away = await run.away else {
            promises.append(
                DemoResult.Promise(text: "the sidecar was killed", isKept: false, detail: "the load ended before"))
            return promises
        }
        let journal = (try? String(contentsOfFile: "\(plan.report)/journal.jsonl", encoding: .utf8)) ?? ""
        promises += afterKill(run.samples, away: away, journal: journal)
        return promises
    }

    /// What is promised when the sidecar is away: the last decision stays in force, and the next one goes on from it.
    static func afterKill(
        _ samples: [ReplicaWatch.Sample], away: (from: Double, until: Double), journal: String
    ) -> [DemoResult.Promise] {
        let ordered = samples.filter { $0.service == "risk" && (away.from...away.until).contains($0.at) }.map(\.desired)
        let isResumed = journal.split(separator: "\n").contains {
            $0.contains(#""kind":"run""#) && $0.contains(#""resumed":""#)
        }
        return [
            DemoResult.Promise(
                text: "without the sidecar the replicas stayed as they were",
                isKept: !ordered.isEmpty && Set(ordered).count == 1,
                detail: "\(Set(ordered).sorted().map(String.init).joined(separator: ", ")) ordered in "
                    + String(format: "%.1f s", away.until - away.from)),
            DemoResult.Promise(
                text: "the sidecar came back and took up its journal", isKept: isResumed,
                detail: isResumed ? "resumed" : "no run of the journal is resumed"),
        ]
    }
}
