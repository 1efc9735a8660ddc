import Arrivals
import Engine
import Foundation
import Report
import Telemetry
import Testing

/// Plans and results with figures that can be worked out by hand.
enum Samples {
    static func plan(_ thresholds: String = "p(99)<50ms and errors<5%") throws -> LoadPlan {
        let target = TargetPlan(.fix(FIXTarget()), at: try #require(Endpoint("127.0.0.1:9880")))
        var plan = LoadPlan(name: "Sample", seed: .max, target: target)
        plan.operations = [
            OperationPlan(name: "order.new", request: .newOrder), OperationPlan(name: "order.cancel", request: .cancel),
        ]
        plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 1), (.operation(1), 1)])]
        plan.scenarios = [
            ScenarioPlan(name: "steady", mix: 0, executor: .arrivals(.poisson, .constant(10, seconds: 10)))
        ]
        plan.thresholds = try Threshold.parse(thresholds)
        return plan
    }

    /// 100 new orders with response 1...100 ms and service 1 ms less; 10 rejected, 1 timeout, 89 ok; 10 s; no cancel.
    static func result() -> RunResult {
        var result = RunResult()
        var row = OperationResult(scenario: 0, operation: 0)
        for value in 1...100 as ClosedRange<Int64> {
            row.response.record(value * 1_000_000)
            row.service.record((value - 1) * 1_000_000)
            row.lag.record(900_000)
        }
        row.counts[Int(Outcome.ok.rawValue)] = 89
        row.counts[Int(Outcome.rejected.rawValue)] = 10
        row.counts[Int(Outcome.timeout.rawValue)] = 1
        result.rows = [row, OperationResult(scenario: 0, operation: 1)]
        (result.offered, result.sent, result.expected) = (100, 100, 100)
        result.wallSeconds = 10
        result.startedAt = 1_790_730_600_000_000
        return result
    }

    static func context(_ name: String = "Sample") -> RunContext {
        RunContext(name: name, scenario: "rate: 10 # <b>\"x\"</b>", host: [("name", "box")])
    }

    /// A run with every kind of figure: several intervals, refusals, slow requests, steps and a watch.
    static func full(_ name: String = "Sample", intervals: Int = 10, digits: Int = 3) throws -> RunReport {
        var plan = try plan("p(99)<50ms and errors<5% and response_time{op:order.cancel}.max<1s")
        plan.recording.digits = digits
        plan.recording.warmupSeconds = 1
        var result = digits == 3 ? result() : RunResult()
        if digits != 3 { result.rows = [OperationResult(scenario: 0, operation: 0, digits: digits)] }
        result.wallSeconds = 11
        result.series = (0..<intervals).map { interval($0) }
        result.refusals = [
            RefusalCount(operation: 0, outcome: .rejected, reason: "103=3 <price>", count: 10),
            RefusalCount(operation: 0, outcome: .timeout, reason: "no answer", count: 1),
        ]
        result.slowest = [
            SlowRequest(
                scenario: 0, operation: 0, intended: 2.5, lag: 900_000, response: 100_000_000, outcome: .timeout,
                traceID: String(repeating: "a", count: 32))
        ]
        result.steps = [(1_000, true), (2_000, false)].enumerated().map { index, entry in
            step(index, users: 0, rate: entry.0, isMet: entry.1, digits: digits)
        }
        result.witness.record(123_456)
        result.sendDispersion = [1.01, 0.98, nil, nil]
        (result.held, result.unsent, result.disconnects, result.lateAnswers) = (3, 0, 1, 2)
        (result.cpuRatio, result.runQueueWaitRatio) = (0.25, 0.01)
        return RunReport(context: context(name), plan: plan, result: result, watch: watch(intervals))
    }

    static func interval(_ index: Int) -> LoadInterval {
        var interval = LoadInterval(index: index)
        (interval.offered, interval.sent, interval.done, interval.rejected) = (10, 10, 9, 1)
        interval.outcomes[Int(Outcome.timeout.rawValue)] = index % 2
        (interval.p50, interval.p95, interval.p99) = (2_000_000, 5_000_000, 9_000_000)
        (interval.p999, interval.greatest) = (9_500_000, 10_000_000 + Int64(index % 100) * 1_000)
        (interval.lagP99, interval.users, interval.inFlight, interval.connectionsUp) = (100_000, index, 2, 4)
        interval.heat[18] = 8
        interval.heat[24] = 1
        var histogram = HDRHistogram.latency()
        for _ in 0..<9 { histogram.record(2_000_000) }
        interval.response = LatencyCounts(histogram)
        return interval
    }

    static func step(_ index: Int, users: Int, rate: Double, isMet: Bool, digits: Int = 3) -> StepResult {
        var step = StepResult(scenario: 0, index: index, digits: digits)
        (step.users, step.rate, step.begin, step.end) = (users, rate, Double(index) * 5, Double(index) * 5 + 4)
        step.offered = Int(rate * 4)
        step.figures.counts[0] = Int(rate * 4)
        for value in 1...100 as ClosedRange<Int64> {
            step.figures.response.record(value * (isMet ? 100_000 : 1_000_000))
        }
        step.isMet = isMet
        return step
    }

    /// Services busy with 1.9 of 2 processors from second 5 on; one gap.
    static func watch(_ seconds: Int) -> WatchSeries {
        var series = WatchSeries()
        (series.processors, series.components, series.tiers) = (2, ["services", "Redis"], ["l1", "l2"])
        series.samples = (0..<seconds).map { second in
            var sample = WatchSample(time: Double(second) + 1)
            var (services, redis) = (ComponentLoad(), ComponentLoad())
            (services.cpu, services.busiestThread) = (second < 5 ? 0.4 : 1.9, 0.5)
            (redis.cpu, redis.residentBytes) = (0.1, 5e7)
            sample.loads = [second == 3 ? nil : services, redis]
            var pressure = MachinePressure()
            pressure.cpu = 0.2
            sample.pressure = pressure
            (sample.machineCPU, sample.machineSteal) = (0.5, 0.02)
            var tier = TierCount()
            (tier.requests, tier.hits) = (100, 90)
            sample.tiers = [tier, nil]
            (sample.replicas, sample.requestRate) = (second < 5 ? 1 : 2, 10)
            return sample
        }
        return series
    }
}
