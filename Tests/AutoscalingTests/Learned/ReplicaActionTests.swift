import Autoscaling
import Testing

/// The seven steps and the masks.
@Suite struct ReplicaActionTests {
    @Test("Steps from 5 and from 1 replicas") func steps() {
        #expect(ReplicaAction.allCases.map { $0.replicas(from: 5) } == [3, 4, 5, 6, 7, 7, 10])
        #expect(ReplicaAction.allCases.map { $0.replicas(from: 1) } == [-1, 0, 1, 2, 3, 2, 2])
        // A quarter of 9 is 2.25, rounded up.
        #expect(ReplicaAction.upQuarter.replicas(from: 9) == 12)
        #expect(ReplicaAction.allCases.map(\.word) == ["-2", "-1", "0", "+1", "+2", "+25%", "+100%"])
    }

    @Test("The nearest step overshoots rather than falls short, and never takes what is forbidden") func nearest() {
        let all = ActionMask()
        #expect(ReplicaAction.nearest(to: 10, from: 5, allowed: all) == .double)
        #expect(ReplicaAction.nearest(to: 7, from: 5, allowed: all) == .upTwo)
        #expect(ReplicaAction.nearest(to: 1, from: 5, allowed: all) == .downTwo)
        #expect(ReplicaAction.nearest(to: 5, from: 5, allowed: all) == .hold)
        // 14 from 8: doubling gives 16, two more 10.
        #expect(ReplicaAction.nearest(to: 14, from: 8, allowed: all) == .double)
    }
}

/// Masks and features against observations made by hand.
@Suite struct ScalingStateTests {
    /// One service: a replica serves 100/s, starts in 5 to 30 s (95 %: 28.75 s), 2 to 20 replicas.
    static func chain(budget: Double? = nil, services: Int = 1) -> ChainProfile {
        ChainProfile(
            services: (0..<services).map { index in
                ServiceProfile(name: "s\(index)", bounds: 2...20, serviceTime: 0.01, latencyBudget: 0.05)
            }, processorBudget: budget)
    }

    /// 10 s apart; load and forecast in requests a second.
    static func observation(
        _ time: Double, ready: Int = 10, pending: [Double] = [], rate: Double? = 600, expected: Double? = 600,
        market: MarketClock? = nil, age: Double = 5, services: Int = 1
    ) -> Observation {
        Observation(
            time: time, market: market, rate: rate, p95: 0.02, errorRatio: 0,
            forecast: expected.map { rate in
                RateForecast(points: [10.0, 30, 60].map { .init(ahead: $0, q50: 0.9 * rate, q90: rate) })
            },
            services: (0..<services).map { _ in
                ServiceObservation(
                    ready: ready, pending: pending, rate: rate, utilisation: rate.map { $0 / 1_000 }, queue: 0,
                    p95: 0.02, errorRatio: 0, age: age)
            })
    }

    /// The mask of the last of some observations; the shield wants three fresh ones before it lets go.
    static func mask(
        _ last: Observation, profile: ChainProfile = chain(), before: Observation? = nil
    ) throws -> (ReplicaAction) -> MaskReason? {
        var probe = try PolicyProbe(profile)
        for step in 0..<3 {
            var past = before ?? last
            past.time = last.time - Double(30 - 10 * step)
            try probe.observe(past)
        }
        try probe.observe(last)
        let mask = probe.mask(0)
        return { mask.reason($0) }
    }

    @Test("A calm service may go down by one, and up by one only") func calm() throws {
        // 600/s on 10 replicas: 0.6; on 9: 0.67; on 8: 0.75, which is not idle.
        let reason = try Self.mask(Self.observation(100))
        #expect(reason(.downOne) == nil && reason(.hold) == nil && reason(.upOne) == nil)
        #expect(reason(.downTwo) == .notPressed)
        #expect(reason(.upTwo) == .notPressed && reason(.upQuarter) == .notPressed && reason(.double) == .notPressed)
    }

    @Test("An idle service may go down by two") func idle() throws {
        let reason = try Self.mask(Self.observation(100, rate: 300, expected: 300))
        #expect(reason(.downTwo) == nil && reason(.downOne) == nil)
    }

    @Test("A load expected above 0.85 allows large steps and forbids steps down") func expected() throws {
        let reason = try Self.mask(Self.observation(100, expected: 900))
        #expect(reason(.downOne) == .forecastHigh && reason(.downTwo) == .forecastHigh)
        #expect(reason(.upTwo) == nil && reason(.upQuarter) == nil && reason(.double) == nil)
        // 9 replicas at 0.85 serve 765/s: at the limit, and one past it.
        #expect(try Self.mask(Self.observation(100, expected: 765))(.downOne) == nil)
        #expect(try Self.mask(Self.observation(100, expected: 766))(.downOne) == .forecastHigh)
    }

    @Test("Bounds end the steps") func bounds() throws {
        let low = try Self.mask(Self.observation(100, ready: 2, rate: 60, expected: 60))
        #expect(low(.downOne) == .tooFewReplicas && low(.downTwo) == .tooFewReplicas)
        let high = try Self.mask(Self.observation(100, ready: 20, rate: 1_950, expected: 1_950))
        #expect(high(.upOne) == .tooManyReplicas && high(.double) == .tooManyReplicas)
        let near = try Self.mask(Self.observation(100, ready: 18, rate: 1_800, expected: 1_800))
        #expect(near(.upTwo) == nil && near(.upQuarter) == .tooManyReplicas)
    }

    @Test("The budget forbids what it cannot pay") func budget() throws {
        let reason = try Self.mask(Self.observation(100, expected: 900), profile: Self.chain(budget: 11))
        #expect(reason(.upOne) == nil && reason(.upTwo) == .budgetSpent && reason(.downOne) == .forecastHigh)
    }

