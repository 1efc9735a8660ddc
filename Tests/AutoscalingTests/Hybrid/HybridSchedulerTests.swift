import Autoscaling
import Learning
import Testing

@Suite("Hybrid scheduler") struct HybridSchedulerTests {
    /// All plans of a space of at most some 100,000.
    private func best(_ space: PlanSpace, _ fitness: PlanFitness, _ model: inout SteadyState) -> Fitness {
        var genome = space.variation.bounds.map(\.lowerBound)
        var best = fitness.fitness(model.outcome(genome))
        while true {
            guard let gene = genome.indices.first(where: { genome[$0] < space.variation.bounds[$0].upperBound })
            else { return best }
            genome[gene] += 1
            for lower in 0..<gene { genome[lower] = space.variation.bounds[lower].lowerBound }
            let worth = fitness.fitness(model.outcome(genome))
            if worth.isBetter(than: best) { best = worth }
        }
    }

    /// 1,000 counts times 27 quotas: 27,000 plans, of which the scheduler may evaluate 2,500.
    @Test("On small instances it comes within 0.002 of the best of all plans, and finds most") func exhaustive() throws
    {
        let space = try PlanSpace(HybridChains.small)
        let fitness = PlanFitness(HybridChains.small)
        var found = 0
        var scheduler = HybridScheduler(services: 3)
        for instance in 0..<12 {
            let rates = HybridChains.rates(HybridChains.small, 300 + 450 * Double(instance))
            var model = SteadyState(space, rates: rates)
            let outcome = try scheduler.plan(space, fitness, rates: rates, evaluate: { model.outcome($0) })
            let truth = best(space, fitness, &model)
            #expect(outcome.fitness.violation == truth.violation)
            #expect(outcome.fitness.value >= truth.value - 0.002, "instance \(instance)")
            if outcome.fitness.value >= truth.value - 1e-12 { found += 1 }
            #expect(outcome.evaluations <= 2_500)
        }
        #expect(found >= 9, "\(found) of 12")
    }

    /// Ten loads of the chain of eight services with quotas, cold starts, 2,500 evaluations each.
    @Test("At equal evaluations it is no worse than hill climbing by 0.01 of F") func peers() throws {
        let profile = ChainProfile.tradingChain
        let space = try PlanSpace(profile)
        let fitness = PlanFitness(profile)
        var sums = (hybrid: 0.0, climber: 0.0)
        for instance in 0..<10 {
            let rates = HybridChains.rates(profile, 2_000 + 1_300 * Double(instance))
            var model = SteadyState(space, rates: rates)
            var configuration = HybridScheduler.Configuration()
            configuration.search.seed = UInt64(instance)
            configuration.search.patience = 1_000
            var scheduler = HybridScheduler(services: 8, configuration: configuration)
            let outcome = try scheduler.plan(space, fitness, rates: rates, evaluate: { model.outcome($0) })
            var climber = HillClimber(evaluationsMax: 2_500, seed: UInt64(instance))
            let peak = climber.plan(space, fitness, rates: rates, evaluate: { model.outcome($0) })
            #expect(outcome.fitness.violation == 0 && peak.fitness.violation == 0)
            sums.hybrid += outcome.fitness.value / 10
            sums.climber += peak.fitness.value / 10
        }
        #expect(sums.hybrid >= sums.climber - 0.01, "\(sums)")
    }

