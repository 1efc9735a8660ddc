import Engine
import Telemetry
import Testing

@Suite("Thresholds")
struct ThresholdTests {
    /// Two scenarios with two operations; 100 requests of 1 ... 100 ms in each row, of which some fail.
    private let plan: LoadPlan
    private let result: RunResult

    init() throws {
        var plan = try Samples.callPlan("none")
        plan.scenarios = ["one", "two"].map { name in
            ScenarioPlan(name: name, mix: 0, executor: .users(UserProfile([.init(users: 1, seconds: 1)]), .none))
        }
        var result = RunResult()
        for (scenario, operation) in [(0, 0), (0, 1), (1, 0)] {
            var row = OperationResult(scenario: scenario, operation: operation)
            for millisecond in 1...100 as ClosedRange<Int64> {
                row.response.record(millisecond * 1_000_000 * Int64(1 + scenario))
                row.service.record(500_000)
                row.lag.record(2_000)
            }
            row.counts[Int(Outcome.ok.rawValue)] = 90
            row.counts[Int(Outcome.rejected.rawValue)] = 4
            row.counts[Int(Outcome.timeout.rawValue)] = operation == 1 ? 6 : 0
            row.counts[Int(Outcome.tooLate.rawValue)] = operation == 1 ? 0 : 6
            (row.satisfied, row.tolerated) = (50, 40)
            result.rows.append(row)
        }
        result.wallSeconds = 10
        (self.plan, self.result) = (plan, result)
    }

    @Test("A scenario's rate is over the time in which it starts requests, less the warm-up and what was cut off")
    func scenarioRate() throws {
        let condition = try Threshold.parse("throughput{scenario:two}>1")[0]
        var plan = plan
        for (start, warmup, seconds) in [(3, 0, 1), (9.5, 0, 0.5), (3, 3.75, 0.25), (0, 0.5, 0.5)]
            as [(Double, Double, Double)]
        {
            plan.scenarios[1].start = start
            plan.recording.warmupSeconds = warmup
            #expect(condition.evaluate(result, plan: plan).actual == 100 / seconds)
        }
        plan.scenarios[1].start = 10
        #expect(!condition.evaluate(result, plan: plan).isMet, "it never ran")
    }

    private func actual(_ text: String) throws -> Double? {
        let parsed = try Threshold.parse(text)
        try #require(parsed.count == 1)
        return parsed[0].evaluate(result, plan: plan).actual
    }

    @Test("Each metric gives its figure, of all rows or of those it names")
    func figures() throws {
        // p(50) of 1...100 ms is 50 ms, to three digits (the upper end of the sub-bucket).
        #expect(abs((try actual("response_time{op:call,scenario:one}.p(50)<1s") ?? 0) / 50e6 - 1) < 0.001)
        #expect(abs((try actual("response_time{scenario:two,op:call}.max<1s") ?? 0) / 200e6 - 1) < 0.001)
        #expect(abs((try actual("p(100)<1s") ?? 0) / 200e6 - 1) < 0.001)
        #expect(try actual("errors<1") == 0.02 && actual("errors{op:other}<1") == 0.06)
        #expect(try actual("errors.count<1") == 6 && actual("rejects{op:call}.count<1") == 20)
        #expect(try actual("throughput>1") == 29.4 && actual("throughput{scenario:two}.rate>1") == 100)
        #expect(try actual("requests>1") == 300 && actual("requests{op:other}.count>1") == 100)
        #expect(try actual("apdex(50ms)>0") == 0.7 && actual("apdex(50ms).value>0") == 0.7)
        #expect(try actual("send_lag.avg<1ms") == 2_000 && actual("service_time.max<1s") == 500_000)
        #expect(try actual("errors{op:nobody}<1") == nil)
    }

    @Test(
        "No data fails, whatever the comparison", arguments: ["p(99)<1s", "errors<1", "throughput>=0", "apdex(1s)>=0"])
    func noData(text: String) throws {
        let judged = try Threshold.parse(text)[0].evaluate(RunResult(), plan: plan)
        #expect(judged.actual == nil && !judged.isMet)
    }

    @Test("A key with a check is the same condition as the one line")
    func keys() throws {
        let key = try Threshold.parse(
            key: "response_time{op:order.new}", check: "p(99.9)<200ms", abortsOnFail: true, delaySeconds: 30)
        var line = try Threshold.parse("response_time{op:order.new}.p(99.9)<200ms")[0]
        #expect(key.abortsOnFail && key.delaySeconds == 30)
        (line.abortsOnFail, line.delaySeconds) = (true, 30)
        #expect(key == line && key.operation == "order.new" && key.responseLimitNanoseconds == 200_000_000)
        #expect(try Threshold.parse(key: "apdex(50ms)", check: "value>=0.94").objectiveNanoseconds == 50_000_000)
        #expect(try Threshold.parse("p(99)<50ms and errors<0.001 and send_lag.p(99)<1ms").map(\.text).count == 3)
    }

    @Test(
        "What cannot be read is refused at its column",
        arguments: [
            ("", 1), ("p(99)<", 7), ("p(101)<1s", 6), ("p(99)<50", 9), ("latency<1s", 1), ("errors{op}<1", 8),
            ("errors{op:}<1", 11), ("errors{op:a,op:b}<1", 13), ("errors.p(9)<1", 8), ("apdex>0", 6),
            ("apdex(0ms)>0", 10), ("throughput.count>1", 12), ("p(99)=1s", 6), ("errors<1 or rejects<1", 10),
        ])
    func bad(text: String, column: Int) {
        let error = #expect(throws: ThresholdError.self) { try Threshold.parse(text) }
        #expect(error?.column == column, "\(error?.description ?? "")")
    }

    @Test("The objective is the first apdex's, else the first response limit's, else 50 ms")
    func objective() throws {
        var plan = plan
        #expect(plan.objectiveNanoseconds == 50_000_000)
        plan.thresholds = try Threshold.parse("service_time.max<1s and p(99)<30ms")
        #expect(plan.objectiveNanoseconds == 30_000_000)
        plan.thresholds += try Threshold.parse("apdex(20ms)>0.9")
        #expect(plan.objectiveNanoseconds == 20_000_000)
    }
}
