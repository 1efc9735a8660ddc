/// A genetic algorithm for one objective, made large: elitism, tournaments of two, crossover and mutation rates that
/// adapt to fitness, an optional refinement of the elites, optional screening and an adaptive population.
///
/// A generation: the `elites` best are refined by the caller's hook (local search, a learned policy), then children are
/// made until the population is full. Without screening the next population is elites and children. With it, parents
/// compete too: after the elites, members are taken by front of their `criteria`, then by fitness. The run ends when the
/// evaluations are spent, after `patience` generations with the same best, or at `generationsMax`.
/// The same seed gives the same result as long as the hooks are deterministic.
public struct GeneticAlgorithm<V: Variation>: Sendable {
    /// Settings; the defaults are those of the hybrid scheduler.
    public struct Configuration: Sendable, Equatable {
        /// Members at first, 4...10,000.
        public var population = 50
        /// Members the adaptive size stays within; nil keeps `population`.
        ///
        /// A generation that improved the best takes a twentieth away, the third and every later one in a row that did
        /// not adds a fifth.
        public var populationRange: ClosedRange<Int>?
        /// Best members that stay and are refined, at least 1 and less than the population.
        public var elites = 5
        /// Evaluations in all, refinement included; the first population is never larger.
        public var evaluationsMax = 2_500
        /// Generations in all.
        public var generationsMax = 10_000
        /// Generations with the same best after which the search counts as converged.
        public var patience = 10
        /// Probabilities of crossover and mutation.
        public var rates = AdaptiveRates()
        /// Whether parents compete with children, by fronts of their criteria.
        public var isScreened = false
        /// Start of all random numbers.
        public var seed: UInt64 = 1

        /// The usual settings.
        public init() {}

        var fault: String? {
            if !(4...10_000).contains(population) { return "a population of \(population) is not 4...10,000" }
            if let range = populationRange, !range.contains(population) || range.lowerBound < 4 {
                return "a population of \(population) is not within \(range), or that begins below 4"
            }
            if !(1..<(populationRange?.lowerBound ?? population)).contains(elites) {
                return "\(elites) elites are not 1 or more and less than the population"
            }
            if evaluationsMax < 1 || generationsMax < 1 || patience < 1 { return "limits are at least 1" }
            if !rates.isSound { return "rates are probabilities" }
            return nil
        }
    }

    /// Why a run ended.
    public enum Stop: String, Sendable {
        /// All evaluations are spent.
        case evaluations
        /// The best stayed the same for `patience` generations.
        case converged
        /// `generationsMax` is reached.
        case generations
    }

    /// What a run found.
    public struct Outcome: Sendable {
        /// The best solution of all.
        public var best: ScoredGenome<V.Genome>
        /// The last population, best first.
        public var population: [ScoredGenome<V.Genome>]
        /// Evaluations made.
        public var evaluations: Int
        /// The best fitness after the first population and after each generation.
        public var history: [Fitness]
        /// Members after the first population and after each generation.
        public var sizes: [Int]
        /// Why it ended.
        public var stop: Stop

        /// Generations after the first population.
        public var generations: Int { history.count - 1 }
    }

    /// Evaluates a genome; nil once the evaluations are spent.
    public typealias Evaluate = (V.Genome) -> Fitness?

    /// How genomes begin, mix and change.
    public let variation: V
    /// Settings.
    public let configuration: Configuration

    /// An optimiser; throws `badData` for settings outside their bounds.
    public init(_ variation: V, configuration: Configuration = Configuration()) throws(LearningError) {
        if let fault = configuration.fault { throw LearningError(.badData, fault) }
        self.variation = variation
        self.configuration = configuration
    }

    /// Maximises `evaluate`.
    /// - Parameters:
    ///   - seeds: Genomes of the first population, clamped and repaired; the rest is random.
    ///   - repair: Makes a genome valid; called for every genome of ours before it is evaluated.
    ///   - refine: Improves the elites in place, best first; what it tries is counted and must be valid.
    ///   - evaluate: The worth of a genome.
    /// - Throws: `notFinite` for a worth that is not finite.
    public func run(
        seeds: [V.Genome] = [],
        repair: (inout V.Genome, inout Xoshiro256StarStar) -> Void = { _, _ in },
        refine: (inout [ScoredGenome<V.Genome>], Evaluate) -> Void = { _, _ in },
        evaluate: (V.Genome) -> Fitness
    ) throws(LearningError) -> Outcome {
        var random = Xoshiro256StarStar(seed: configuration.seed).split("genetic algorithm")
        var spent = 0
        var unsound: Fitness?
        let counted: Evaluate = { genome in
            guard spent < configuration.evaluationsMax, unsound == nil else { return nil }
            spent += 1
            let fitness = evaluate(genome)
            guard fitness.isSound else {
                unsound = fitness
                return nil
            }
            return fitness
        }
        var members = firstPopulation(seeds, repair, counted, &random)
        var search = Search(size: configuration.population)
        if let best = members.first { search.begin(best, members.count) }
        while unsound == nil, spent < configuration.evaluationsMax, search.isOpen(configuration) {
            var elites = Array(members.prefix(configuration.elites))
            refine(&elites, counted)
            members.replaceSubrange(..<elites.count, with: elites)
            let children = makeChildren(members, count: search.size - elites.count, repair, counted, &random)
            members = nextPopulation(elites, parents: members, children: children, size: search.size)
            search.close(members[0], members.count, configuration)
        }
        if let unsound { throw LearningError(.notFinite, "evaluation \(spent) gave \(unsound)") }
        guard let best = search.best else { throw LearningError(.badData, "no solution was evaluated") }
        return Outcome(
            best: best, population: members, evaluations: spent, history: search.history, sizes: search.sizes,
            stop: search.stop(configuration, isSpent: spent >= configuration.evaluationsMax))
    }

