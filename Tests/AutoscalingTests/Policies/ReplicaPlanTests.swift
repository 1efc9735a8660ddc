import Autoscaling
import Testing

@Suite("Plans of the whole chain's replicas") struct ReplicaPlanTests {
    static let chain = ChainProfile.tradingChain
    static let plan = ReplicaPlan(chain, latency: 0.035, utilisationMost: 0.9)

    @Test("More load has no service with fewer replicas, and loads grow by the step") func grows() {
        let plan = Self.plan
        #expect(plan.rates.count == plan.replicas.count && plan.rates.count > 100)
        for place in plan.rates.indices.dropFirst() {
            #expect(abs(plan.rates[place] / plan.rates[place - 1] / ReplicaPlan.step - 1) < 1e-9)
            #expect(zip(plan.replicas[place - 1], plan.replicas[place]).allSatisfy { $0 <= $1 })
        }
        #expect(plan.replicas[0] == Self.chain.services.map(\.bounds.lowerBound))
        #expect(plan.replicas[plan.replicas.count - 1] == Self.chain.services.map(\.bounds.upperBound))
    }

    @Test("Every plan within the bounds keeps the promise by the hybrid scheduler's steady state") func promise() throws
    {
        let plan = Self.plan
        let space = try PlanSpace(Self.chain, quotas: [1])
        let most = Self.chain.rateMost(utilisation: 0.9)
        for place in stride(from: 0, to: plan.rates.count, by: 7) where plan.rates[place] < most {
            let rate = plan.rates[place]
            let rates = Self.chain.services.indices.map { rate * Self.chain.visits(of: $0) }
            var steady = SteadyState(space, rates: rates)
            let outcome = steady.outcome(space.genome(replicas: plan.replicas[place]))
            #expect(outcome.responseTime <= 0.035 * 1.001, "\(rate)/s")
            #expect(outcome.utilisations.allSatisfy { $0 <= 0.9 + 1e-9 })
        }
    }

    @Test("It takes no more replicas than services counted one by one at 0.8, and fewer at the largest load")
    func fewer() {
        var saved: [Int] = []
        for rate in [500.0, 2_000, 5_000, 15_000] {
            let planned = Self.plan.replicas[Self.plan.place(of: rate)].reduce(0, +)
            let counted = Self.chain.services.indices.reduce(0) {
                $0 + max(1, Self.chain.replicas(of: $1, rate: rate, utilisation: 0.8))
            }
            saved.append(counted - planned)
        }
        #expect(saved.allSatisfy { $0 >= 0 } && saved[3] > 0, "\(saved)")
    }

    @Test("On a chain small enough to try all plans it needs at most one replica more than the best") func exhaustive()
        throws
    {
        var chain = Chains.three
        chain.latencyTarget = 0.1
        chain.processorBudget = nil
        chain.services[1].processors = 1
        for index in chain.services.indices { chain.services[index].bounds = 1...12 }
        let plan = ReplicaPlan(chain, latency: 0.1, utilisationMost: 0.9)
        let space = try PlanSpace(chain, quotas: [1])
        for rate in [20.0, 100, 250, 400] {
            let place = plan.place(of: rate)
            let load = plan.rates[place]
            var steady = SteadyState(space, rates: chain.services.indices.map { load * chain.visits(of: $0) })
            var fewest = Int.max
            for a in 1...12 {
                for b in 1...12 {
                    for c in 1...12 where a + b + c < fewest {
                        let outcome = steady.outcome(space.genome(replicas: [a, b, c]))
                        if outcome.responseTime <= 0.1, outcome.utilisations.allSatisfy({ $0 <= 0.9 }) {
                            fewest = a + b + c
                        }
                    }
                }
            }
            let planned = plan.replicas[place].reduce(0, +)
            #expect(planned >= fewest && planned <= fewest + 1, "\(rate)/s: \(planned), best \(fewest)")
        }
    }

    @Test("A look-up finds the first load that is enough") func lookup() {
        let plan = Self.plan
        for step in 0..<400 {
            let rate = plan.rates[0] * 0.5 * Double(step * step + 1) / 10
            let reference = plan.rates.firstIndex { $0 >= rate } ?? plan.rates.count - 1
            #expect(plan.place(of: rate) == reference)
        }
        #expect(plan.place(of: 0) == 0 && plan.place(of: -1) == 0 && plan.place(of: 1e300) == plan.rates.count - 1)
        for place in plan.rates.indices { #expect(plan.place(of: plan.rates[place]) == place) }
    }

    @Test("A service at its bound does not make the others grow") func bounded() {
        var chain = Self.chain
        chain.services[3].bounds = 1...2
        let plan = ReplicaPlan(chain, latency: 0.035, utilisationMost: 0.9)
        let free = Self.plan
        let place = plan.place(of: 10_000)
        let other = free.place(of: 10_000)
        for index in chain.services.indices where index != 3 {
            #expect(plan.replicas[place][index] <= free.replicas[other][index] + 1)
        }
    }

    @Test("The forecast rule proposes the plan's replicas, more where a replica serves less than it should") func rule()
        throws
    {
        var settings = ForecastRule.Settings()
        settings.quantile = 0.9
        settings.rule.utilisation = 0.9
        settings.rule.up = ScalingRules(limits: [.init(.pods(100), per: 15)])
        var rule = try ForecastRule(Self.chain, settings)
        var observation = Observation(
            time: 0, rate: 4_000,
            services: Self.chain.services.indices.map {
                ServiceObservation(ready: 1, rate: 4_000 * Self.chain.visits(of: $0))
            })
        observation.forecast = RateForecast(points: [.init(ahead: 60, q50: 4_000, q90: 6_000)])
        let plan = ReplicaPlan(Self.chain, latency: 0.7 * 0.05, utilisationMost: 0.9)
        #expect(try rule.decide(observation).replicas == plan.replicas[plan.place(of: 6_000)])
        for (share, utilisation) in [(0.0, 0.9), (1.1, 0.9), (.nan, 0.9), (0.5, 1)] {
            settings.latencyShare = share
            settings.rule.utilisation = utilisation
            #expect(throws: PolicyFault.self) { try ForecastRule(Self.chain, settings) }
        }
        settings.latencyShare = nil
        settings.rule.utilisation = 1
        _ = try ForecastRule(Self.chain, settings)
    }
}
