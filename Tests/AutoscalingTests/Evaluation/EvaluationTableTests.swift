import Autoscaling
import Foundation
import Testing

/// Tables of made-up runs.
@Suite struct EvaluationTableTests {
    static func entry(_ policy: String, _ seed: UInt64, violations: Double, replicas: Int) -> EvaluationEntry {
        let records = (0..<360).map { period in
            ControlRecord(
                time: Double(period) * 10, requests: 1_000, violations: 1_000 * violations,
                replicaSeconds: 10 * Double(replicas), p95: 0.02, p99: 0.03, utilisation: 0.6,
                replicas: [policy == "hpa" && period % 6 == 0 ? replicas + 1 : replicas])
        }
        return EvaluationEntry(
            policy: policy, trace: "day", seed: seed, score: RunScore(records), shielded: 3, faults: 0)
    }

    static let table = EvaluationTable([
        entry("static", 1, violations: 0, replicas: 100), entry("static", 2, violations: 0, replicas: 100),
        entry("hpa", 1, violations: 0.05, replicas: 39), entry("hpa", 2, violations: 0.03, replicas: 39),
        entry("rule", 1, violations: 0.0005, replicas: 36), entry("rule", 2, violations: 0.0007, replicas: 38),
        entry("oracle", 1, violations: 0, replicas: 30), entry("oracle", 2, violations: 0, replicas: 32),
    ])

    @Test("Ratios and regret are paired by seed") func pairs() throws {
        let rule = try #require(Self.table.summary("rule", "day"))
        // 36/30 and 38/32; 36/100 and 38/100.
        #expect(abs(try #require(rule.ofOracle).mean - (1.2 + 1.1875) / 2) < 1e-9)
        #expect(abs(try #require(rule.ofStatic).mean - 0.37) < 1e-9)
        // 6 replica-hours more and 360,000 · 0.0005 / 10,000 = 0.018; 6 and 0.0252.
        #expect(abs(try #require(rule.regret).mean - (6.018 + 6.0252) / 2) < 1e-9)
        #expect(rule.runs == 2 && rule.shielded == 3)
    }

    @Test("A pair that is missing gives no ratio rather than one of other days") func missingPair() throws {
        let table = EvaluationTable([
            Self.entry("rule", 1, violations: 0, replicas: 3), Self.entry("oracle", 2, violations: 0, replicas: 2),
        ])
        #expect(try #require(table.summary("rule", "day")).ofOracle == nil)
        #expect(table.summary("hpa", "day") == nil)
    }

    @Test("The Pareto front has what nothing beats on both axes") func front() {
        #expect(Self.table.paretoFront("day") == ["oracle"])
        let table = EvaluationTable(Self.table.entries.filter { $0.policy != "oracle" })
        #expect(table.paretoFront("day") == ["rule", "static"])
    }

    @Test("Goals tell what is met and what is not") func goals() {
        let goals = Self.table.goals("rule", "day", GoalLimits(violationShare: 0.001))
        #expect(goals.count == 6)
        #expect(goals.map(\.isMet) == [true, true, true, true, true, true])
        let strict = Self.table.goals("rule", "day", GoalLimits(violationShare: 0.0001))
        #expect(strict.map(\.isMet) == [false, true, true, true, true, true])
        let hpa = Self.table.goals("hpa", "day", GoalLimits(violationShare: 0.001))
        #expect(hpa.map(\.isMet) == [false, false, true])
        #expect(Self.table.isNotWorse("rule", than: "hpa") && !Self.table.isNotWorse("hpa", than: "rule"))
    }

    @Test("The JSON parses and has what the schema says") func json() throws {
        let object = try JSONSerialization.jsonObject(with: Data(Self.table.json.utf8))
        let root = try #require(object as? [String: Any])
        #expect(root["schema"] as? String == "springtide-autoscaler-evaluation/1")
        let trace = try #require((root["traces"] as? [[String: Any]])?.first)
        let policies = try #require(trace["policies"] as? [[String: Any]])
        #expect(policies.compactMap { $0["policy"] as? String } == ["static", "hpa", "rule", "oracle"])
        for policy in policies {
            for figure in [
                "violationShare", "replicaHours", "p95Seconds", "p99Seconds", "worstMinuteSeconds", "actionsPerHour",
                "reversalsPerHour", "utilisation", "utilisationPeakHour", "cost", "regret", "replicaHoursOfOracle",
                "replicaHoursOfStatic",
            ] {
                let interval = try #require(policy[figure] as? [String: Double], "\(figure)")
                #expect(Set(interval.keys) == ["mean", "low", "high"])
            }
            #expect((policy["each"] as? [Any])?.count == 2)
        }
        #expect(Self.table.json == EvaluationTable(Self.table.entries).json)
    }

    @Test("The page is one file that names every policy and closes what it opens") func page() {
        let records = (0..<120).map { RunScoreTests.record(Double($0) * 10) }
        let page = EvaluationPage(
            title: "A <test>", note: "made up", timelines: [RunTimeline(policy: "rule", trace: "day", records)],
            goals: [("day", "rule", Self.table.goals("rule", "day", GoalLimits(violationShare: 0.001)))])
        let html = page.html(Self.table)
        for word in ["A &lt;test&gt;", ">static<", ">hpa<", ">rule ●<", ">oracle ●<", "prefers-color-scheme:dark"] {
            #expect(html.contains(word) || html.contains(word.replacingOccurrences(of: " ●", with: "")), "\(word)")
        }
        #expect(!html.contains("<script") && !html.contains("http"))
        for tag in ["svg", "figure", "section", "table", "main", "html"] {
            let opened = html.components(separatedBy: "<\(tag)").count
            #expect(opened == html.components(separatedBy: "</\(tag)>").count, "\(tag)")
        }
        #expect(!html.contains("nan") && !html.contains("inf\""))
        // A run of less than a minute has one place on its axis, and one without requests one height.
        var still = RunScoreTests.record(0)
        (still.requests, still.p95, still.utilisation) = (0, 0, 0)
        let short = EvaluationPage(
            title: "short", note: "", timelines: [RunTimeline(policy: "rule", trace: "day", [still])], goals: [])
        #expect(!short.html(Self.table).contains("nan"))
    }
}
