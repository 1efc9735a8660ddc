import Autoscaling
import Learning
import Testing

@Suite("Hybrid policy") struct HybridPolicyTests {
    private let profile = ChainProfile.tradingChain

    private func observation(
        _ time: Double, rate: Double, ahead: Double? = nil, replicas: Int = 5, age: Double = 5,
        market: MarketClock? = nil
    ) -> Observation {
        let next = ahead ?? rate
        return Observation(
            time: time, market: market, rate: rate,
            forecast: RateForecast(points: [
                .init(ahead: 10, q50: rate, q90: rate), .init(ahead: 40, q50: next, q90: next),
            ]),
            services: profile.services.indices.map {
                ServiceObservation(ready: replicas, rate: rate * profile.visits(of: $0), age: age)
            })
    }

    @Test("Plans serve the forecast at its 90th percentile, within bounds and without overload") func planning() throws
    {
        let policy = try HybridPolicy(profile)
        let decision = try policy.decide(observation(0, rate: 3_000, ahead: 12_000))
        for index in profile.services.indices {
            let most = profile.replicas(of: index, rate: 12_000, utilisation: 0.45)
            let least = profile.replicas(of: index, rate: 12_000, utilisation: 0.9)
            #expect((least...most).contains(decision.services[index].replicas), "service \(index)")
            #expect(decision.services[index].reasons.first?.code == "PlanFound")
            #expect(decision.services[index].quota == nil && decision.services[index].priority == nil)
        }
        let last = try #require(policy.last)
        #expect(last.evaluations <= 250 && last.fitness.violation == 0)
    }

    @Test("A steady load is answered by one plan, and a lull shorter than the window changes nothing") func steadiness()
        throws
    {
        let policy = try HybridPolicy(profile)
        let first = try policy.decide(observation(0, rate: 6_000)).replicas
        for step in 1...11 {
            let rate = step % 2 == 0 ? 6_000.0 : 4_500
            #expect(try policy.decide(observation(Double(step) * 10, rate: rate)).replicas == first)
        }
        var replicas = first
        for step in 12...40 { replicas = try policy.decide(observation(Double(step) * 10, rate: 2_000)).replicas }
        #expect(replicas.reduce(0, +) < first.reduce(0, +) / 2)
    }

    @Test("Asked every 2 s it searches every 10 s, and keeps what is in force between") func cadence() throws {
        let policy = try HybridPolicy(profile)
        let first = try policy.decide(observation(0, rate: 3_000)).replicas
        policy.applied(Decision(services: first.map { ServiceDecision(replicas: $0 + 1) }), at: 0)
        for time in [2.0, 4, 6, 8] {
            let decision = try policy.decide(observation(time, rate: 9_000))
            #expect(decision.replicas == first.map { $0 + 1 })
            #expect(decision.services[0].reasons.first?.code == "BetweenDecisions")
        }
        let next = try policy.decide(observation(10, rate: 9_000))
        #expect(next.replicas.reduce(0, +) > first.reduce(0, +) + first.count)
    }

    @Test("Near the open, with old numbers or none, nobody loses replicas") func neverBlindDown() throws {
        let near = MarketClock(sinceOpen: 100)
        var silent = observation(0, rate: 100, replicas: 12)
        silent.rate = nil
        for index in silent.services.indices { silent.services[index].rate = nil }
        var old = observation(0, rate: 100, replicas: 12, age: 31)
        old.rate = nil
        for case let (seen, label) in [
            (observation(0, rate: 100, replicas: 12, market: near), "auction"), (silent, "silent"), (old, "old"),
        ] {
            let policy = try HybridPolicy(profile)
            #expect(try policy.decide(seen).replicas.allSatisfy { $0 >= 12 }, "\(label)")
        }
        let policy = try HybridPolicy(profile)
        #expect(try policy.decide(observation(0, rate: 100, replicas: 12)).replicas.allSatisfy { $0 < 12 })
    }

