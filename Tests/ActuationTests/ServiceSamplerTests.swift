import Actuation
import Autoscaling
import Telemetry
import TestData
import Testing

@Suite("Numbers of a service from pages of its replicas")
struct ServiceSamplerTests {
    static let metrics = ServiceMetrics(
        requests: MetricSelection("requests_total"), failures: MetricSelection("requests_total", ["result": "error"]),
        latency: MetricSelection("seconds"), queue: MetricSelection("waiting"),
        utilisation: .busySeconds(MetricSelection("busy_seconds_total"), perSecond: 2))

    /// A page of a replica that has served `ok` and `errors`, half of the answers within 10 ms, the rest within 50 ms.
    static func page(
        _ ok: Double, errors: Double = 0, busy: Double = 0, queue: Double = 0, start: Double? = 1_000, time: Int? = nil
    ) -> ServiceSampler.Reading {
        let all = ok + errors
        let at = time.map { " \($0)" } ?? ""
        var text = """
            requests_total{result="ok"} \(ok)\(at)
            requests_total{result="error"} \(errors)\(at)
            seconds_bucket{le="0.01"} \(all / 2)
            seconds_bucket{le="0.05"} \(all)
            seconds_bucket{le="+Inf"} \(all)
            busy_seconds_total \(busy)
            waiting \(queue)

            """
        if let start { text += "process_start_time_seconds \(start)\n" }
        return (.success(PrometheusText(readable: text)), 0)
    }

    static func missing() -> ServiceSampler.Reading { (.failure(ActuationFault(.timeout, "no answer")), 0) }

    static func take(
        _ sampler: inout ServiceSampler, _ pages: [String: ServiceSampler.Reading], at now: Double
    ) -> ServiceSampler.Outcome {
        sampler.take(pages.mapValues { ($0.page, now) }, at: now)
    }

    @Test("Rates, share of errors, utilisation, queue and p95 of two replicas, by hand")
    func numbers() {
        var sampler = ServiceSampler(Self.metrics)
        let first = Self.take(&sampler, ["a": Self.page(100), "b": Self.page(1_000)], at: 10).numbers
        #expect(first.rate == nil && first.p95 == nil && first.queue == 0 && first.age == 0)
        let second = Self.take(
            &sampler,
            [
                "a": Self.page(180, errors: 20, busy: 10, queue: 3),
                "b": Self.page(1_100, errors: 0, busy: 5, queue: 4),
            ], at: 20
        ).numbers
        // a: 100 requests in 10 s, b: 100; 20 of 200 failed; 15 of 2 * 2 * 10 s busy.
        #expect(second.rate == 20 && second.errorRatio == 0.1 && second.utilisation == 0.375 && second.queue == 7)
        // Rank 190 of 200 lies in the bucket (0.01, 0.05] that holds 100: 0.01 + 0.04 * 90 / 100.
        #expect(second.p95.map { abs($0 - 0.046) < 1e-12 } == true)
    }

    @Test("A replica that began anew counts from zero; the others go on")
    func restart() {
        var sampler = ServiceSampler(Self.metrics)
        _ = Self.take(&sampler, ["a": Self.page(1_000), "b": Self.page(1_000)], at: 10)
        let outcome = Self.take(&sampler, ["a": Self.page(50, start: 1_012), "b": Self.page(1_100)], at: 20)
        #expect(outcome.numbers.rate == 15 && outcome.faults.isEmpty)
    }

    @Test("A page from the past is refused and its replica made up for; the next is compared with the last good one")
    func timeTravel() {
        var sampler = ServiceSampler(Self.metrics)
        _ = Self.take(&sampler, ["a": Self.page(1_000), "b": Self.page(1_000)], at: 10)
        let back = Self.take(&sampler, ["a": Self.page(900), "b": Self.page(1_100)], at: 20)
        #expect(back.faults.map(\.replica) == ["a"] && back.faults[0].fault.code == .stale)
        #expect(back.numbers.rate == 20, "b's 10 a second for both")
        let on = Self.take(&sampler, ["a": Self.page(1_200), "b": Self.page(1_200)], at: 30)
        #expect(on.faults.isEmpty && on.numbers.rate == 20, "200 in 20 s, and 100 in 10 s")
        let older = Self.take(&sampler, ["a": Self.page(1_300, start: 500), "b": Self.page(1_300)], at: 40)
        #expect(older.faults.first?.fault.description == "a page of an earlier process")
    }

