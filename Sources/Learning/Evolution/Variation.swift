/// How genomes of one kind begin, mix and change.
public protocol Variation<Genome>: Sendable {
    /// What is varied, as `[Double]` or `[Int]`.
    associatedtype Genome: Hashable & Sendable

    /// Genes of a genome, at least 1.
    var count: Int { get }

    /// A genome drawn uniformly from the bounds.
    func makeRandom(using random: inout Xoshiro256StarStar) -> Genome

    /// Turns two parents into two children in place.
    func cross(_ a: inout Genome, _ b: inout Genome, using random: inout Xoshiro256StarStar)

    /// Changes each gene with probability `rate`.
    func mutate(_ genome: inout Genome, rate: Double, using random: inout Xoshiro256StarStar)

    /// Moves every gene to the nearest value within its bounds.
    func clamp(_ genome: inout Genome)
}

/// Uniform crossover and random-reset mutation of whole numbers within bounds.
public struct IntegerVariation: Variation {
    /// Values each gene may take, both ends included.
    public let bounds: [ClosedRange<Int>]
    /// Share of mutations that move a gene by one or two instead of drawing it anew, 0...1.
    public let creepShare: Double

    /// Genes within `bounds`, of which there is at least one.
    public init(bounds: [ClosedRange<Int>], creepShare: Double = 0) throws(LearningError) {
        guard !bounds.isEmpty else { throw LearningError(.badData, "a genome without genes") }
        guard (0...1).contains(creepShare) else {
            throw LearningError(.badData, "creepShare \(creepShare) is not 0...1")
        }
        self.bounds = bounds
        self.creepShare = creepShare
    }

    public var count: Int { bounds.count }

    public func makeRandom(using random: inout Xoshiro256StarStar) -> [Int] {
        bounds.map { $0.lowerBound + random.below($0.count) }
    }

    /// Exchanges each gene with probability 1/2.
    public func cross(_ a: inout [Int], _ b: inout [Int], using random: inout Xoshiro256StarStar) {
        for gene in bounds.indices where random.next() & (1 << 63) != 0 {
            (a[gene], b[gene]) = (b[gene], a[gene])
        }
    }

    public func mutate(_ genome: inout [Int], rate: Double, using random: inout Xoshiro256StarStar) {
        for gene in bounds.indices where bounds[gene].count > 1 && random.uniform() < rate {
            let range = bounds[gene]
            if random.uniform() < creepShare {
                let step = 1 + random.below(2)
                let moved = genome[gene] + (random.below(2) == 0 ? -step : step)
                genome[gene] = min(max(moved, range.lowerBound), range.upperBound)
            } else {
                // One of the other values.
                let value = range.lowerBound + random.below(range.count - 1)
                genome[gene] = value < genome[gene] ? value : value + 1
            }
        }
    }

    public func clamp(_ genome: inout [Int]) {
        for gene in bounds.indices {
            genome[gene] = min(max(genome[gene], bounds[gene].lowerBound), bounds[gene].upperBound)
        }
    }
}
