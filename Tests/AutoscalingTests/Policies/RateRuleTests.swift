import Autoscaling
import Testing

@Suite("Static, reactive and forecast rules") struct RateRuleTests {
    private func run(
        _ policy: inout some ScalingPolicy, from first: Int, steps: Int, _ observe: (Double, Int) -> Observation
    ) throws -> [Int] {
        var ready = first
        return try (0..<steps).map { step in
            let observation = observe(Double(step) * 10, ready)
            let decision = try policy.decide(observation)
            policy.applied(decision, at: observation.time)
            ready = decision.replicas[0]
            return ready
        }
    }

    /// u* 0.7, q90, 120 s, no other lookahead, no plan of the chain, nothing drained.
    private static var plain: ForecastRule.Settings {
        var settings = ForecastRule.Settings()
        settings.rule = RateRule.Settings(utilisation: 0.7, downWindow: 120)
        settings.quantile = 0.9
        settings.lookahead = 0
        settings.latencyShare = nil
        return settings
    }

    @Test("Static: replicas of the peak at a utilisation, within the bounds") func staticPeak() throws {
        var policy = try StaticPolicy(Chains.single, peak: 1_600, utilisation: 0.8)
        #expect(try policy.decide(Chains.observe(0, rate: nil, ready: 0)).replicas == [20])
        var over = try StaticPolicy(Chains.single, peak: 1e6)
        #expect(try over.decide(Chains.observe(0, rate: nil, ready: 0)).replicas == [50])
        #expect(throws: PolicyFault.self) { try StaticPolicy(Chains.single, peak: .nan) }
        let floor = try ScheduleFloor(steps: [.init(from: 0, replicas: [7])])
        var schedule = try StaticPolicy(Chains.single, floor: floor)
        let before = MarketClock(sinceOpen: -1)
        #expect(try schedule.decide(Chains.observe(0, rate: nil, ready: 0, market: before)).replicas == [1])
        #expect(try schedule.decide(Chains.observe(0, rate: nil, ready: 0)).replicas == [7])
        #expect(throws: PolicyFault.self) { try StaticPolicy(Chains.three, floor: floor) }
    }

