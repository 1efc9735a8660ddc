import Autoscaling
import TestData
import Testing

@Suite("Autopilot") struct AutopilotTests {
    @Test("Statistics of the window are those computed from all intervals with their weights") func statistics() {
        var random = SplitMix64(seed: 21)
        let (halfLife, interval) = (900.0, 300.0)
        var recommender = AutopilotRecommender(
            largest: 40, halfLife: halfLife, window: 1_500, interval: interval, buckets: 40)
        var intervals: [[Int]] = []
        for step in 0..<30 {
            var buckets: [Int] = []
            for _ in 0..<random.below(20) {
                let usage = Double(random.below(4_000)) / 100
                recommender.add(usage)
                buckets.append(min(39, max(0, Int((usage).rounded(.up)) - 1)))
            }
            intervals.append(buckets)
            recommender.endInterval(at: Double(step) * interval)
            guard intervals.contains(where: { !$0.isEmpty }) else { continue }
            let weights = intervals.indices.map { exponent(Double(step - $0) * interval / halfLife) }
            var (means, total) = (0.0, 0.0)
            var adjusted = [Double](repeating: 0, count: 40)
            for (weight, buckets) in zip(weights, intervals) where !buckets.isEmpty {
                means += weight * buckets.map { Double($0 + 1) }.reduce(0, +) / Double(buckets.count)
                total += weight
                for bucket in buckets { adjusted[bucket] += Double(bucket + 1) * weight }
            }
            #expect(abs(recommender.recommendation(.average)! - means / total) < 1e-9)
            let all = adjusted.reduce(0, +)
            var (below, bucket) = (0.0, 0)
            for index in adjusted.indices {
                below += adjusted[index]
                bucket = index
                if below >= 0.95 * all - 1e-9 { break }
            }
            #expect(recommender.recommendation(.percentile(0.95)) == Double(bucket + 1))
            let recent = intervals.indices.filter { !intervals[$0].isEmpty }
            if let last = recent.last {
                let peak = recent.filter { Double(last - $0) * interval <= 1_500 }.compactMap { intervals[$0].max() }
                    .max()!
                #expect(recommender.recommendation(.peak) == Double(peak + 1))
            }
        }
    }

    /// 2^-x by repeated squares of its own: x is a multiple of a third here.
    private func exponent(_ x: Double) -> Double {
        let third = 0.793700525984099737375852819636  // 2^(-1/3)
        return (0..<Int((x * 3).rounded())).reduce(1.0) { product, _ in product * third }
    }

    @Test("The load-adjusted percentile weighs use, not time") func loadAdjusted() {
        var recommender = AutopilotRecommender(largest: 10, halfLife: 1e9, window: 1e9, buckets: 10)
        for _ in 0..<90 { recommender.add(1) }
        for _ in 0..<10 { recommender.add(9) }
        #expect(recommender.recommendation(.peak) == nil, "the interval has not ended")
        recommender.endInterval(at: 300)
        // Use is 90 at 1 and 90 at 9: half of it lies at 9 though nine tenths of the time are at 1.
        #expect(recommender.recommendation(.percentile(0.5)) == 1)
        #expect(recommender.recommendation(.percentile(0.51)) == 9)
        recommender.add(.nan)
        recommender.add(-1)
        recommender.endInterval(at: 600)
        #expect(recommender.recommendation(.percentile(0.51)) == 9)
    }

    @Test("A calendar keeps slots, the larger of today and the faded past") func calendar() {
        var calendar = AutopilotCalendar(
            day: Array(repeating: 4, count: 300) + Array(repeating: 8, count: 150), from: -300)
        #expect(calendar.largest(from: -300, to: -1) == 4)
        #expect(calendar.largest(from: -10, to: 10) == 8)
        #expect(calendar.largest(from: 300, to: 900) == nil)
        calendar.add(2, at: 10)
        #expect(abs(calendar.largest(from: 0, to: 0)! - 7.2) < 1e-12)
        calendar.add(9, at: 10)
        #expect(calendar.largest(from: 0, to: 0) == 9)
    }