    @Test("Same seed, same plan; a warm start is never worse than what it starts from") func warmStart() throws {
        let profile = ChainProfile.tradingChain
        let space = try PlanSpace(profile)
        let fitness = PlanFitness(profile)
        let rates = HybridChains.rates(profile, 9_000)
        var model = SteadyState(space, rates: rates)
        let rule = space.genome(
            replicas: profile.services.indices.map { profile.replicas(of: $0, rate: 9_000, utilisation: 0.7) })
        func run(_ seed: UInt64) throws -> HybridScheduler.Outcome {
            var configuration = HybridScheduler.Configuration()
            configuration.search.seed = seed
            configuration.search.evaluationsMax = 300
            var scheduler = HybridScheduler(services: 8, configuration: configuration)
            return try scheduler.plan(space, fitness, seeds: [rule], rates: rates, evaluate: { model.outcome($0) })
        }
        let first = try run(1)
        #expect(try run(1).genome == first.genome && first.evaluations == 300)
        let ruled = fitness.fitness(model.outcome(rule))
        for seed in 1...5 { #expect(try !ruled.isBetter(than: run(UInt64(seed)).fitness)) }
    }

    @Test("It stops after ten generations with the same best, and refuses what it cannot use") func limits() throws {
        let space = try PlanSpace(HybridChains.small)
        let fitness = PlanFitness(HybridChains.small)
        var scheduler = HybridScheduler(services: 3)
        let flat = PlanOutcome(responseTime: 0.01, means: [0, 0, 0], utilisations: [0.5, 0.5, 0.5], processors: 3)
        let outcome = try scheduler.plan(space, fitness, rates: [1, 1, 1], evaluate: { _ in flat })
        #expect(outcome.stop == .converged && outcome.generations == 10)
        var broken = flat
        broken.responseTime = .nan
        let error = #expect(throws: PolicyFault.self) {
            try scheduler.plan(space, fitness, rates: [1, 1, 1], evaluate: { _ in broken })
        }
        #expect(error?.code == "NotFinite")
        scheduler.configuration.search.elites = 0
        let refused = #expect(throws: PolicyFault.self) {
            try scheduler.plan(space, fitness, rates: [1, 1, 1], evaluate: { _ in flat })
        }
        #expect(refused?.code == "Configuration")
    }

    /// Only growing service 1 is rewarded, so after training the network proposes that; its features tell services apart.
    @Test("The network learns which move is rewarded") func learning() {
        var configuration = MoveLearner.Configuration()
        configuration.exploration = 0
        let learner = MoveLearner(services: 2, seed: 3, configuration: configuration)
        var features = [Float](repeating: 0, count: 24)
        features[12] = 1
        let valid = [Bool](repeating: true, count: 16)
        for _ in 0..<60 {
            for move in 0..<16 {
                learner.remember(
                    .init(
                        features: features, service: move / 8, kind: move % 8, reward: move == 11 ? 1 : 0,
                        next: features, nextValid: [Bool](repeating: false, count: 16)))
                learner.train()
            }
        }
        #expect(learner.trainings == 60 * 16 - 15)
        #expect(learner.propose(features, valid: valid) { _ in true } == 11)
        var masked = valid
        masked[11] = false
        #expect(learner.propose(features, valid: masked) { _ in true } != 11)
        #expect(learner.propose(features, valid: valid) { $0 != 11 } != 11)
        #expect(learner.propose(features, valid: [Bool](repeating: false, count: 16)) { _ in true } == nil)
    }

    @Test("Similar past loads give their plans, adjusted by the change of need, nearest first") func memory() {
        let profile = HybridChains.small
        var memory = PlanMemory(capacity: 3)
        #expect(memory.similar(rates: [1, 1, 1], profile: profile, utilisation: 0.7, countMax: 5).isEmpty)
        // Capacities 1000, 800, 1000 a second: need at 0.7 of 700 is 1, of 1400 is 2.
        memory.remember(rates: [5_000, 100, 100], genome: [9, 1, 1, 0, 0, 0, 2, 2, 2])
        memory.remember(rates: [700, 100, 100], genome: [2, 1, 1, 0, 0, 0, 1, 2, 2])
        memory.remember(rates: [1_300, 100, 100], genome: [3, 1, 1, 0, 0, 0, 0, 2, 2])
        let plans = memory.similar(rates: [1_400, 100, 100], profile: profile, utilisation: 0.7, countMax: 2)
        #expect(plans == [[3, 1, 1, 0, 0, 0, 0, 2, 2], [3, 1, 1, 0, 0, 0, 1, 2, 2]])
        memory.remember(rates: [1_400, 100, 100], genome: [4, 1, 1, 0, 0, 0, 0, 0, 0])
        #expect(memory.count == 3, "the oldest went")
        #expect(
            memory.similar(rates: [1_400, 100, 100], profile: profile, utilisation: 0.7, countMax: 1)
                == [[4, 1, 1, 0, 0, 0, 0, 0, 0]])
    }
}
