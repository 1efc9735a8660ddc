import Arrivals
import Engine
import Telemetry
import Testing

@Suite("Results")
struct ResultTests {
    private func plan(_ name: String) throws -> LoadPlan {
        var plan = try Samples.callPlan(name)
        plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 1), (.operation(1), 1)])]
        plan.scenarios = [
            ScenarioPlan(name: "open", mix: 0, executor: .arrivals(.even, .constant(1_000, seconds: 4)))
        ]
        return plan
    }

    private static func mixed(_ call: InProcessCall) -> InProcessReply {
        switch call.number % 100 {
        case 0: InProcessReply(.rejected, after: 1_000_000, reason: "103=3")
        case 1: InProcessReply(.error, after: 2_000_000, reason: "status 503")
        case 2: InProcessReply(after: 120_000_000)
        case 3: InProcessReply(after: 500_000_000)
        default: InProcessReply(after: 10_000_000)
        }
    }

    @Test("Counts, Apdex, heat classes and slowest requests agree with a recount of every sample")
    func recount() throws {
        var plan = try plan("recount")
        plan.recording.slowestMax = 30
        plan.traceEvery = 3
        let kept = KeptSamples()
        let result = try Samples.simulate(plan, samples: kept) { Self.mixed($0) }
        #expect(kept.all.count == result.total && result.total == result.sent)
        for row in result.rows {
            let mine = kept.all.filter { $0.operation == row.operation }
            for outcome in Outcome.allCases { #expect(row.count(outcome) == mine.count { $0.outcome == outcome }) }
            let right = mine.filter { $0.outcome == .ok }.map { $0.done - $0.intended }
            #expect(row.satisfied == right.count { $0 <= 50_000_000 })
            #expect(row.tolerated == right.count { $0 > 50_000_000 && $0 <= 200_000_000 })
            #expect(row.response.count == UInt64(mine.count) && row.lag.count == UInt64(mine.count))
        }
        let heat = result.series.reduce(into: [Int](repeating: 0, count: LoadInterval.heatClasses)) { sums, interval in
            for (index, count) in interval.heat.enumerated() { sums[index] += Int(count) }
        }
        // 10 us * 10^(k/8): 1 ms is class 16, 2 ms 18, 10 ms 24, 120 ms 32, 500 ms 37.
        #expect(heat[16] == result.count(.rejected) && heat[18] == result.count(.error))
        #expect(heat[24] == kept.all.count { $0.done - $0.intended == 10_000_000 } && heat[32] == 40 && heat[37] == 40)
        #expect(result.slowest.count == 30 && result.slowest.allSatisfy { $0.response == 500_000_000 })
        #expect(Set(result.refusals.map(\.reason)) == ["103=3", "status 503"])
        #expect(result.slowest.contains { $0.traceID.count == 32 } && result.slowest.contains { $0.traceID.isEmpty })
        // Even arrivals: no dispersion in windows of 10 ms and more.
        #expect(result.sendDispersion.compactMap { $0 }.allSatisfy { $0 < 0.01 } && result.sendDispersion.count == 4)
    }

    @Test("The warm-up is in the series, not in totals and conditions")
    func warmup() throws {
        var plan = try plan("warm-up")
        plan.recording.warmupSeconds = 1
        plan.recording.intervalSeconds = 0.5
        plan.thresholds = try Threshold.parse("p(100)<20ms and throughput>900 and requests==\(2_999)")
        let kept = KeptSamples()
        let result = try Samples.simulate(plan, samples: kept) { call in
            InProcessReply(after: call.time < 900_000_000 ? 90_000_000 : 10_000_000)
        }
        let late = kept.all.count { $0.intended >= 1_000_000_000 }
        #expect(result.total == late && result.offered == kept.all.count && result.response.greatest < 20_000_000)
        #expect(result.series.reduce(0) { $0 + $1.sent } == kept.all.count)
        #expect(result.series[0].greatest == 90_000_000 && result.series.count >= 8)
        let judged = plan.thresholds.map { $0.evaluate(result, plan: plan) }
        #expect(judged[0].isMet && judged[1].isMet && judged[2].actual == Double(late))
    }

    @Test("Workers' results merge to that of one worker, and survive their encoding")
    func mergesAndEncodes() throws {
        let whole = try Samples.simulate(try plan("whole")) { _ in InProcessReply(after: 3_000_000) }
        var merged: RunResult?
        for index in 0..<3 {
            var part = try plan("part")
            part.stripe = Stripe(index: index, of: 3)
            let result = try Samples.simulate(part) { _ in InProcessReply(after: 3_000_000) }
            let decoded = try RunResultCodec.decode(RunResultCodec.encode(result))
            if merged == nil { merged = decoded } else { merged?.merge(decoded) }
        }
        let sum = try #require(merged)
        #expect(sum.offered == whole.offered && sum.rows.map(\.counts) == whole.rows.map(\.counts))
        for percentile in [1, 50, 99, 100] as [Double] {
            #expect(sum.response.value(atPercentile: percentile) == whole.response.value(atPercentile: percentile))
        }
        for (mine, one) in zip(sum.series, whole.series) {
            #expect(mine.sent == one.sent && mine.done == one.done && mine.heat == one.heat)
            #expect(mine.response.total == one.response.total && mine.greatest == one.greatest)
            // Two digits: at most one sub-bucket, 0.8 %, above.
            #expect(mine.p99 >= one.p99 && Double(mine.p99) <= Double(one.p99) * 1.008 || one.p99 == 0)
        }
    }

    @Test("An encoded result comes back as it was; damaged ones are refused, not misread")
    func codec() throws {
        var plan = try Samples.callPlan("codec")
        var search = CapacitySearch(
            rates: 100...400, until: try Threshold.parse("p(99)<50ms and errors<0.1"), process: .poisson)
        search.stepSeconds = 1
        search.settleSeconds = 0
        plan.scenarios = [ScenarioPlan(name: "capacity", mix: 0, executor: .findCapacity(search))]
        plan.traceEvery = 1
        var result = try Samples.simulate(plan) { Self.mixed($0) }
        result.abortedBy = "p(99)<1ms"
        let bytes = RunResultCodec.encode(result)
        let back = try RunResultCodec.decode(bytes)
        #expect(
            back.series == result.series && back.refusals == result.refusals
                && back.sendDispersion == result.sendDispersion)
        #expect(
            back.steps.map(\.thresholds) == result.steps.map(\.thresholds)
                && back.steps.map(\.rate) == result.steps.map(\.rate))
        #expect(back.slowest.map(\.traceID) == result.slowest.map(\.traceID) && back.abortedBy == result.abortedBy)
        #expect(back.response.count == result.response.count && back.response.least == result.response.least)
        #expect(back.response.greatest == result.response.greatest)
        #expect(abs(back.response.mean / result.response.mean - 1) < 0.0005)
        #expect(RunResultCodec.encode(back) == bytes, "a second round changes nothing")
        for length in stride(from: 0, to: bytes.count, by: 97) {
            #expect(throws: LoadError.self) { try RunResultCodec.decode(Array(bytes[..<length])) }
        }
        #expect(throws: LoadError.self) { try RunResultCodec.decode(bytes + [0]) }
        #expect(throws: LoadError.self) { try RunResultCodec.decode([9] + bytes.dropFirst()) }
        // Flipped bytes give an error or another result, never a trap.
        var random = Xoshiro256(seed: 5)
        for _ in 0..<300 {
            var broken = bytes
            broken[random.below(broken.count)] ^= UInt8(1 + random.below(255))
            _ = try? RunResultCodec.decode(broken)
        }
    }

    @Test("Merged counts of latencies are those of both sides")
    func latencyCounts() {
        var (one, two, both) = (HDRHistogram.latency(), HDRHistogram.latency(), HDRHistogram.latency())
        var random = Xoshiro256(seed: 3)
        for index in 0..<5_000 {
            let value = Int64(random.below(2_000_000_000))
            if index % 3 == 0 { one.record(value) } else { two.record(value) }
            both.record(value)
        }
        var sum = LatencyCounts(one)
        sum.add(LatencyCounts(two))
        #expect(sum == LatencyCounts(both) && sum.total == 5_000)
        for percentile in [0.1, 25, 50, 99, 99.9, 100] as [Double] {
            let exact = Double(both.value(atPercentile: percentile))
            let coarse = Double(sum.value(atPercentile: percentile))
            #expect(coarse >= exact && coarse <= exact * 1.008 + 8_192)
        }
        #expect(LatencyCounts().value(atPercentile: 50) == 0)
    }
}
