import Arrivals
import Engine
import Foundation
import Report
import Telemetry
import TestData
import Testing

/// Runs drawn from distributions that the test knows.
private struct Drawn {
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func unit() -> Double { (Double(random.next() >> 11) + 0.5) / 0x1p53 }

    mutating func normal() -> Double { (-2 * log(unit())).squareRoot() * cos(2 * .pi * unit()) }

    /// Lognormal response times around 2 ms, sigma 0.5; the logarithm of their median follows an AR(1) process over the
    /// intervals with that standard deviation and coefficient, as when a target is now faster, now slower.
    mutating func run(
        intervals: Int = 60, each: Int = 100, factor: Double = 1, spread: Double = 0, memory: Double = 0.5,
        errors: Double = 0
    ) throws -> RunReport {
        let plan = try Samples.plan()
        var result = RunResult()
        var row = OperationResult(scenario: 0, operation: 0)
        var level = normal() * spread
        for index in 0..<intervals {
            var interval = LoadInterval(index: index)
            var histogram = HDRHistogram.latency()
            for _ in 0..<each {
                let value = Int64(2e6 * factor * exp(level + 0.5 * normal()))
                histogram.record(value)
                row.response.record(value)
                let isError = errors > 0 && unit() < errors
                row.counts[Int((isError ? Outcome.timeout : .ok).rawValue)] += 1
                if isError { interval.outcomes[Int(Outcome.timeout.rawValue)] += 1 } else { interval.done += 1 }
            }
            interval.response = LatencyCounts(histogram)
            result.series.append(interval)
            level = memory * level + (1 - memory * memory).squareRoot() * spread * normal()
        }
        result.rows = [row]
        (result.offered, result.sent) = (row.total, row.total)
        result.wallSeconds = Double(intervals)
        return RunReport(context: Samples.context(), plan: plan, result: result)
    }
}

@Suite("compare")
struct CompareTests {
    private static let pairs = 200

    /// How many of the pairs are called different.
    private func alarms(
        _ one: (inout Drawn) throws -> RunReport, _ two: (inout Drawn) throws -> RunReport
    ) throws -> Int {
        var found = 0
        for seed in 0..<Self.pairs {
            var drawn = Drawn(seed: UInt64(seed) + 1)
            let (a, b) = (try one(&drawn), try two(&drawn))
            if try RunComparison(a, b).isDifferent { found += 1 }
        }
        return found
    }

    @Test("two runs of one distribution are mostly no different: at most 8 % of 200 pairs")
    func independent() throws {
        let found = try alarms({ try $0.run() }, { try $0.run() })
        #expect(found <= 16, "\(found) of \(Self.pairs)")
    }

    @Test("also where the requests of an interval resemble each other, which ranks alone would call different")
    func correlated() throws {
        let found = try alarms({ try $0.run(spread: 0.1) }, { try $0.run(spread: 0.1) })
        #expect(found <= 16, "\(found) of \(Self.pairs)")
        // Intervals of ranks alone do not overlap for many of these pairs.
        var disjoint = 0
        for seed in 0..<Self.pairs {
            var drawn = Drawn(seed: UInt64(seed) + 1)
            let (a, b) = (try drawn.run(spread: 0.1), try drawn.run(spread: 0.1))
            let ends = [a, b].map { run in
                [-1.0, 1].map { sign in
                    run.response.value(atPercentile: 50 + sign * 196 * (0.25 / Double(run.response.count)).squareRoot())
                }
            }
            if ends[0][1] < ends[1][0] || ends[1][1] < ends[0][0] { disjoint += 1 }
        }
        #expect(disjoint > 20, "\(disjoint) of \(Self.pairs)")
    }

    @Test("also in short runs, and in runs whose errors come at random")
    func short() throws {
        let few = try alarms({ try $0.run(intervals: 6, spread: 0.1) }, { try $0.run(intervals: 6, spread: 0.1) })
        #expect(few <= 16, "\(few) of \(Self.pairs)")
        let failing = try alarms({ try $0.run(errors: 0.002) }, { try $0.run(errors: 0.002) })
        #expect(failing <= 16, "\(failing) of \(Self.pairs)")
    }

    @Test("distributions 10 % apart are told apart, and by how much")
    func apart() throws {
        let found = try alarms({ try $0.run() }, { try $0.run(factor: 1.1) })
        #expect(found == Self.pairs)
        var drawn = Drawn(seed: 5)
        let comparison = try RunComparison(drawn.run(), drawn.run(factor: 1.1))
        let median = try #require(comparison.rows.first { $0.measure == "p50" })
        #expect(median.isDifferent)
        #expect(abs((median.change ?? 0) - 0.1) < 0.05)
        #expect(median.a.low < median.a.value && median.a.value < median.a.high)
        #expect(ComparisonText.sentence(comparison).hasPrefix("The second run differs beyond chance: p50 of all +"))
    }

    @Test("a tolerance makes small differences count no more")
    func tolerance() throws {
        var drawn = Drawn(seed: 6)
        let (a, b) = (try drawn.run(), try drawn.run(factor: 1.1))
        #expect(try RunComparison(a, b, tolerance: 0.05).isDifferent)
        #expect(try !RunComparison(a, b, tolerance: 0.3).isDifferent)
    }

    @Test("more errors are a difference")
    func errors() throws {
        var drawn = Drawn(seed: 7)
        let comparison = try RunComparison(drawn.run(errors: 0.001), drawn.run(errors: 0.02))
        #expect(comparison.rows.filter(\.isDifferent).map(\.measure) == ["errors"])
    }

