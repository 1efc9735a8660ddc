import Autoscaling
import Learning
import Testing

/// Chains for the tests of the hybrid scheduler.
enum HybridChains {
    static func service(
        _ name: String, bounds: ClosedRange<Int> = 1...10, workers: Int = 2, milliseconds: Double = 2,
        visits: [Double] = [1]
    ) -> ServiceProfile {
        ServiceProfile(
            name: name, bounds: bounds, workers: workers, serviceTime: milliseconds / 1_000, visits: visits,
            latencyBudget: 0.02)
    }

    /// Three services small enough to try all plans.
    static let small = ChainProfile(
        services: [
            service("a"), service("b", workers: 4, milliseconds: 5), service("c", workers: 1, milliseconds: 1),
        ], latencyTarget: 0.03)

    static func rates(_ profile: ChainProfile, _ rate: Double) -> [Double] {
        profile.services.indices.map { rate * profile.visits(of: $0) }
    }
}

@Suite("Fitness of plans") struct PlanFitnessTests {
    private let fitness = PlanFitness(HybridChains.small, utilisationTarget: 0.7)

    /// The golden vector of SealOS+'s equation 8: T/T_max 0.5, U 0.78, L 0.9 give f = 0.302 and F = 0.698.
    @Test("F of the golden vector is 0.698") func golden() {
        let terms = fitness.terms(PlanOutcome(responseTime: 0.03, means: [], utilisations: [], processors: 0))
        #expect(terms.response == 0.5)
        var golden = terms
        golden.utilisation = 0.78
        golden.balance = 0.9
        #expect(abs(fitness.value(golden) - 0.698) < 1e-12)
        #expect(abs(fitness.weights.response + fitness.weights.utilisation + fitness.weights.balance - 1) < 1e-12)
    }

    /// By hand: u = (0.5, 0.7, 0.9), mean 0.7, sd √(0.08/3); idle (0.35, 0.35): half of the target; full 1.4: none.
    @Test("Utilisation is judged by nearness to its target and balance by its spread") func terms() {
        func terms(_ utilisations: [Double], _ time: Double = 0.015) -> PlanFitness.Terms {
            fitness.terms(
                PlanOutcome(responseTime: time, means: [], utilisations: utilisations, processors: 0))
        }
        let spread = terms([0.5, 0.7, 0.9])
        #expect(abs(spread.utilisation - 1) < 1e-12)
        #expect(abs(spread.balance - (1 - (0.08 / 3.0).squareRoot() / 0.7)) < 1e-12)
        #expect(abs(terms([0.35, 0.35]).utilisation - 0.5) < 1e-12 && abs(terms([0.35, 0.35]).balance - 1) < 1e-12)
        #expect(terms([1.4, 1.4]).utilisation < 1e-12, "full processors are no aim")
        #expect(terms([0, 0]).balance == 0 && terms([]).balance == 0)
        #expect(terms([0.7], 1).response == 0, "T is cut off at T_max")
        #expect(terms([0.7, .nan]).utilisation == 1, "a service without replicas is left out")
        #expect(terms([0, 0, 3]).balance == 0, "never negative")
    }

    @Test("Plans over the target, over utilisation or over the budget are infeasible, by how much") func violations() {
        var fitness = fitness
        fitness.processorBudget = 10
        func violation(_ time: Double, _ utilisation: Double, _ processors: Double) -> Double {
            fitness.fitness(
                PlanOutcome(responseTime: time, means: [], utilisations: [utilisation], processors: processors)
            ).violation
        }
        #expect(violation(0.03, 0.9, 10) == 0)
        #expect(abs(violation(0.045, 0.9, 10) - 0.5) < 1e-12)
        #expect(abs(violation(0.03, 1.0, 10) - 0.1) < 1e-12)
        #expect(abs(violation(0.03, 0.9, 12) - 0.2) < 1e-8)
        #expect(violation(0.03, .infinity, 10) == 0, "only finite utilisations are judged")
    }

    /// By hand: P = (0.03 - 0.015)/0.03 = 0.5, E = 1 - 0.5, C = 2/10: 0.25 + 0.15 - 0.04.
    @Test("The reward is that of equation 11") func reward() {
        let before = PlanOutcome(responseTime: 0.03, means: [], utilisations: [0.35], processors: 0)
        let after = PlanOutcome(responseTime: 0.015, means: [], utilisations: [0.7], processors: 0)
        #expect(abs(fitness.reward(from: before, to: after, changed: 2, instances: 10) - 0.36) < 1e-12)
        let worst = PlanOutcome(responseTime: 9, means: [], utilisations: [0.7], processors: 0)
        let reward = fitness.reward(from: after, to: worst, changed: 0, instances: 0)
        #expect(abs(reward + 0.5) < 1e-12, "P is cut to ±1")
    }
}