    @Test("Counters that stay lower begin anew on the second page; without a start time on the first")
    func lowerCounters() {
        var sampler = ServiceSampler(Self.metrics)
        _ = Self.take(&sampler, ["a": Self.page(1_000)], at: 10)
        let refused = Self.take(&sampler, ["a": Self.page(10)], at: 20)
        #expect(refused.numbers.rate == nil && refused.numbers.age == 10)
        let settled = Self.take(&sampler, ["a": Self.page(20)], at: 30)
        #expect(settled.numbers.rate == nil && settled.faults.first?.fault.description == "counters began anew")
        #expect(Self.take(&sampler, ["a": Self.page(70)], at: 40).numbers.rate == 5)

        var unnamed = ServiceSampler(Self.metrics)
        _ = Self.take(&unnamed, ["a": Self.page(1_000, start: nil)], at: 10)
        #expect(Self.take(&unnamed, ["a": Self.page(10, start: nil)], at: 20).numbers.rate == nil)
        #expect(Self.take(&unnamed, ["a": Self.page(60, start: nil)], at: 30).numbers.rate == 5)
    }

    @Test(
        "A jump beyond what a replica serves, as after a false start time, is refused once; an overload that lasts is not"
    )
    func implausible() {
        var metrics = Self.metrics
        metrics.rateMax = 400
        var sampler = ServiceSampler(metrics)
        _ = Self.take(&sampler, ["a": Self.page(90_000)], at: 10)
        // A start time of its own makes the whole counter look like the growth of 10 s: 9,050 a second.
        let jump = Self.take(&sampler, ["a": Self.page(90_500, start: 1_019)], at: 20)
        #expect(jump.numbers.rate == nil && jump.numbers.p95 == nil && jump.faults.first?.fault.code == .implausible)
        #expect(jump.numbers.age == 10, "the gauges of a refused page count for nothing either")
        let after = Self.take(&sampler, ["a": Self.page(91_000, start: 1_019)], at: 30)
        #expect(after.numbers.rate == 50 && after.faults.isEmpty)
        let limit = Self.take(&sampler, ["a": Self.page(95_000, start: 1_019)], at: 40)
        #expect(limit.faults.isEmpty, "exactly what a replica can serve")
        let over = Self.take(&sampler, ["a": Self.page(99_010, start: 1_019)], at: 50)
        #expect(over.faults.first?.fault.code == .implausible && over.numbers.rate == nil)
        let again = Self.take(&sampler, ["a": Self.page(104_010, start: 1_019)], at: 60)
        #expect(again.faults.isEmpty && again.numbers.rate == 500, "twice in a row is an overload")
        let still = Self.take(&sampler, ["a": Self.page(109_010, start: 1_019)], at: 65)
        #expect(still.faults.isEmpty && still.numbers.rate == 10_000.0 / 15, "and stays one")
        // Two processes behind one address: a page of the other one between two jumps begins the doubt anew.
        _ = Self.take(&sampler, ["a": Self.page(200_000, start: 2_000)], at: 70)
        _ = Self.take(&sampler, ["a": Self.page(104_100, start: 1_019)], at: 80)
        let third = Self.take(&sampler, ["a": Self.page(300_000, start: 3_000)], at: 90)
        #expect(third.faults.first?.fault.code == .implausible)
    }

    @Test("Sample times that go back or stand still make the page useless")
    func sampleTimes() {
        var sampler = ServiceSampler(Self.metrics)
        _ = Self.take(&sampler, ["a": Self.page(100, time: 5_000)], at: 10)
        let still = Self.take(&sampler, ["a": Self.page(100, time: 5_000)], at: 20)
        #expect(still.numbers.rate == nil && still.numbers.age == 10)
        #expect(still.faults.first?.fault.description == "samples stand still")
        #expect(Self.take(&sampler, ["a": Self.page(300, time: 4_000)], at: 30).numbers.age == 20)
        #expect(Self.take(&sampler, ["a": Self.page(500, time: 9_000)], at: 50).numbers.rate == 10)
    }

    @Test("Missing is nil with a growing age, never 0; all that adds up is scaled by who answered")
    func missing() {
        var sampler = ServiceSampler(Self.metrics)
        #expect(Self.take(&sampler, [:], at: 1).numbers.age == .infinity)
        #expect(Self.take(&sampler, ["a": Self.missing()], at: 2).numbers.age == .infinity)
        let three = ["a": Self.page(0), "b": Self.page(0), "c": Self.page(0)]
        _ = Self.take(&sampler, three, at: 10)
        let two = Self.take(
            &sampler, ["a": Self.page(100, queue: 2), "b": Self.page(100, queue: 4), "c": Self.missing()], at: 20
        ).numbers
        #expect(two.rate == 30 && two.queue == 9 && two.age == 0)
        let one = Self.take(
            &sampler, ["a": Self.page(200), "b": Self.missing(), "c": Self.missing()], at: 30
        ).numbers
        #expect(one.rate == nil && one.queue == nil && one.p95 == nil && one.utilisation == nil && one.age == 10)
    }

