import Arrivals
import Engine
import Report
import Telemetry
import Testing

@Suite("Verdicts")
struct VerdictTests {
    private func report(_ thresholds: String, _ change: (inout RunResult) -> Void = { _ in }) throws -> RunReport {
        var result = Samples.result()
        change(&result)
        return RunReport(context: Samples.context(), plan: try Samples.plan(thresholds), result: result)
    }

    @Test("Exit codes are the documented ones")
    func exitCodes() throws {
        #expect(try report("p(99)<1s").verdict.exitCode == 0)
        #expect(try report("p(99)<1ms").verdict.exitCode == 99)
        #expect(try report("p(99)<1s") { $0.isInterrupted = true }.verdict.exitCode == 105)
        #expect(try report("p(99)<1s") { $0.cpuRatio = 0.91 }.verdict.exitCode == 120)
        #expect(try report("p(99)<1s") { $0.abortedBy = "errors<1" }.verdict.exitCode == 99)
    }

    @Test("An interrupt outranks a failed threshold, which outranks the generator's limits")
    func precedence() throws {
        #expect(try report("p(99)<1ms") { $0.cpuRatio = 0.95 }.verdict == .fail)
        #expect(try report("p(99)<1ms") { $0.isInterrupted = true }.verdict == .interrupted)
    }

    @Test("The generator's limits are named in the sentence")
    func limits() throws {
        let report = try report("p(99)<1s") { $0.runQueueWaitRatio = 0.5 }
        #expect(report.verdict == .generatorLimited && report.sentence.contains("the generator was the limit"))
        #expect(report.sentence.contains("waited"))
    }

    @Test("The sentence names what failed, with measured value and limit")
    func sentence() throws {
        let text = try report("p(99)<50ms").sentence
        #expect(text.contains("response time p99 is 99 ms (limit < 50 ms)"), "\(text)")
        #expect(try report("response_time{op:order.cancel}.max<1s").sentence.contains("no data"))
        // 99 answers and 1 timeout in 10 s.
        #expect(text.contains("99 requests answered, 9.9 a second"))
    }

    @Test("Rates are of the judged time: the warm-up does not count")
    func warmup() throws {
        var plan = try Samples.plan()
        plan.recording.warmupSeconds = 4
        let report = RunReport(context: Samples.context(), plan: plan, result: Samples.result())
        #expect(report.measuredSeconds == 6 && report.answeredPerSecond == 16.5)
    }

    @Test(
        "Conditions are named for people",
        arguments: [
            ("p(99)<50ms", "response time p99", "< 50 ms"), ("errors<0.1%", "share of errors", "< 0.1 %"),
            ("throughput>=14800", "answers a second", ">= 14,800"),
            ("send_lag{scenario:steady}.max<=1ms", "longest send lag in steady", "<= 1 ms"),
            ("rejects{op:order.new}.count==0", "number of rejects of order.new", "== 0"),
            ("apdex(50ms)>=0.94", "apdex(50 ms)", ">= 0.9"),
        ] as [(String, String, String)])
    func names(expression: String, subject: String, limit: String) throws {
        let condition = try #require(try report(expression).conditions.first)
        #expect(condition.subject == subject && condition.readableLimit == limit)
    }
}

@Suite("Capacity answers")
struct CapacityTests {
    private func report(met: [Double], failed: [Double], watch: WatchSeries = Samples.watch(10)) throws -> RunReport {
        var plan = try Samples.plan()
        plan.thresholds = []
        let until = try Threshold.parse("p(99)<50ms")
        let search = CapacitySearch(rates: 100...10_000, until: until, process: .poisson)
        plan.scenarios = [ScenarioPlan(name: "capacity", mix: 0, executor: .findCapacity(search))]
        var result = Samples.result()
        result.cpuRatio = 0.95
        let rates = (met.map { ($0, true) } + failed.map { ($0, false) })
        result.steps = rates.enumerated().map { index, entry in
            var step = Samples.step(index, users: 0, rate: entry.0, isMet: entry.1)
            let actual = entry.1 ? 31e6 : 73e6
            step.thresholds = until.map { ThresholdResult(threshold: $0, actual: actual, isMet: entry.1) }
            return step
        }
        return RunReport(context: Samples.context(), plan: plan, result: result, watch: watch)
    }

    @Test("The answer is the greatest met rate, the least failed one above it, why, and what was saturated")
    func answer() throws {
        // Steps take 5 s each: the failed step at 4,000/s is seconds 5 to 9, in which the services used 1.9 of 2.
        let report = try report(met: [3_000], failed: [4_000, 5_000])
        let answer = try #require(report.capacities.first)
        #expect(answer.rate == 3_000 && answer.failedRate == 4_000)
        #expect(answer.saturation?.component == "services")
        #expect(
            answer.sentence == "Capacity under p(99)<50ms: 3,000 a second. At 4,000 response time p99 was 73 ms. "
                + "Saturated: services, CPU 95 % of 2 processors.")
        #expect(report.verdict == .pass, "steps beyond the capacity do not make the run the generator's")
        #expect(report.sentence == answer.sentence && report.objectiveNanoseconds == 50_000_000)
    }

    @Test("A search whose first step fails has no capacity and fails")
    func none() throws {
        let report = try report(met: [], failed: [100])
        #expect(report.verdict == .fail && report.capacities.first?.rate == nil)
        #expect(report.sentence.hasPrefix("No rate met p(99)<50ms: response time p99 was 73 ms."))
    }

    @Test("A search that never failed says that there may be more")
    func open() throws {
        let sentence = try report(met: [5_000, 10_000], failed: []).sentence
        #expect(sentence.contains("10,000 a second") && sentence.contains("may be higher"))
    }
}
