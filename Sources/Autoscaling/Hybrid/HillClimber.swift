public import Learning

/// First-improvement hill climbing over the moves of the hybrid scheduler, restarted at random plans: its yardstick at
/// the same number of evaluations.
public struct HillClimber: Sendable {
    /// Evaluations in all, at least 1.
    public let evaluationsMax: Int
    private var random: Xoshiro256StarStar

    /// A climber.
    public init(evaluationsMax: Int = 2_500, seed: UInt64 = 1) {
        precondition(evaluationsMax >= 1, "nothing to do")
        self.evaluationsMax = evaluationsMax
        random = Xoshiro256StarStar(seed: seed).split("hill climbing")
    }

    /// The best plan found: from each seed, then from random plans, moves are tried in random order, and the first that
    /// is better is taken, until no move is.
    public mutating func plan(
        _ space: PlanSpace, _ fitness: PlanFitness, seeds: [[Int]] = [], rates: [Double],
        evaluate: ([Int]) -> PlanOutcome
    ) -> ScoredGenome<[Int]> {
        var spent = 0
        var best: ScoredGenome<[Int]>?
        var start = 0
        while spent < evaluationsMax {
            var genome = start < seeds.count ? seeds[start] : space.variation.makeRandom(using: &random)
            start += 1
            space.repair(&genome, rates: rates)
            spent += 1
            var place = ScoredGenome(genome, fitness.fitness(evaluate(genome)))
            climb(&place, space, fitness, &spent, evaluate)
            if best.map({ place.fitness.isBetter(than: $0.fitness) }) ?? true { best = place }
        }
        guard let best else { preconditionFailure("at least one evaluation was made") }
        return best
    }

    private mutating func climb(
        _ place: inout ScoredGenome<[Int]>, _ space: PlanSpace, _ fitness: PlanFitness, _ spent: inout Int,
        _ evaluate: ([Int]) -> PlanOutcome
    ) {
        var isPeak = false
        while !isPeak {
            isPeak = true
            var order = Array(0..<space.count * LocalMove.Kind.allCases.count)
            random.shuffle(&order)
            for choice in order {
                guard let genome = LocalMove(index: choice).applied(to: place.genome, in: space) else { continue }
                guard spent < evaluationsMax else { return }
                spent += 1
                let score = fitness.fitness(evaluate(genome))
                guard score.isBetter(than: place.fitness) else { continue }
                place = ScoredGenome(genome, score)
                isPeak = false
                break
            }
        }
    }
}
