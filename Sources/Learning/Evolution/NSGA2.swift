/// NSGA-II, the elitist non-dominated sorting genetic algorithm (Deb, Pratap, Agarwal and Meyarivan 2002), over any
/// genomes that have a `Variation`.
///
/// A generation: two parents by binary tournament (domination, then crowding), crossover, mutation, repair; parents and
/// children are merged, sorted into fronts, and the best `population` stay, the last front thinned by crowding. Children
/// equal to a member or to each other are drawn again, a bounded number of times. The same seed gives the same result;
/// nothing else is random.
public struct NSGA2<V: Variation>: Sendable {
    /// Settings; the defaults are those of pymoo and of the paper's experiments.
    public struct Configuration: Sendable, Equatable {
        /// Solutions that stay after each generation, 2...10,000.
        public var population = 100
        /// Evaluations in all, at least one population.
        public var evaluationsMax = 25_000
        /// Probability that a pair of parents is crossed.
        public var crossoverRate = 0.9
        /// Probability that a gene mutates; nil for one gene a child on average.
        public var mutationRate: Double?
        /// Start of all random numbers.
        public var seed: UInt64 = 1

        /// The usual settings.
        public init(population: Int = 100, evaluationsMax: Int = 25_000, seed: UInt64 = 1) {
            self.population = population
            self.evaluationsMax = evaluationsMax
            self.seed = seed
        }

        var fault: String? {
            if !(2...10_000).contains(population) { return "a population of \(population) is not 2...10,000" }
            if evaluationsMax < population { return "\(evaluationsMax) evaluations are no population" }
            if !(0...1).contains(crossoverRate) { return "crossoverRate \(crossoverRate) is not 0...1" }
            if let mutationRate, !(0...1).contains(mutationRate) { return "mutationRate \(mutationRate) is not 0...1" }
            return nil
        }
    }

    /// One solution and its worth.
    public struct Individual: Sendable, Equatable {
        /// The solution.
        public var genome: V.Genome
        /// Its worth.
        public var objectives: ObjectiveVector
    }

    /// What a run found.
    public struct Outcome: Sendable {
        /// The last population, best front first.
        public var population: [Individual]
        /// How many of the population, from the first on, nothing dominates.
        public var frontCount: Int
        /// Evaluations made.
        public var evaluations: Int
        /// Generations after the first population.
        public var generations: Int

        /// The solutions that nothing in the population dominates.
        public var front: [Individual] { Array(population[..<frontCount]) }
    }

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

    /// Minimises all objectives of `evaluate`.
    /// - Parameters:
    ///   - seeds: Genomes of the first population, repaired; the rest is random. No more than a population are used.
    ///   - repair: Makes a genome valid; called for every genome before it is evaluated.
    ///   - evaluate: The worth of a genome; always with the same number of objectives.
    /// - Throws: `notFinite` for a worth that is not finite, `badData` for another number of objectives.
    public func run(
        seeds: [V.Genome] = [],
        repair: (inout V.Genome, inout Xoshiro256StarStar) -> Void = { _, _ in },
        evaluate: (V.Genome) -> ObjectiveVector
    ) throws(LearningError) -> Outcome {
        var random = Xoshiro256StarStar(seed: configuration.seed).split("nsga2")
        var state = Outcome(population: [], frontCount: 0, evaluations: 0, generations: 0)
        let genomes = firstGenomes(seeds, repair, &random)
        var population = try score(genomes, evaluate, &state)
        var rating = Rating(population)
        while state.evaluations < configuration.evaluationsMax {
            let children = makeChildren(
                population, rating, countMax: configuration.evaluationsMax - state.evaluations, repair, &random)
            if children.isEmpty { break }
            population += try score(children, evaluate, &state)
            population = survivors(population)
            rating = Rating(population)
            state.generations += 1
        }
        let order = population.indices.sorted { (rating.rank[$0], $0) < (rating.rank[$1], $1) }
        state.population = order.map { population[$0] }
        state.frontCount = rating.rank.count { $0 == 0 }
        return state
    }

