/// Mean and best of the feasible members' fitness, as the adaptive rates need them.
struct FitnessSpread {
    private var mean = 0.0
    private var best = -Double.infinity
    private var count = 0

    init(_ population: some Sequence<Fitness>) {
        for fitness in population where fitness.violation <= 0 {
            mean += fitness.value
            best = max(best, fitness.value)
            count += 1
        }
        if count > 0 { mean /= Double(count) }
    }

    /// The probability for `fitness`; that of the mean where it or the whole population is infeasible.
    func rate(_ fitness: Fitness, _ span: AdaptiveRates.Span) -> Double {
        guard count > 0, fitness.violation <= 0 else { return span.atMean }
        return span.value(fitness: fitness.value, mean: mean, best: best)
    }
}

extension GeneticAlgorithm {
    /// How far a run is: its best, for how long that stayed, and the size of the next population.
    struct Search {
        var best: ScoredGenome<V.Genome>?
        var history: [Fitness] = []
        var sizes: [Int] = []
        var size: Int
        private var unchanged = 0

        init(size: Int) { self.size = size }

        /// Takes in the first population.
        mutating func begin(_ member: ScoredGenome<V.Genome>, _ count: Int) {
            best = member
            history.append(member.fitness)
            sizes.append(count)
        }

        /// Takes in a generation and sets the size of the next.
        mutating func close(_ member: ScoredGenome<V.Genome>, _ count: Int, _ configuration: Configuration) {
            let isImproved = best.map { member.fitness.isBetter(than: $0.fitness) } ?? true
            if isImproved { best = member }
            unchanged = isImproved ? 0 : unchanged + 1
            history.append(best?.fitness ?? member.fitness)
            sizes.append(count)
            guard let range = configuration.populationRange else { return }
            if isImproved {
                size = max(range.lowerBound, size - (size + 19) / 20)
            } else if unchanged >= 3 {
                size = min(range.upperBound, size + (size + 4) / 5)
            }
        }

        func isOpen(_ configuration: Configuration) -> Bool {
            unchanged < configuration.patience && history.count <= configuration.generationsMax
        }

        func stop(_ configuration: Configuration, isSpent: Bool) -> Stop {
            if isSpent { return .evaluations }
            return unchanged >= configuration.patience ? .converged : .generations
        }
    }
}
