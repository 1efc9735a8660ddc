import Engine
import Report
import Telemetry
import Testing

@Suite("Thresholds")
struct ThresholdTests {
    private func judge(_ text: String) throws -> [Bool] {
        let plan = try Samples.plan()
        return try Threshold.parse(text).map { $0.evaluate(Samples.result(), plan: plan).isMet }
    }

    @Test(
        "Conditions hold or fail by hand calculation",
        arguments: [
            ("p(50)<51ms", true), ("p(50)<50ms", false), ("p(99)<=100ms", true), ("p(99) < 99ms", false),
            ("response_time.max>99ms", true), ("response_time{op:order.new}.avg<51ms", true), ("med>=50ms", true),
            ("avg<50ms", false), ("min>900us", true), ("service_time.p(100)<0.1s", true), ("send_lag.p(99)<2ms", true),
            ("send_lag.p(99)<0.8ms", false), ("errors<1.1%", true), ("errors<0.01", false), ("errors==0", false),
            ("errors.count<=1", true), ("rejects<=10%", true), ("rejects.rate<0.1", false), ("throughput>=9.9", true),
            ("throughput>9.9 and errors.count!=1", false), ("requests==100", true),
            ("requests{op:order.new}>=100", true),
        ] as [(String, Bool)])
    func conditions(text: String, isMet: Bool) throws {
        #expect(try judge(text).allSatisfy { $0 } == isMet)
    }

    @Test(
        "Without data a condition fails, whatever it asks",
        arguments: [
            "p(99)<1s", "p(99)>=0ms", "errors<1", "throughput>=0", "send_lag.max<1s",
            "response_time{op:order.cancel}.p(50)<1s",
            "errors{op:order.cancel}==0",
        ])
    func noData(text: String) throws {
        let empty = text.contains("{") ? Samples.result() : RunResult()
        let plan = try Samples.plan()
        for threshold in try Threshold.parse(text) {
            let judged = threshold.evaluate(empty, plan: plan)
            #expect(judged.actual == nil && !judged.isMet)
        }
    }

    @Test("Conditions joined by and are separate conditions with their own text")
    func conjunction() throws {
        let all = try Threshold.parse("p(99)<50ms and  errors<0.001 and send_lag.p(99)<1ms")
        #expect(all.map(\.text) == ["p(99)<50ms", "errors<0.001", "send_lag.p(99)<1ms"])
        #expect(all.map(\.responseLimitNanoseconds) == [50_000_000, nil, nil])
    }

    @Test(
        "A malformed condition is refused with its column",
        arguments: [
            ("", 1), ("p(99)", 6), ("p(99)<", 7), ("p(99)<50", 9), ("p(0)<1ms", 4), ("p(101)<1ms", 6), ("p(99<1ms", 5),
            ("foo<1", 1), ("errors<", 8), ("errors<1ms", 9), ("errors.max<1", 8), ("response_time<1ms", 14),
            ("p(99)<1ms or errors<1", 11), ("p(99)<1ms and", 14),
            ("p(99)=1ms", 6),
            ("p(1e5)<1s", 4),
        ] as [(String, Int)])
    func malformed(text: String, column: Int) {
        let error = #expect(throws: ThresholdError.self) { try Threshold.parse(text) }
        #expect(error?.column == column, "\(error.map { "\($0)" } ?? "")")
    }
}