    /// The first population: repaired seeds, then random genomes, a repeated one drawn again up to 20 times.
    private func firstGenomes(
        _ seeds: [V.Genome], _ repair: (inout V.Genome, inout Xoshiro256StarStar) -> Void,
        _ random: inout Xoshiro256StarStar
    ) -> [V.Genome] {
        // Only asked for members, never walked through, so its order does not matter.
        var known: Set<V.Genome> = []
        return (0..<configuration.population).map { index in
            var genome = index < seeds.count ? seeds[index] : variation.makeRandom(using: &random)
            variation.clamp(&genome)
            repair(&genome, &random)
            var tries = 0
            while !known.insert(genome).inserted, tries < 20 {
                tries += 1
                genome = variation.makeRandom(using: &random)
                repair(&genome, &random)
            }
            return genome
        }
    }

    private func score(
        _ genomes: [V.Genome], _ evaluate: (V.Genome) -> ObjectiveVector, _ state: inout Outcome
    ) throws(LearningError) -> [Individual] {
        var scored: [Individual] = []
        scored.reserveCapacity(genomes.count)
        for genome in genomes {
            let objectives = evaluate(genome)
            state.evaluations += 1
            guard objectives.isSound else {
                throw LearningError(.notFinite, "evaluation \(state.evaluations) gave \(objectives)")
            }
            let first = state.population.first ?? scored.first
            guard first.map({ $0.objectives.values.count == objectives.values.count }) ?? true else {
                throw LearningError(.badData, "evaluation \(state.evaluations) gave another number of objectives")
            }
            scored.append(Individual(genome: genome, objectives: objectives))
        }
        if state.population.isEmpty { state.population = scored }
        return scored
    }

    private func makeChildren(
        _ population: [Individual], _ rating: Rating, countMax: Int,
        _ repair: (inout V.Genome, inout Xoshiro256StarStar) -> Void, _ random: inout Xoshiro256StarStar
    ) -> [V.Genome] {
        let count = min(configuration.population, countMax)
        let mutationRate = configuration.mutationRate ?? 1 / Double(variation.count)
        // Only asked for members, never walked through, so its order does not matter.
        var known = Set(population.map(\.genome))
        var children: [V.Genome] = []
        var tries = 0
        while children.count < count, tries < 20 * count {
            tries += 1
            var a = population[rating.winner(&random)].genome
            var b = population[rating.winner(&random)].genome
            if random.uniform() < configuration.crossoverRate { variation.cross(&a, &b, using: &random) }
            for var child in [a, b] {
                variation.mutate(&child, rate: mutationRate, using: &random)
                repair(&child, &random)
                if children.count < count, known.insert(child).inserted { children.append(child) }
            }
        }
        return children
    }

    private func survivors(_ merged: [Individual]) -> [Individual] {
        let points = merged.map(\.objectives)
        var kept: [Individual] = []
        for front in NonDominatedSorting.fronts(points, countMin: configuration.population) {
            let room = configuration.population - kept.count
            if front.count <= room {
                kept += front.map { merged[$0] }
                continue
            }
            let crowding = NonDominatedSorting.crowding(front, in: points)
            let order = front.indices.sorted { (-crowding[$0], $0) < (-crowding[$1], $1) }
            kept += order[..<room].map { merged[front[$0]] }
        }
        return kept
    }

    /// Front and room of each member of a population.
    private struct Rating {
        var rank: [Int]
        var crowding: [Double]

        init(_ population: [Individual]) {
            let points = population.map(\.objectives)
            rank = [Int](repeating: 0, count: points.count)
            crowding = [Double](repeating: 0, count: points.count)
            for (number, front) in NonDominatedSorting.fronts(points).enumerated() {
                for (index, distance) in zip(front, NonDominatedSorting.crowding(front, in: points)) {
                    rank[index] = number
                    crowding[index] = distance
                }
            }
        }

        /// The better of two random members: the lower front, then the more room, then a coin.
        func winner(_ random: inout Xoshiro256StarStar) -> Int {
            let (a, b) = (random.below(rank.count), random.below(rank.count))
            if rank[a] != rank[b] { return rank[a] < rank[b] ? a : b }
            if crowding[a] != crowding[b] { return crowding[a] > crowding[b] ? a : b }
            return random.next() & (1 << 63) != 0 ? a : b
        }
    }
}
