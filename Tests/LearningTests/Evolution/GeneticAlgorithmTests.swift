import Foundation
import Learning
import Testing

@Suite("Genetic algorithm for one objective") struct GeneticAlgorithmTests {
    private typealias Bits = GeneticAlgorithm<IntegerVariation>

    private func bits(_ count: Int) throws -> IntegerVariation {
        try IntegerVariation(bounds: [ClosedRange<Int>](repeating: 0...1, count: count))
    }

    /// The golden vectors of SealOS+'s equations 9 and 10, and clause 12 below the mean and without spread.
    @Test("Rates adapt as in equations 9 and 10, and stay within their span") func rates() {
        let rates = AdaptiveRates()
        for (fitness, crossover, mutation) in [(0.8, 0.3, 0.03), (0.65, 0.6, 0.065), (0.5, 0.9, 0.1), (0.2, 0.9, 0.1)] {
            #expect(abs(rates.crossover.value(fitness: fitness, mean: 0.5, best: 0.8) - crossover) < 1e-12)
            #expect(abs(rates.mutation.value(fitness: fitness, mean: 0.5, best: 0.8) - mutation) < 1e-12)
        }
        #expect(rates.crossover.value(fitness: 0.5, mean: 0.5, best: 0.5) == 0.9)
        #expect(rates.mutation.value(fitness: 0.9, mean: 0.5, best: 0.8) == 0.1 + (0.03 - 0.1))
    }

    @Test("OneMax of 60 bits is solved from 10 of 10 seeds") func oneMax() throws {
        for seed in 1...10 {
            var configuration = Bits.Configuration()
            configuration.seed = UInt64(seed)
            configuration.evaluationsMax = 20_000
            configuration.patience = 100
            configuration.rates.mutation = .init(atMean: 0.03, atBest: 0.01)
            let outcome = try Bits(bits(60), configuration: configuration).run { Fitness(Double($0.reduce(0, +))) }
            #expect(outcome.best.fitness.value == 60, "seed \(seed)")
            #expect(zip(outcome.history, outcome.history.dropFirst()).allSatisfy { !$0.isBetter(than: $1) })
        }
    }

    /// Burkardt's `knapsack_01` set P07: 15 items, capacity 750, optimum 1,458, which trying all 32,768 sets confirms.
    @Test("The 15-item knapsack P07 is solved from 5 of 5 seeds") func knapsack() throws {
        let weights = [70, 73, 77, 80, 82, 87, 90, 94, 98, 106, 110, 113, 115, 118, 120]
        let profits = [135, 139, 149, 150, 156, 163, 173, 184, 192, 201, 210, 214, 221, 229, 240]
        func total(_ genome: [Int], _ numbers: [Int]) -> Int { zip(genome, numbers).reduce(0) { $0 + $1.0 * $1.1 } }
        let all = (0..<1 << 15).lazy.map { set in (0..<15).map { set >> $0 & 1 } }
        #expect(all.filter { total($0, weights) <= 750 }.map { total($0, profits) }.max() == 1_458)
        for seed in 1...5 {
            var configuration = Bits.Configuration()
            configuration.evaluationsMax = 20_000
            configuration.patience = 300
            configuration.seed = UInt64(seed)
            let outcome = try Bits(bits(15), configuration: configuration).run { genome in
                Fitness(Double(total(genome, profits)), violation: Double(max(0, total(genome, weights) - 750)))
            }
            #expect(outcome.best.fitness == Fitness(1_458), "seed \(seed)")
        }
    }

    @Test("Rastrigin in 10 variables ends below 1 from every seed") func rastrigin() throws {
        for seed in 1...5 {
            let variation = try RealVariation(bounds: [ClosedRange<Double>](repeating: -5.12...5.12, count: 10))
            var configuration = GeneticAlgorithm<RealVariation>.Configuration()
            configuration.population = 100
            configuration.evaluationsMax = 50_000
            configuration.patience = 500
            configuration.seed = UInt64(seed)
            let outcome = try GeneticAlgorithm(variation, configuration: configuration).run { x in
                Fitness(-x.reduce(100) { $0 + $1 * $1 - 10 * cos(2 * .pi * $1) })
            }
            if EvolutionFigures.isWanted {
                print("Rastrigin-10, seed \(seed): \(-outcome.best.fitness.value), \(outcome.evaluations) evaluations")
            }
            // The second best minimum lies at 0.995.
            #expect(outcome.best.fitness.value > -0.9, "seed \(seed): \(outcome.best.fitness.value)")
        }
    }