    @Test("A new replica does not raise the others' numbers; one that went away is forgotten")
    func newcomer() {
        var sampler = ServiceSampler(Self.metrics)
        _ = Self.take(&sampler, ["a": Self.page(0)], at: 10)
        #expect(Self.take(&sampler, ["a": Self.page(100), "b": Self.page(0)], at: 20).numbers.rate == 10)
        #expect(Self.take(&sampler, ["a": Self.page(200), "b": Self.page(100)], at: 30).numbers.rate == 20)
        #expect(Self.take(&sampler, ["b": Self.page(200)], at: 40).numbers.rate == 10)
    }

    @Test("NaN, infinite and negative values are missing", arguments: ["NaN", "+Inf", "-Inf", "-1"])
    func noNumbers(_ word: String) {
        var sampler = ServiceSampler(Self.metrics)
        for time in [10.0, 20] {
            let page = PrometheusText(
                readable: "requests_total \(word)\nwaiting \(word)\nbusy_seconds_total \(word)\n"
                    + "seconds_bucket{le=\"+Inf\"} \(word)\n")
            let numbers = sampler.take(["a": (.success(page), time)], at: time).numbers
            #expect(numbers.rate == nil && numbers.queue == nil && numbers.utilisation == nil && numbers.p95 == nil)
            #expect(numbers.age == .infinity)
        }
    }

    @Test("No request in a window: the rate is a true 0, the percentile is not known")
    func idle() {
        var sampler = ServiceSampler(Self.metrics)
        _ = Self.take(&sampler, ["a": Self.page(100)], at: 10)
        let numbers = Self.take(&sampler, ["a": Self.page(100)], at: 20).numbers
        #expect(numbers.rate == 0 && numbers.p95 == nil && numbers.errorRatio == nil && numbers.age == 0)
    }

    @Test("Counters of random replicas with restarts give the true total", arguments: 0..<30 as Range<UInt64>)
    func randomCounters(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var sampler = ServiceSampler(Self.metrics, window: 1)
        var counts = [Double](repeating: 0, count: 4)
        var starts = [Double](repeating: 0, count: 4)
        var now = 0.0
        for step in 0..<50 {
            let seconds = Double.random(in: 5...15, using: &random)
            now += seconds
            var served = 0.0
            for index in counts.indices {
                // A process that ends takes what it served since the last page with it.
                if Double.random(in: 0..<1, using: &random) < 0.1 { (counts[index], starts[index]) = (0, now) }
                let more = Double(Int.random(in: 0...1_000, using: &random))
                counts[index] += more
                served += more
            }
            let pages = Dictionary(
                uniqueKeysWithValues: counts.indices.map { ("r\($0)", Self.page(counts[$0], start: starts[$0])) })
            let rate = Self.take(&sampler, pages, at: now).numbers.rate
            guard step > 0 else { continue }
            #expect(rate.map { abs($0 - served / seconds) < 1e-6 } == true, "seed \(seed), step \(step)")
        }
    }
}

@Suite("Histograms of Prometheus")
struct BucketCountsTests {
    @Test("Quantiles as histogram_quantile of Prometheus computes them")
    func quantiles() throws {
        let counts = try #require(BucketCounts([0.1: 10, 0.5: 30, 1: 30, .infinity: 40]))
        // promql/quantile.go (bucketQuantile): rank q * 40.
        #expect(counts.quantile(0.125) == 0.05 && counts.quantile(0.5) == 0.1 + 0.4 * 0.5)
        #expect(counts.quantile(0.95) == 1, "above the last finite bound")
        #expect(counts.total == 40 && BucketCounts([0.1: 1]) == nil && BucketCounts([.infinity: -1]) == nil)
        #expect(BucketCounts([.infinity: 4])?.quantile(0.5) == nil)
        #expect(BucketCounts([0.1: 0, .infinity: 0])?.quantile(0.5) == nil)
    }

    @Test("Differences need the same bounds and growing counts")
    func differences() throws {
        let old = try #require(BucketCounts([1: 2, .infinity: 4]))
        let new = try #require(BucketCounts([1: 5, .infinity: 9]))
        #expect(new.since(old) == BucketCounts([1: 3, .infinity: 5]) && old.since(new) == nil)
        #expect(try new.since(#require(BucketCounts([2: 5, .infinity: 9]))) == nil)
        #expect(new.adding(old) == BucketCounts([1: 7, .infinity: 13]))
    }
}