    @Test("What was applied counts, not what was proposed") func applied() throws {
        let policy = try HybridPolicy(profile)
        let near = MarketClock(sinceOpen: 100)
        _ = try policy.decide(observation(0, rate: 100, replicas: 3, market: near))
        policy.applied(Decision(services: profile.services.map { _ in ServiceDecision(replicas: 9) }), at: 0)
        policy.applied(Decision(services: []), at: 0)
        let next = try policy.decide(observation(10, rate: 100, replicas: 3, market: near))
        #expect(next.replicas.allSatisfy { $0 >= 9 })
    }

    @Test("Same seed and observations, same decisions") func determinism() throws {
        func run(_ seed: UInt64) throws -> [Decision] {
            let policy = try HybridPolicy(profile, HybridPolicy.Configuration(seed: seed))
            return try (0..<20).map { step in
                try policy.decide(observation(Double(step) * 10, rate: 1_000 + 500 * Double(step)))
            }
        }
        #expect(try run(7) == run(7))
    }

    @Test("Quotas and priorities are advised where they are asked for") func advice() throws {
        var crowded = profile
        crowded.processorBudget = 80
        var configuration = HybridPolicy.Configuration()
        configuration.quotas = [0.5, 0.75, 1]
        configuration.contention = 0.5
        let policy = try HybridPolicy(crowded, configuration)
        let decision = try policy.decide(observation(0, rate: 8_000))
        #expect(decision.services.allSatisfy { [0.5, 0.75, 1].contains($0.quota) })
        #expect(decision.services.allSatisfy { [0.25, 0.5, 0.75, 1].contains($0.priority) })
        #expect(decision.replicas.reduce(0, +) <= 80)
    }

    @Test("Observations it cannot decide on are faults with their codes") func badInput() throws {
        let policy = try HybridPolicy(profile)
        func code(_ change: (inout Observation) -> Void) -> String? {
            var seen = observation(0, rate: 1_000)
            change(&seen)
            do {
                _ = try policy.decide(seen)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code { $0.services.removeLast() } == "ObservationShape")
        #expect(code { $0.services[2].ready = -1 } == "ObservationShape")
        #expect(code { $0.services[2].pending = [.nan] } == "ObservationShape")
        #expect(code { $0.forecast = nil } == "ForecastMissing")
        for point in [(Double.nan, 1.0), (1, .infinity), (2, 1), (-1, 1), (1, 1e300)] {
            #expect(
                code { $0.forecast = RateForecast(points: [.init(ahead: 10, q50: point.0, q90: point.1)]) }
                    == "NotFinite")
        }
        #expect(code { $0.services[0].rate = .nan } == nil, "one missing number is no fault")
        let wrong: [(inout HybridPolicy.Configuration) -> Void] = [
            { $0.utilisationTarget = 0 }, { $0.utilisationTarget = 0.95 }, { $0.window = -1 }, { $0.period = 0 },
            { $0.margin = .nan }, { $0.freshFor = 0 }, { $0.contention = -1 }, { $0.nodeProcessors = 0 },
            { $0.quotas = [] }, { $0.scheduler.search.elites = 16 }, { $0.scheduler.search.evaluationsMax = 0 },
        ]
        for (index, change) in wrong.enumerated() {
            var configuration = HybridPolicy.Configuration()
            change(&configuration)
            #expect(throws: PolicyFault.self, "case \(index)") { try HybridPolicy(profile, configuration) }
        }
        var broken = profile
        broken.services = []
        #expect(throws: PolicyFault.self) { try HybridPolicy(broken) }
    }

    @Test("Loads beyond all bounds end at the bounds") func limits() throws {
        let policy = try HybridPolicy(profile)
        let most = try policy.decide(observation(0, rate: 1e9))
        #expect(most.replicas == profile.services.map(\.bounds.upperBound))
        let idle = try HybridPolicy(profile)
        #expect(try idle.decide(observation(0, rate: 0)).replicas == profile.services.map(\.bounds.lowerBound))
    }
}