    @Test("Runs end when converged, at the last evaluation, or at the last generation") func stops() throws {
        var configuration = Bits.Configuration()
        configuration.patience = 3
        let flat = try Bits(bits(20), configuration: configuration).run { _ in Fitness(1) }
        #expect(flat.stop == .converged && flat.generations == 3)
        configuration.patience = 1_000
        configuration.evaluationsMax = 777
        let spent = try Bits(bits(40), configuration: configuration).run { Fitness(Double($0.reduce(0, +))) }
        #expect(spent.stop == .evaluations && spent.evaluations == 777)
        configuration.evaluationsMax = 7
        let short = try Bits(bits(40), configuration: configuration).run { Fitness(Double($0.reduce(0, +))) }
        #expect(short.stop == .evaluations && short.evaluations == 7 && short.population.count == 7)
        configuration.evaluationsMax = 100_000
        configuration.generationsMax = 4
        let aged = try Bits(bits(40), configuration: configuration).run { Fitness(Double($0.reduce(0, +))) }
        #expect(aged.stop == .generations && aged.generations == 4)
        // Four genomes in all: the search ends although children are never new.
        configuration.patience = 5
        configuration.generationsMax = 1_000
        let tiny = try Bits(bits(2), configuration: configuration).run { Fitness(Double($0.reduce(0, +))) }
        #expect(tiny.best.genome == [1, 1] && tiny.stop == .converged)
    }

    @Test("The population shrinks while it improves and grows while it does not, within its range") func sizes() throws
    {
        var configuration = Bits.Configuration()
        configuration.populationRange = 30...70
        configuration.patience = 12
        let flat = try Bits(bits(30), configuration: configuration).run { _ in Fitness(0) }
        // Grown after the third, fourth and fifth flat generation: 60, 72 cut to 70, 70.
        #expect(flat.sizes == [50, 50, 50, 50, 60] + [Int](repeating: 70, count: 8))
        var rising = 0.0
        configuration.generationsMax = 15
        configuration.evaluationsMax = 100_000
        let grown = try Bits(bits(30), configuration: configuration).run { _ in
            rising += 1
            return Fitness(rising)
        }
        #expect(grown.sizes.prefix(3) == [50, 50, 47] && grown.sizes.min() == 30)
    }

    @Test("Refined elites are kept, their trials are counted, and screening keeps the best") func refinement() throws {
        var configuration = Bits.Configuration()
        configuration.evaluationsMax = 1_500
        configuration.isScreened = true
        configuration.patience = 100
        var trials = 0
        let outcome = try Bits(bits(200), configuration: configuration).run(
            refine: { elites, evaluate in
                for index in elites.indices {
                    guard let zero = elites[index].genome.firstIndex(of: 0) else { continue }
                    var genome = elites[index].genome
                    genome[zero] = 1
                    guard let fitness = evaluate(genome) else { return }
                    trials += 1
                    if fitness.isBetter(than: elites[index].fitness) { elites[index] = ScoredGenome(genome, fitness) }
                }
            },
            evaluate: { genome in
                let ones = Double(genome.reduce(0, +))
                return Fitness(ones, criteria: [-ones, Double(genome[0])])
            })
        #expect(trials > 100 && outcome.evaluations == 1_500)
        #expect(outcome.population.first?.fitness == outcome.best.fitness)
        #expect(zip(outcome.history, outcome.history.dropFirst()).allSatisfy { !$0.isBetter(than: $1) })
    }

    @Test("Bad settings and worths are refused") func badInput() throws {
        let genes = try bits(4)
        let wrong: [(inout Bits.Configuration) -> Void] = [
            { $0.population = 3 }, { $0.population = 10_001 }, { $0.elites = 0 }, { $0.elites = 50 },
            { $0.populationRange = 60...70 }, { $0.populationRange = 5...70 }, { $0.evaluationsMax = 0 },
            { $0.patience = 0 }, { $0.generationsMax = 0 }, { $0.rates.crossover.atMean = 1.1 },
            { $0.rates.mutation.atBest = .nan },
        ]
        for (index, change) in wrong.enumerated() {
            var configuration = Bits.Configuration()
            change(&configuration)
            #expect(throws: LearningError.self, "case \(index)") { try Bits(genes, configuration: configuration) }
        }
        #expect(throws: LearningError.self) { try Bits(genes).run { _ in Fitness(.nan) } }
        #expect(throws: LearningError.self) { try Bits(genes).run { _ in Fitness(0, violation: -1) } }
        #expect(throws: LearningError.self) { try Bits(genes).run { _ in Fitness(0, criteria: [.infinity]) } }
    }

    @Test("The same seed gives the same run") func determinism() throws {
        func run(_ seed: UInt64) throws -> [ScoredGenome<[Int]>] {
            var configuration = Bits.Configuration()
            configuration.seed = seed
            configuration.evaluationsMax = 600
            return try Bits(bits(50), configuration: configuration)
                .run { Fitness(Double($0.reduce(0, +))) }.population
        }
        #expect(try run(1) == run(1))
        #expect(try run(1) != run(2))
    }
}