    private func policy(
        _ change: (inout AutopilotPolicy.Settings) -> Void = { _ in }, calendars: [AutopilotCalendar] = []
    ) throws -> AutopilotPolicy {
        var settings = AutopilotPolicy.Settings()
        settings.statistic = .peak
        settings.utilisation = 0.5
        settings.margin = 1
        settings.interval = 60
        settings.window = 60
        settings.deferral = 120
        settings.decayPeriod = 60
        change(&settings)
        return try AutopilotPolicy(Chains.single, settings, calendars: calendars)
    }

    private func run(_ policy: inout AutopilotPolicy, from first: Int, seconds: Int, _ rate: (Double) -> Double?) throws
        -> [Int]
    {
        var ready = first
        return try stride(from: 0.0, to: Double(seconds), by: 10).map { time in
            let decision = try policy.decide(Chains.observe(time, rate: rate(time), ready: ready))
            policy.applied(decision, at: time)
            ready = decision.replicas[0]
            return ready
        }
    }

    @Test("Usage over r*, then deferred downscaling and a slow decay that halves the excess a period")
    func postProcessing() throws {
        var policy = try policy()
        // A usage of 9.9 lies in the bucket that ends at 9.9375: 20 replicas at 0.5; 1.8 in that of 1.875: 4.
        let after = try run(&policy, from: 20, seconds: 900) { $0 < 55 ? 990 : 180 }
        let perMinute = stride(from: 0, to: 90, by: 6).map { after[$0] }
        #expect(perMinute[0] == 20 && perMinute[1] == 20 && perMinute[2] == 20 && perMinute[3] == 20)
        // The peak of 60 s counts until 120 s, the deferral keeps it until 240 s; then the excess over 4 halves.
        let falling = perMinute.drop { $0 == 20 }
        #expect(Array(falling.prefix(5)) == [12, 8, 6, 5, 4])
    }

    @Test("Small changes are ignored, starting replicas limited, missing usage changes nothing") func limits() throws {
        var small = try policy { $0.ignoredShare = 0.3 }
        #expect(try run(&small, from: 20, seconds: 600) { _ in 740 }.allSatisfy { $0 == 20 }, "15 of 20")
        var starting = try policy()
        #expect(try run(&starting, from: 4, seconds: 10) { _ in 2_000 } == [8], "half of all may start")
        var blind = try policy()
        #expect(try run(&blind, from: 9, seconds: 600) { _ in nil }.allSatisfy { $0 == 9 })
        var lost = try policy()
        #expect(try run(&lost, from: 20, seconds: 1_200) { $0 < 300 ? 990 : nil }.allSatisfy { $0 == 20 })
    }

    @Test("A calendar of yesterday is served before the load comes") func seeded() throws {
        let day = Array(repeating: 180.0, count: 7_500) + Array(repeating: 990, count: 900)
        let calendars = AutopilotPolicy.calendars(Chains.single, rates: day, from: 0, interval: 60)
        func replicas(_ uses: Bool) throws -> Int {
            var policy = try policy({ $0.usesCalendar = uses }, calendars: calendars)
            let market = MarketClock(sinceOpen: 7_440)
            return try policy.decide(Chains.observe(0, rate: 180, ready: 12, market: market)).replicas[0]
        }
        #expect(try replicas(true) == 20)
        #expect(try replicas(false) == 8, "half of the excess over 4 after a first interval")
    }

    @Test("Settings that contradict themselves are refused") func faults() {
        for change: (inout AutopilotPolicy.Settings) -> Void in [
            { $0.utilisation = 0 }, { $0.margin = 0.9 }, { $0.interval = 0 }, { $0.deferral = -1 },
            { $0.ignoredShare = 1 }, { $0.startingShare = 0 }, { $0.statistic = .percentile(2) },
        ] {
            #expect(throws: PolicyFault.self) { try policy(change) }
        }
        #expect(throws: PolicyFault.self) { try policy(calendars: [AutopilotCalendar(), AutopilotCalendar()]) }
    }
}
