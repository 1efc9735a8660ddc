internal import Glibc

/// Simulated binary crossover (Deb and Agrawal 1995) and polynomial mutation (Deb and Goyal 1996) of real numbers, both
/// in the form that keeps to the bounds.
public struct RealVariation: Variation {
    /// Values each gene may take; both ends are finite and different.
    public let bounds: [ClosedRange<Double>]
    /// η of the crossover: the larger, the nearer children are to their parents.
    public let crossoverIndex: Double
    /// η of the mutation.
    public let mutationIndex: Double
    /// Probability that a gene takes part in a crossover.
    public let geneShare: Double

    /// Genes within `bounds`, of which there is at least one; the defaults are NSGA-II's usual settings.
    public init(
        bounds: [ClosedRange<Double>], crossoverIndex: Double = 15, mutationIndex: Double = 20, geneShare: Double = 0.5
    ) throws(LearningError) {
        guard !bounds.isEmpty else { throw LearningError(.badData, "a genome without genes") }
        for (gene, range) in bounds.enumerated() {
            guard range.lowerBound.isFinite, range.upperBound.isFinite, range.lowerBound < range.upperBound else {
                throw LearningError(.badData, "gene \(gene) has bounds \(range)")
            }
        }
        guard crossoverIndex >= 0, mutationIndex >= 0, (0...1).contains(geneShare) else {
            throw LearningError(.badData, "indices are not negative and the share of genes is 0...1")
        }
        self.bounds = bounds
        self.crossoverIndex = crossoverIndex
        self.mutationIndex = mutationIndex
        self.geneShare = geneShare
    }

    public var count: Int { bounds.count }

    public func makeRandom(using random: inout Xoshiro256StarStar) -> [Double] {
        bounds.map { $0.lowerBound + ($0.upperBound - $0.lowerBound) * random.uniform() }
    }

    public func cross(_ a: inout [Double], _ b: inout [Double], using random: inout Xoshiro256StarStar) {
        for gene in bounds.indices where random.uniform() < geneShare {
            let (low, high) = (min(a[gene], b[gene]), max(a[gene], b[gene]))
            let gap = high - low
            guard gap > 1e-14 else { continue }
            let draw = random.uniform()
            let below = spread(draw, room: (low - bounds[gene].lowerBound) / gap)
            let above = spread(draw, room: (bounds[gene].upperBound - high) / gap)
            let first = (low + high - below * gap) / 2
            let second = (low + high + above * gap) / 2
            let isSwapped = random.next() & (1 << 63) != 0
            a[gene] = clamped(isSwapped ? second : first, gene)
            b[gene] = clamped(isSwapped ? first : second, gene)
        }
    }

    /// β_q for a uniform draw where the bound is `room` times the parents' gap away.
    private func spread(_ draw: Double, room: Double) -> Double {
        let power = crossoverIndex + 1
        let alpha = 2 - pow(1 + 2 * room, -power)
        return draw <= 1 / alpha ? pow(draw * alpha, 1 / power) : pow(1 / (2 - draw * alpha), 1 / power)
    }

    public func mutate(_ genome: inout [Double], rate: Double, using random: inout Xoshiro256StarStar) {
        let power = mutationIndex + 1
        for gene in bounds.indices where random.uniform() < rate {
            let (low, high) = (bounds[gene].lowerBound, bounds[gene].upperBound)
            let value = genome[gene]
            let draw = random.uniform()
            let change: Double
            if draw < 0.5 {
                let room = pow(1 - (value - low) / (high - low), power)
                change = pow(2 * draw + (1 - 2 * draw) * room, 1 / power) - 1
            } else {
                let room = pow(1 - (high - value) / (high - low), power)
                change = 1 - pow(2 * (1 - draw) + 2 * (draw - 0.5) * room, 1 / power)
            }
            genome[gene] = clamped(value + change * (high - low), gene)
        }
    }

    public func clamp(_ genome: inout [Double]) {
        for gene in bounds.indices { genome[gene] = clamped(genome[gene], gene) }
    }

    private func clamped(_ value: Double, _ gene: Int) -> Double {
        min(max(value, bounds[gene].lowerBound), bounds[gene].upperBound)
    }
}