    @Test("a run equals itself, and the confidence interval covers ranks n p +- 1.96 sqrt(n p (1 - p))")
    func itself() throws {
        // 1...100 ms, p50: ranks 50 +- 9.8, that is 40.2 and 59.8, hence the 41st and the 60th value.
        let report = RunReport(context: Samples.context(), plan: try Samples.plan(), result: Samples.result())
        let comparison = try RunComparison(report, report)
        #expect(!comparison.isDifferent)
        let median = try #require(comparison.rows.first)
        let values = report.response
        #expect(Int64(median.a.low) == values.value(atPercentile: 41))
        #expect(Int64(median.a.high) == values.value(atPercentile: 60))
        #expect(comparison.notes.contains { $0.hasPrefix("Fewer than 5 intervals") })
    }

    @Test("runs of other precision or without answers are refused; other scenarios and limits are noted")
    func refusals() throws {
        let full = try Samples.full()
        let coarse = #expect(throws: OutputError.self) { try RunComparison(full, Samples.full(digits: 2)) }
        #expect(coarse?.code == .mismatch)
        var empty = Samples.result()
        for index in empty.rows.indices { empty.rows[index].response = .latency() }
        let silent = RunReport(context: Samples.context("silent"), plan: try Samples.plan(), result: empty)
        let nothing = #expect(throws: OutputError.self) { try RunComparison(full, silent) }
        #expect(nothing?.description == "the runs cannot be compared: silent has no answers")
        var plan = try Samples.plan()
        plan.scenarios[0].name = "other"
        let other = RunReport(context: Samples.context(), plan: plan, result: Samples.result())
        #expect(try RunComparison(full, other).notes.contains { $0.hasPrefix("The scenarios differ") })
    }

    @Test("the comparison is a table of the page, a text and JSON")
    func forms() throws {
        var drawn = Drawn(seed: 8)
        let (a, b) = (try drawn.run(), try drawn.run(factor: 1.2))
        let comparison = try RunComparison(a, b)
        let page = HTMLPage.text(b, PageAdditions(baseline: a, sections: [ComparisonText.section(comparison)]))
        #expect(page.contains("Comparison with the first run"))
        #expect(ComparisonText.text(comparison).contains("DIFFERS"))
        let object = try JSONSerialization.jsonObject(with: Data(ComparisonText.json(comparison).utf8))
        let fields = try #require(object as? [String: Any])
        #expect(fields["different"] as? Bool == true)
        #expect((fields["rows"] as? [[String: Any]])?.count == 7)
    }
}

@Suite("merge")
struct MergeTests {
    private func part(_ change: (inout LoadPlan) -> Void = { _ in }, seed: UInt64 = 7) throws -> RunReport {
        var plan = try Samples.plan()
        plan.seed = seed
        change(&plan)
        return RunReport(context: Samples.context(), plan: plan, result: Samples.result())
    }

    @Test("counts and percentiles of the parts are those of the whole, conditions are judged again")
    func sums() throws {
        let merged = try RunMerge.merge([("a", part()), ("b", part()), ("c", part())])
        #expect(merged.total == 300)
        #expect(merged.result.sent == 300)
        for percentile in [50, 99, 99.9] {
            #expect(
                merged.response.value(atPercentile: percentile)
                    == Samples.result().response.value(atPercentile: percentile))
        }
        #expect(merged.conditions.map(\.isMet) == [false, true])
        #expect(merged.facts.connections == 96)
        #expect(merged.context.host.last?.value == "a, b, c")
    }

    @Test("what was written is merged as what was measured")
    func written() throws {
        let text = SummaryDocument.text(try Samples.full())
        let merged = try RunMerge.merge([
            ("a", SummaryReader.read(text, name: "a")), ("b", SummaryReader.read(text, name: "b")),
        ])
        #expect(merged.total == 200)
        #expect(merged.result.series.count == 10)
        #expect(merged.result.series[1].done == 18)
        #expect(merged.result.steps.count == 2)
        #expect(merged.stepConditions.count == 2)
        let again = try SummaryReader.read(SummaryDocument.text(merged), name: "c")
        #expect(again.total == 200)
    }

    @Test("what limited one part limits the whole")
    func limits() throws {
        var result = Samples.result()
        result.runQueueWaitRatio = 0.5
        let plan = try Samples.plan("errors<5%")
        let busy = RunReport(context: Samples.context(), plan: plan, result: result)
        let idle = RunReport(context: Samples.context(), plan: plan, result: Samples.result())
        let merged = try RunMerge.merge([("idle", idle), ("busy", busy)])
        #expect(merged.verdict == .generatorLimited)
        #expect(merged.limits == ["busy: generator thread waited 50 % of the time for a CPU"])
    }

    @Test("parts of different scenarios, seeds or conditions are refused, with the names of both files")
    func refusals() throws {
        func message(_ other: RunReport) throws -> String? {
            #expect(throws: OutputError.self) { try RunMerge.merge([("a.json", part()), ("b.json", other)]) }?
                .description
        }
        let start = "a.json and b.json are no parts of one run: "
        #expect(try message(part(seed: 8)) == start + "seed 7 and 8")
        #expect(try message(part({ $0.scenarios[0].name = "open" })) == start + "scenarios [\"steady\"] and [\"open\"]")
        #expect(
            try message(part({ $0.scenarios[0].executor = .arrivals(.poisson, .constant(20, seconds: 10)) }))
                == start + "scenarios with one course and with another")
        #expect(try message(part({ $0.recording.digits = 2 })) != nil)
        #expect(try message(part({ $0.thresholds = [] })) != nil)
        #expect(try message(part({ $0.recording.warmupSeconds = 1 })) == start + "warm-up of seconds 0.0 and 1.0")
        let alone = #expect(throws: OutputError.self) { try RunMerge.merge([("a", part())]) }
        #expect(alone?.description == "merge needs at least two summaries")
    }
}