    @Test("Starting replicas, auctions and missing numbers forbid steps down alone") func shielded() throws {
        let pending = try Self.mask(Self.observation(100, pending: [3]))
        #expect(pending(.downOne) == .pending && pending(.upOne) == nil)
        let auction = try Self.mask(Self.observation(100, market: MarketClock(sinceOpen: -200)))
        #expect(auction(.downOne) == .auction)
        #expect(try Self.mask(Self.observation(100, market: MarketClock(sinceOpen: 5_000)))(.downOne) == nil)
        let missing = try Self.mask(Self.observation(100, rate: nil, expected: nil), before: Self.observation(70))
        #expect(missing(.downOne) == .missing)
        let blind = try Self.mask(Self.observation(100, expected: nil))
        #expect(blind(.downOne) == .missing && blind(.upOne) == nil)
        let stale = try Self.mask(Self.observation(100, age: 31), before: Self.observation(70))
        #expect(stale(.downOne) == .stale)
    }

    @Test("No step down within the cooldown after a step up, or the pause after one down, at their ends again")
    func cooldown() throws {
        var rules = MaskRules()
        (rules.downCooldown, rules.downPause) = (120, 30)
        for (step, end) in [(11, 170.0), (9, 80)] {
            var probe = try PolicyProbe(Self.chain(), rules: rules)
            for time in stride(from: 0.0, through: 200, by: 10) {
                try probe.observe(Self.observation(time, ready: time > 50 ? step : 10))
                if time == 50 { probe.applied([step], at: time) }
                if time == end - 10 { #expect(probe.mask(0).reason(.downOne) == .cooldown) }
                if time == end { #expect(probe.mask(0).reason(.downOne) == nil) }
            }
        }
    }

    @Test("Features are ratios to what the replicas serve") func features() throws {
        var probe = try PolicyProbe(Self.chain())
        try probe.observe(Self.observation(0, rate: 500, expected: 500))
        try probe.observe(Self.observation(10, ready: 8, pending: [0, 12, 25], rate: 660, expected: 1_100))
        let row = probe.features(0)
        let value = Dictionary(uniqueKeysWithValues: zip(ScalingFeatures.names, row))
        func isNear(_ name: String, _ expected: Float) -> Bool { abs((value[name] ?? .nan) - expected) < 1e-5 }
        #expect(row.count == ScalingFeatures.count && value.count == row.count)
        #expect(isNear("ready", 0.4) && isNear("pending", 3.0 / 11))
        // 28.75 s to go of the newest, 16.75 of the next, 3.75 of the oldest.
        #expect(isNear("pending10", 1.0 / 11) && isNear("pending20", 1.0 / 11) && isNear("pendingLater", 1.0 / 11))
        #expect(isNear("offeredOfReady", 0.825) && isNear("offeredOfOrdered", 0.6))
        #expect(isNear("change10", 160.0 / 1_100) && isNear("change60", 0))
        #expect(isNear("q50At30", 0.9) && isNear("q90At30", 1))
        #expect(isNear("p95", 0.4) && isNear("chain.p95", 0.4))
        #expect(isNear("chain.hasMarket", 0) && isNear("chain.hasForecast", 1) && isNear("chain.missing", 0))
        #expect(isNear("chain.forecastWidth", 1.0 / 9))
    }

    @Test("Numbers that are missing, NaN or absurd never reach a feature") func missing() throws {
        var probe = try PolicyProbe(Self.chain())
        try probe.observe(Self.observation(0))
        var broken = Self.observation(10, rate: .nan)
        broken.services[0].utilisation = .infinity
        broken.services[0].p95 = -1
        broken.services[0].queue = .nan
        broken.services[0].age = .infinity
        broken.p95 = .nan
        broken.errorRatio = .nan
        broken.forecast = RateForecast(points: [.init(ahead: 10, q50: .nan, q90: .nan)])
        try probe.observe(broken)
        let row = probe.features(0)
        #expect(row.allSatisfy { $0.isFinite && abs($0) <= 8 })
        #expect(row[ScalingFeatures.names.firstIndex(of: "chain.missing") ?? 0] == 1)
        #expect(row[ScalingFeatures.names.firstIndex(of: "chain.hasForecast") ?? 0] == 0)
    }

    @Test("Features of a service do not depend on how large or fast it is") func scale() throws {
        func row(_ factor: Double) throws -> [Float] {
            var profile = Self.chain()
            profile.services[0].serviceTime /= factor
            var probe = try PolicyProbe(profile)
            for time in [0.0, 10, 20] {
                try probe.observe(Self.observation(time, rate: factor * (500 + time), expected: factor * 700))
            }
            return probe.features(0)
        }
        // The slack is the service time over its budget, and the observation's utilisation belongs to a factor of 1.
        for (index, pair) in zip(try row(1), try row(8)).enumerated() {
            let name = ScalingFeatures.names[index]
            #expect(abs(pair.0 - pair.1) < 1e-5 || ["slack", "utilisation"].contains(name), "\(name)")
        }
    }

    @Test("An observation of another chain, or from the past, is a fault") func faults() throws {
        var probe = try PolicyProbe(Self.chain())
        try probe.observe(Self.observation(10))
        #expect(throws: PolicyFault.self) { try probe.observe(Self.observation(0)) }
        #expect(throws: PolicyFault.self) { try probe.observe(Self.observation(20, services: 2)) }
        #expect(throws: PolicyFault.self) { try PolicyProbe(ChainProfile(services: [])) }
    }
}