@Suite("Space of plans") struct PlanSpaceTests {
    @Test("Repaired plans lie within bounds, serve the load where that is possible, and keep to the budget")
    func repair()
        throws
    {
        var profile = ChainProfile.tradingChain
        profile.processorBudget = 70
        var random = Xoshiro256StarStar(seed: 1)
        for round in 0..<300 {
            profile.processorBudget = round % 2 == 0 ? 70 : nil
            let space = try PlanSpace(profile, priorities: [0.5, 1])
            let rates = HybridChains.rates(profile, 20_000 * random.uniform())
            var genome = (0..<24).map { _ in random.below(60) - 20 }
            space.repair(&genome, rates: rates)
            #expect(zip(genome, space.variation.bounds).allSatisfy { $1.contains($0) })
            if let budget = profile.processorBudget { #expect(space.processors(genome) <= budget) }
            for index in 0..<8 where profile.processorBudget == nil {
                let served = profile.services[index].capacity * Double(genome[index]) * space.quota(genome, index)
                #expect(served * 0.95 >= rates[index] * 0.999_999 || genome[index] == 24, "service \(index)")
            }
            let once = genome
            space.repair(&genome, rates: rates)
            #expect(genome == once || profile.processorBudget != nil, "a repaired plan stays")
        }
    }

    @Test("A plan becomes a decision, with advice only where there is a choice") func decision() throws {
        let plain = try PlanSpace(HybridChains.small, quotas: [1])
        #expect(plain.decision(plain.genome(replicas: [2, 99, 0])).replicas == [2, 10, 1])
        #expect(plain.decision(plain.genome(replicas: [2, 3, 4])).services.allSatisfy { $0.quota == nil })
        let rich = try PlanSpace(HybridChains.small, floors: [4, 0, 99], priorities: [0.25, 0.5, 1])
        let decision = rich.decision([5, 1, 10, 0, 1, 2, 0, 1, 2])
        #expect(decision.services.map(\.priority) == [0.25, 0.5, 1])
        #expect(decision.services.map(\.quota) == [0.5, 0.75, 1])
        #expect(rich.replicas == [4...10, 1...10, 10...10])
    }

    @Test("Contradictions are refused") func badInput() {
        var profile = HybridChains.small
        #expect(throws: PolicyFault.self) { try PlanSpace(profile, floors: [1]) }
        for levels in [[], [0.5, 0.5], [1, 0.5], [0, 1], [0.5, 1.1], [.nan]] as [[Double]] {
            #expect(throws: PolicyFault.self) { try PlanSpace(profile, quotas: levels) }
            #expect(throws: PolicyFault.self) { try PlanSpace(profile, priorities: levels) }
        }
        profile.services[1].name = "a"
        #expect(throws: PolicyFault.self) { try PlanSpace(profile) }
    }

    @Test("Moves are masked at bounds and budget, and undo each other") func moves() throws {
        var profile = HybridChains.small
        profile.processorBudget = 12
        let space = try PlanSpace(profile, priorities: [0.5, 1])
        var random = Xoshiro256StarStar(seed: 2)
        var masked = 0
        for _ in 0..<200 {
            var genome = space.variation.makeRandom(using: &random)
            space.repair(&genome, rates: [10, 10, 10])
            for kind in LocalMove.Kind.allCases {
                for service in 0..<3 {
                    let move = LocalMove(service: service, kind: kind)
                    guard let moved = move.applied(to: genome, in: space) else {
                        masked += 1
                        continue
                    }
                    #expect(zip(moved, space.variation.bounds).allSatisfy { $1.contains($0) })
                    #expect(space.processors(moved) <= 12 && moved != genome)
                    #expect(zip(moved, genome).count { $0 != $1 } == 1)
                    #expect(move.changed(genome, in: space) == abs(moved[service] - genome[service]))
                }
            }
        }
        #expect(masked > 500)
        let up = LocalMove(service: 1, kind: .add).applied(to: [3, 3, 3, 0, 0, 0, 0, 0, 0], in: space)
        #expect(up == [3, 4, 3, 0, 0, 0, 0, 0, 0])
        #expect(LocalMove(service: 1, kind: .grow).applied(to: [5, 5, 1, 0, 0, 0, 0, 0, 0], in: space) == nil)
    }
}

@Suite("Steady state of the chain") struct SteadyStateTests {
    /// M/M/1 at utilisation 0.5: response times are exponential with mean 2S, so p95 = 2S ln 20; the gamma formula is
    /// 0.9 % low. M/M/4 at 0.8 waits 0.745541 S (table of the autoscaling notes).
    @Test("Response times are those of theory") func theory() throws {
        let one = ChainProfile(services: [HybridChains.service("a", workers: 1, milliseconds: 10)])
        var state = SteadyState(try PlanSpace(one), rates: [50])
        let outcome = state.outcome([1, 0, 2])
        #expect(abs(outcome.means[0] - 0.02) < 1e-12 && abs(outcome.utilisations[0] - 0.5) < 1e-12)
        #expect(abs(outcome.responseTime / (0.02 * 2.995_732_3) - 1) < 0.01)
        // Half the quota doubles the service time: utilisation 1, waits as at 0.99.
        #expect(abs(state.outcome([1, 0, 0]).utilisations[0] - 1) < 1e-12)
        let four = ChainProfile(services: [HybridChains.service("a", workers: 4, milliseconds: 10)])
        var busy = SteadyState(try PlanSpace(four), rates: [320])
        #expect(abs(busy.outcome([1, 0, 2]).means[0] - 0.017_455_41) < 1e-8)
        // The same plan again comes from memory.
        #expect(busy.outcome([1, 0, 2]) == busy.outcome([1, 0, 2]))
    }

