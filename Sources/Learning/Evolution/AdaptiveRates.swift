/// Probabilities of crossover and mutation that fall as fitness rises (Srinivas and Patnaik 1994), with the constants
/// of SealOS+'s equations 9 and 10.
///
/// Pc = 0.9 - 0.60 (f' - f_avg) / (f_max - f_avg), Pm = 0.1 - 0.07 (f' - f_avg) / (f_max - f_avg). As printed both pass
/// their upper ends below the mean and divide by zero in a uniform population; here, as read, a fitness below the mean
/// or a spread under 1e-12 gives 0.9 and 0.1. f' is the larger fitness of two parents for Pc, the own fitness for Pm.
public struct AdaptiveRates: Sendable, Equatable {
    /// Values at the mean and at the best of a population.
    public struct Span: Sendable, Equatable {
        /// At the mean fitness and below.
        public var atMean: Double
        /// At the largest fitness.
        public var atBest: Double

        /// A probability that falls from `atMean` to `atBest`.
        public init(atMean: Double, atBest: Double) {
            self.atMean = atMean
            self.atBest = atBest
        }

        /// The probability for `fitness` in a population of that mean and best.
        public func value(fitness: Double, mean: Double, best: Double) -> Double {
            guard fitness >= mean, best - mean >= 1e-12 else { return atMean }
            return atMean + (atBest - atMean) * min((fitness - mean) / (best - mean), 1)
        }
    }

    /// Pc, the probability that a pair of parents is crossed.
    public var crossover: Span
    /// Pm, the probability that a gene mutates.
    public var mutation: Span

    /// Rates; the defaults are the paper's.
    public init(
        crossover: Span = Span(atMean: 0.9, atBest: 0.3), mutation: Span = Span(atMean: 0.1, atBest: 0.03)
    ) {
        self.crossover = crossover
        self.mutation = mutation
    }

    /// Whether all four are probabilities.
    public var isSound: Bool {
        [crossover.atMean, crossover.atBest, mutation.atMean, mutation.atBest].allSatisfy { (0...1).contains($0) }
    }
}