    @Test("Hold: what was applied last, raised to the floor") func hold() throws {
        let floor = try ScheduleFloor(steps: [.init(from: 0, replicas: [7])])
        var policy = HoldPolicy(Chains.single, floor: floor)
        #expect(try policy.decide(Chains.observe(0, rate: nil, ready: 3, pending: 6)).replicas == [9])
        policy.applied(Decision(services: [ServiceDecision(replicas: 4)]), at: 0)
        let held = try policy.decide(Chains.observe(10, rate: nil, ready: 30))
        #expect(held.replicas == [7] && held.services[0].reasons[0].code == "ScheduleFloor")
        #expect(
            try policy.decide(Observation(time: 20, market: MarketClock(sinceOpen: -5), services: [])).replicas == [4])
    }

    @Test("Reactive: up at once within the limit, down after 120 s, a quarter a minute") func reactive() throws {
        var policy = try ReactiveRule(Chains.single)
        // 700/s at 0.7 are 10 replicas; 2,800/s are 40.
        let up = try run(&policy, from: 10, steps: 5) { Chains.observe($0, rate: $0 == 0 ? 700 : 2_800, ready: $1) }
        #expect(up == [10, 20, 20, 40, 40])
        var down = try ReactiveRule(Chains.single)
        let after = try run(&down, from: 20, steps: 40) {
            Chains.observe($0, rate: $0 == 0 ? 1_400 : 140, ready: $1)
        }
        // The EWMA of 5 s leaves 20 for 0 s and 5 or less from 10 s on; 20 is out of the window after 120 s: trunc(15).
        #expect(Array(after[..<13]) == Array(repeating: 20, count: 13))
        #expect(after[13] == 15 && after[18] == 15 && after[19] == 11 && after[24] == 11 && after[25] == 8)
        #expect(after[31] == 6 && after.last == 4)
    }

    @Test("Reactive: what waits is worked off within the time given") func drain() throws {
        var settings = RateRule.Settings(utilisation: 1)
        settings.drain = 30
        var policy = try ReactiveRule(Chains.single, settings)
        var observation = Chains.observe(0, rate: 1_000, ready: 10)
        observation.services[0].queue = 3_000
        // 1000/s and 3000 / 30 s: 1100/s are 11 replicas.
        #expect(try policy.decide(observation).replicas == [11])
    }

    @Test("Without any rate the reactive rule cannot decide; with the chain's rate alone it can") func missing() throws
    {
        var policy = try ReactiveRule(Chains.single)
        #expect(throws: PolicyFault.self) { try policy.decide(Chains.observe(0, rate: nil, ready: 5)) }
        var whole = Chains.observe(0, rate: nil, ready: 5)
        whole.rate = 700
        #expect(try policy.decide(whole).replicas == [10])
    }

    @Test("Forecast: the largest q90 until start-up and two periods is served at u*") func forecast() throws {
        var policy = try ForecastRule(Chains.single, Self.plain)
        // Ready after 20 s, period 10 s: 40 s ahead. Points at 30 and 60 s: 900 + (2100 - 900) / 3 = 1300 at 40 s.
        let points = [
            RateForecast.Point(ahead: 10, q50: 500, q90: 700), .init(ahead: 30, q50: 600, q90: 900),
            .init(ahead: 60, q50: 700, q90: 2_100),
        ]
        var observation = Chains.observe(0, rate: 500, ready: 15)
        observation.forecast = RateForecast(points: points)
        let decision = try policy.decide(observation)
        #expect(decision.replicas == [19], "1300 / 70 = 18.6")
        // A higher measured rate wins.
        var other = try ForecastRule(Chains.single, Self.plain)
        observation.services[0].rate = 1_500
        #expect(try other.decide(observation).replicas == [22], "1500 / 70 = 21.4")
    }

    @Test("Forecast: other quantiles are those of the lognormal through q50 and q90") func quantiles() throws {
        func need(_ quantile: Double) throws -> Int {
            var settings = Self.plain
            settings.quantile = quantile
            settings.rule.utilisation = 1
            var policy = try ForecastRule(Chains.single, settings)
            var observation = Chains.observe(0, rate: 0, ready: 25)
            observation.forecast = RateForecast(points: [.init(ahead: 60, q50: 1_000, q90: 2_000)])
            return try policy.decide(observation).replicas[0]
        }
        #expect(try need(0.5) == 25, "10 needed: not below what is in force at once")
        #expect(try need(0.9) == 25)
        // 1000 * 2^(1.644854 / 1.281552) = 1000 * 2^1.283485 = 2434 (5 more at most would be 50).
        var settings = Self.plain
        settings.quantile = 0.95
        settings.rule.utilisation = 1
        var policy = try ForecastRule(Chains.single, settings)
        var observation = Chains.observe(0, rate: 0, ready: 20)
        observation.forecast = RateForecast(points: [.init(ahead: 60, q50: 1_000, q90: 2_000)])
        #expect(try policy.decide(observation).replicas == [25], "24.34")
    }

    @Test("Forecast: no forecast, or one that cannot be, is a fault; no rate holds") func faults() throws {
        var policy = try ForecastRule(Chains.single)
        #expect(throws: PolicyFault("ForecastMissing", "no forecast of the rate is known")) {
            try policy.decide(Chains.observe(0, rate: 500, ready: 5))
        }
        for (low, high) in [(1.0, Double.nan), (2, 1), (-1, 1), (0, 1e13), (.nan, 1)] {
            var bad = Chains.observe(0, rate: 500, ready: 5)
            bad.forecast = RateForecast(points: [.init(ahead: 60, q50: low, q90: high)])
            let fault = #expect(throws: PolicyFault.self) { try policy.decide(bad) }
            #expect(fault?.code == "NotFinite")
        }
        let after = try run(&policy, from: 12, steps: 40) { Chains.observe($0, rate: nil, ready: $1, forecast: 70) }
        #expect(after == Array(repeating: 12, count: 40), "a forecast alone takes nothing away")
        var settings = ForecastRule.Settings()
        settings.quantile = 0.4
        #expect(throws: PolicyFault.self) { try ForecastRule(Chains.single, settings) }
        settings = ForecastRule.Settings()
        settings.rule.utilisation = 1.2
        #expect(throws: PolicyFault.self) { try ForecastRule(Chains.single, settings) }
    }

    @Test("The capacity is learned from the utilisation law, within half and one and a half of the profile's")
    func capacity() {
        var estimate = CapacityEstimate(Chains.single.services[0])
        #expect(estimate.value == 100)
        func observe(_ rate: Double, _ utilisation: Double, p95: Double? = nil) -> ServiceObservation {
            ServiceObservation(ready: 10, rate: rate, utilisation: utilisation, queue: 0, p95: p95)
        }
        for step in 1...300 { estimate.add(observe(560, 0.7), at: Double(step) * 10) }
        #expect(abs(estimate.value - 80) < 0.1, "560 / (10 * 0.7)")
        for step in 301...900 { estimate.add(observe(140, 0.7), at: Double(step) * 10) }
        #expect(estimate.value == 50)
        estimate.add(observe(900, 0.95, p95: 0.04), at: 9_001)
        #expect(estimate.value == 90, "a rate that was served within the budget is within the capacity")
        estimate.add(observe(100, 0.1), at: 13_000)
        #expect(estimate.value == 50, "an hour later it is forgotten")
    }

    @Test("Calibration: all combinations, the cheapest that meets the target, else the fewest violations")
    func calibrate() throws {
        var grid = ForecastRule.Grid()
        grid.utilisations = [0.6, 0.7, 0.8]
        grid.quantiles = [0.5, 0.9]
        grid.downWindows = [60, 120]
        grid.lookaheads = [0]
        var tried = 0
        func score(_ settings: ForecastRule.Settings) -> PolicyScore {
            tried += 1
            // Violations grow with u* and fall with the quantile; hours the other way round.
            return PolicyScore(
                violations: max(0, settings.rule.utilisation - 0.6) * (1 - settings.quantile),
                replicaHours: 100 / settings.rule.utilisation + 10 * settings.quantile + settings.rule.downWindow / 100)
        }
        let found = try ForecastRule.calibrate(grid, violationsMax: 0.021, score: score)
        #expect(tried == 12 && found.trials.count == 12 && found.isMet)
        // 0.8 at 0.9 violates 0.02 and costs 125 + 9 + 0.6; 0.7 at 0.9 costs 142.9 + 9.6.
        let best = found.best.candidate
        #expect(best.rule.utilisation == 0.8 && best.quantile == 0.9 && best.rule.downWindow == 60)
        let strict = try ForecastRule.calibrate(grid, violationsMax: -1, score: score)
        #expect(!strict.isMet && strict.best.candidate.rule.utilisation == 0.6)
        #expect(strict.best.candidate.quantile == 0.5 && strict.best.candidate.rule.downWindow == 60)
        let broken = try ForecastRule.calibrate(grid, violationsMax: 1) {
            PolicyScore(violations: $0.quantile == 0.5 ? .nan : 0, replicaHours: 1, reversals: $0.rule.downWindow)
        }
        #expect(broken.best.candidate.quantile == 0.9 && broken.best.candidate.rule.downWindow == 60)
        grid.quantiles = []
        #expect(throws: PolicyFault.self) { try ForecastRule.calibrate(grid, score: score) }
        grid.quantiles = [2]
        #expect(throws: PolicyFault.self) { try ForecastRule.calibrate(grid, score: score) }
    }
}