    @Test("Under a steady load the simulator says the same") func simulator() throws {
        let profile = ChainProfile.tradingChain
        let space = try PlanSpace(profile, quotas: [0.75, 1])
        var random = Xoshiro256StarStar(seed: 5)
        for round in 0..<12 {
            let rate = 1_000 + 12_000 * random.uniform()
            let rates = HybridChains.rates(profile, rate)
            var genome = profile.services.indices.map {
                profile.replicas(of: $0, rate: rate, utilisation: 0.5 + 0.35 * random.uniform())
            }
            genome += [Int](repeating: 0, count: 8)
            genome += (0..<8).map { _ in round % 2 == 0 ? 1 : random.below(2) }
            space.repair(&genome, rates: rates)
            var options = SimulatorOptions.exact()
            options.initialReplicas = Array(genome[..<8])
            let load = LoadTrace(name: "steady", rates: [Double](repeating: rate, count: 120))
            var simulator = try ChainSimulator(profile, load, options)
            var outcome = StepOutcome()
            while !simulator.isOver { outcome = simulator.step(space.decision(genome)) }
            var model = SteadyState(space, rates: rates)
            let expected = model.outcome(genome)
            for index in 0..<8 {
                #expect(abs(outcome.services[index].utilisation - expected.utilisations[index]) < 0.01)
                #expect(abs(outcome.services[index].mean / expected.means[index] - 1) < 0.02, "service \(index)")
            }
            // The simulator mixes the classes; ours is the order's, which passes everything.
            #expect(outcome.p95 <= expected.responseTime * 1.02 && outcome.p95 >= expected.responseTime * 0.7)
        }
    }

    @Test("Where nodes are busy, priority speeds one service up at the others' cost") func contention() throws {
        var profile = HybridChains.small
        profile.processorBudget = 12
        let space = try PlanSpace(profile, priorities: [0.25, 0.5, 1], quotas: [1])
        let rates = [3_000.0, 2_000, 3_000]
        var model = SteadyState(space, rates: rates, contention: 2)
        let even = model.outcome([4, 4, 4, 1, 1, 1, 0, 0, 0])
        let favoured = model.outcome([4, 4, 4, 2, 1, 1, 0, 0, 0])
        #expect(favoured.means[0] < even.means[0] && favoured.means[1] > even.means[1])
        var quiet = SteadyState(space, rates: rates)
        #expect(quiet.outcome([4, 4, 4, 2, 1, 1, 0, 0, 0]) == quiet.outcome([4, 4, 4, 0, 1, 2, 0, 0, 0]))
        #expect(quiet.outcome([4, 4, 4, 1, 1, 1, 0, 0, 0]).means[0] < even.means[0])
    }

    @Test("No replicas, no load and overload have finite outcomes") func limits() throws {
        let profile = ChainProfile(services: [
            HybridChains.service("a", bounds: 0...5), HybridChains.service("b", bounds: 0...5),
        ])
        let space = try PlanSpace(profile)
        let fitness = PlanFitness(profile)
        for (rates, genome) in [
            ([0.0, 0], [0, 0, 0, 0, 2, 2]), ([10, 0], [0, 0, 0, 0, 2, 2]), ([1e9, 1e9], [1, 1, 0, 0, 0, 0]),
            ([0, 0], [5, 5, 0, 0, 0, 0]),
        ] {
            var model = SteadyState(space, rates: rates)
            let worth = fitness.fitness(model.outcome(genome))
            #expect(worth.isSound, "\(rates)")
            #expect((worth.violation > 0) == (rates[0] > 0), "\(rates): \(worth)")
        }
    }
}