    private func firstPopulation(
        _ seeds: [V.Genome], _ repair: (inout V.Genome, inout Xoshiro256StarStar) -> Void, _ evaluate: Evaluate,
        _ random: inout Xoshiro256StarStar
    ) -> [ScoredGenome<V.Genome>] {
        var members: [ScoredGenome<V.Genome>] = []
        for index in 0..<configuration.population {
            var genome = index < seeds.count ? seeds[index] : variation.makeRandom(using: &random)
            variation.clamp(&genome)
            repair(&genome, &random)
            if let fitness = evaluate(genome) { members.append(ScoredGenome(genome, fitness)) }
        }
        return Self.ranked(members)
    }

    /// Best first; of equal ones the earlier.
    private static func ranked(_ members: [ScoredGenome<V.Genome>]) -> [ScoredGenome<V.Genome>] {
        let order = members.indices.sorted {
            let (a, b) = (members[$0].fitness, members[$1].fitness)
            return a.isBetter(than: b) || (!b.isBetter(than: a) && $0 < $1)
        }
        return order.map { members[$0] }
    }

    private func makeChildren(
        _ members: [ScoredGenome<V.Genome>], count: Int,
        _ repair: (inout V.Genome, inout Xoshiro256StarStar) -> Void, _ evaluate: Evaluate,
        _ random: inout Xoshiro256StarStar
    ) -> [ScoredGenome<V.Genome>] {
        let spread = FitnessSpread(members.lazy.map(\.fitness))
        // Only asked for members, never walked through, so its order does not matter.
        var known = Set(members.lazy.map(\.genome))
        var children: [ScoredGenome<V.Genome>] = []
        var tries = 0
        while children.count < count, tries < 4 * count {
            tries += 1
            let (a, b) = (winner(members, &random), winner(members, &random))
            var pair = [a.genome, b.genome]
            let larger = a.fitness.isBetter(than: b.fitness) ? a.fitness : b.fitness
            if random.uniform() < spread.rate(larger, configuration.rates.crossover) {
                var (first, second) = (pair[0], pair[1])
                variation.cross(&first, &second, using: &random)
                pair = [first, second]
            }
            for (var child, parent) in zip(pair, [a, b]) where children.count < count {
                variation.mutate(
                    &child, rate: spread.rate(parent.fitness, configuration.rates.mutation), using: &random)
                repair(&child, &random)
                guard known.insert(child).inserted else { continue }
                guard let fitness = evaluate(child) else { return children }
                children.append(ScoredGenome(child, fitness))
            }
        }
        return children
    }

    private func winner(
        _ members: [ScoredGenome<V.Genome>], _ random: inout Xoshiro256StarStar
    ) -> ScoredGenome<V.Genome> {
        let (a, b) = (random.below(members.count), random.below(members.count))
        return members[b].fitness.isBetter(than: members[a].fitness) ? members[b] : members[a]
    }

    private func nextPopulation(
        _ elites: [ScoredGenome<V.Genome>], parents: [ScoredGenome<V.Genome>], children: [ScoredGenome<V.Genome>],
        size: Int
    ) -> [ScoredGenome<V.Genome>] {
        let room = max(size - elites.count, 0)
        guard configuration.isScreened else {
            // A budget that ends amid a generation leaves room, which the parents keep.
            let rest = children + parents.dropFirst(elites.count).prefix(max(room - children.count, 0))
            return Self.ranked(elites + rest.prefix(room))
        }
        let pool = Self.ranked(children + parents.dropFirst(elites.count))
        let points = pool.map { ObjectiveVector($0.fitness.criteria, violation: $0.fitness.violation) }
        let order = NonDominatedSorting.fronts(points, countMin: room).joined()
        return Self.ranked(elites + order.prefix(room).map { pool[$0] })
    }
}
