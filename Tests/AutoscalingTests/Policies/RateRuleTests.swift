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

    @Test("After a gap in the numbers the window begins with what is in force, and no scale-down comes before its end")
    func gap() throws {
        var policy = try ReactiveRule(Chains.single)
        for step in 0..<3 {
            let observation = Chains.observe(Double(step) * 10, rate: 1_400, ready: 20)
            #expect(try policy.decide(observation).replicas == [20])
            policy.applied(Decision(services: [ServiceDecision(replicas: 20)]), at: observation.time)
        }
        // Nobody asks while nothing is known; the needs of then are older than the window when numbers come again.
        let after = try (0..<14).map { step in
            let observation = Chains.observe(230 + Double(step) * 10, rate: 140, ready: 20)
            defer { policy.applied(Decision(services: [ServiceDecision(replicas: 20)]), at: observation.time) }
            return try policy.decide(observation).replicas[0]
        }
        #expect(after == Array(repeating: 20, count: 13) + [15])
        // Decisions that are always that far apart are no gap: the window ends.
        var slow = try ReactiveRule(Chains.single)
        let down = try (0..<6).map { step in
            let observation = Chains.observe(Double(step) * 60, rate: step == 0 ? 1_400 : 140, ready: 20)
            defer { slow.applied(Decision(services: [ServiceDecision(replicas: 20)]), at: observation.time) }
            return try slow.decide(observation).replicas[0]
        }
        #expect(down.last == 15 && down[1] == 20)
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

    @Test("An overdue replica is replaced while it lasts, and does not stay in the window") func overdue() throws {
        var policy = try ReactiveRule(Chains.single)
        // 700/s at 0.7 are 10 replicas; one of them starts for 20 s, which is its longest, then for longer.
        var observation = Chains.observe(0, rate: 700, ready: 9)
        observation.services[0].pending = [20]
        #expect(try policy.decide(observation).replicas == [10])
        policy.applied(Decision(services: [ServiceDecision(replicas: 10)]), at: 0)
        observation.time = 10
        observation.services[0].pending = [20.5]
        let decision = try policy.decide(observation)
        #expect(decision.replicas == [11])
        #expect(decision.services[0].reasons.contains { $0.code == "ReplicaOverdue" })
        policy.applied(decision, at: 10)
        // The extra one serves, the late one still starts; when it serves too, eleven are one too many at once.
        observation.time = 20
        observation.services[0].ready = 10
        observation.services[0].pending = [30.5]
        #expect(try policy.decide(observation).replicas == [11])
        policy.applied(Decision(services: [ServiceDecision(replicas: 11)]), at: 20)
        observation.time = 30
        observation.services[0].ready = 11
        observation.services[0].pending = []
        #expect(try policy.decide(observation).replicas == [10])
    }

    @Test("An open ten times as high is begun so early that the limit upwards does not hold it up") func knownRise()
        throws
    {
        var settings = Self.plain
        settings.rule.utilisation = 1
        var policy = try ForecastRule(Chains.single, settings)
        // 400/s now, 4,000/s from second 300 on, known to the replica; a replica serves 100/s and starts in 20 s.
        func load(_ time: Double) -> Double { time < 300 ? 400 : 4_000 }
        var ready = [(count: 4, from: 0.0)]
        var ordered = 4
        for time in stride(from: 0.0, through: 330, by: 10) {
            var observation = Chains.observe(time, rate: load(time), ready: 0)
            let serving = ready.last { $0.from <= time }?.count ?? 0
            observation.services[0].ready = serving
            observation.services[0].pending = Array(repeating: 1, count: max(0, ordered - serving))
            observation.forecast = RateForecast(
                points: RateForecast.horizons.map { .init(ahead: $0, q50: load(time + $0), q90: load(time + $0)) })
            let decision = try policy.decide(observation)
            if decision.replicas[0] != ordered { ready.append((decision.replicas[0], time + 20)) }
            #expect(decision.replicas[0] <= max(ordered * 2, ordered + 4))
            ordered = decision.replicas[0]
            policy.applied(decision, at: time)
            if time < 180 { #expect(ordered == 4, "at \(time) s nothing is known of it") }
        }
        #expect((ready.last { $0.from <= 290 }?.count ?? 0) == 40)
    }

    @Test("What enters the chain is counted at a service that another still holds it back from") func heldBack() throws
    {
        var policy = try ForecastRule(Chains.single, Self.plain)
        var observation = Chains.observe(0, rate: 500, ready: 15, forecast: 500)
        // 500/s arrive here, 1,400/s at the entry, which the forecast did not expect: 20 replicas at 0.7.
        observation.rate = 1_400
        #expect(try policy.decide(observation).replicas == [20])
    }

    @Test("The fewest replicas from which a number is reached in time, beside the limits step by step")
    func reaching() {
        for rules in [
            ScalingRules.upDefault, ScalingRules(limits: [.init(.percent(50), per: 20)]),
            ScalingRules(select: .min, limits: [.init(.percent(100), per: 15), .init(.pods(3), per: 15)]),
        ] {
            for wanted in 0...60 {
                for seconds in [-5.0, 0, 10, 15, 29, 30, 61, 200] {
                    let fewest = rules.fewest(reaching: wanted, in: seconds)
                    func reached(from count: Int) -> Int {
                        var now = count
                        for _ in 0..<max(0, Int(seconds / rules.longestPeriod)) {
                            now = ScaleHistory().most(rules, current: now, now: 0)
                        }
                        return now
                    }
                    #expect(reached(from: fewest) >= wanted, "\(wanted) in \(seconds) s")
                    if fewest > 0 { #expect(reached(from: fewest - 1) < wanted, "\(wanted) in \(seconds) s") }
                }
            }
        }
        #expect(ScalingRules(select: .disabled, limits: []).fewest(reaching: 9, in: 100) == 9)
    }
}
