public import Learning

/// SealOS+'s hybrid genetic and reinforcement scheduler (Algorithm 1), as the paper notes read it (1.9 and 1.10).
///
/// A population of plans evolves under F (`PlanFitness`); in each generation a policy network proposes a masked move for
/// each elite, which is tried in the model of the chain and kept if it is better (a memetic step), and learns from what
/// the move brought. Readings: nothing is executed on the live system before a plan is chosen, and the policy changes
/// the elite, which in the print it does not (13); offspring are trimmed to fill the population exactly, and the first
/// best is that of the first population (14); F and the rates as `PlanFitness` and `AdaptiveRates` say (7 to 12).
/// The text's three promises that the listing lacks are here: screening of survivors by non-dominated sorting of the
/// three terms of F, a local search that tries a random move near each elite, and an adaptive population.
/// Ours, flagged: N = 50 (30...80), k = 5, 2,500 evaluations, converged after 10 generations with the same best, sizes
/// of the network, and weights of the reward.
///
/// What the parts are worth is printed by `HybridBenchmark`: at equal evaluations screening and the adaptive population
/// bring most, and moves of the network no more than random moves in their place.
public struct HybridScheduler {
    /// Settings; the defaults are the adopted ones.
    public struct Configuration: Sendable {
        /// Population, elites, evaluations, patience, rates, seed.
        public var search: GeneticAlgorithm<IntegerVariation>.Configuration
        /// Whether the policy network proposes moves.
        public var learns = true
        /// Moves the network proposes for each elite in a generation.
        public var proposals = 1
        /// Random moves tried near each elite in a generation.
        public var localTrials = 1
        /// Share of the population that begins as plans of similar past loads.
        public var similarShare = 0.4

        /// The adopted settings.
        public init() {
            search = .init()
            search.populationRange = 30...80
            search.isScreened = true
        }
    }

    /// What was found.
    public struct Outcome: Sendable {
        /// The best plan.
        public var genome: [Int]
        /// Its worth.
        public var fitness: Fitness
        /// What it comes to.
        public var outcome: PlanOutcome
        /// Evaluations made.
        public var evaluations: Int
        /// Generations after the first population.
        public var generations: Int
        /// Why it ended.
        public var stop: GeneticAlgorithm<IntegerVariation>.Stop
        /// Moves of the network that made an elite better, and those tried.
        public var proposals: (better: Int, tried: Int)
    }

    /// Settings.
    public var configuration: Configuration
    private let learner: MoveLearner
    private var random: Xoshiro256StarStar
    private let root: Xoshiro256StarStar
    private var runs = 0

    /// A scheduler for chains of `services` services; the network starts untrained and keeps what it learns from run to
    /// run. Copies share the network.
    public init(services: Int, configuration: Configuration = Configuration()) {
        precondition(services > 0, "a chain has services")
        self.configuration = configuration
        root = Xoshiro256StarStar(seed: configuration.search.seed)
        random = root.split("local search")
        learner = MoveLearner(services: services, seed: configuration.search.seed)
    }

    /// The best plan found within the evaluations.
    /// - Parameters:
    ///   - seeds: Plans to begin with: the current one, the rule's, then similar past ones, of which no more than
    ///     their share are used.
    ///   - rates: Requests offered to each service a second, for the repair.
    ///   - evaluate: What a plan comes to, in a model of the chain.
    /// - Throws: `NotFinite` where the model gives numbers that are not finite, `Configuration` for settings outside
    ///   their bounds.
    public mutating func plan(
        _ space: PlanSpace, _ fitness: PlanFitness, seeds: [[Int]] = [], similar: [[Int]] = [], rates: [Double],
        evaluate: ([Int]) -> PlanOutcome
    ) throws(PolicyFault) -> Outcome {
        var search = configuration.search
        search.seed = root.split("run \(runs)").state.0
        runs += 1
        let room = Int(configuration.similarShare * Double(search.population))
        let memetic = Memetic(space: space, fitness: fitness, learner: learner, random: random)
        do throws(LearningError) {
            let algorithm = try GeneticAlgorithm(space.variation, configuration: search)
            let found = try algorithm.run(
                seeds: seeds + similar.prefix(room),
                repair: { genome, _ in space.repair(&genome, rates: rates) },
                refine: { elites, count in memetic.refine(&elites, configuration, count) },
                evaluate: { genome in memetic.evaluate(genome, evaluate) })
            random = memetic.random
            return Outcome(
                genome: found.best.genome, fitness: found.best.fitness, outcome: evaluate(found.best.genome),
                evaluations: found.evaluations, generations: found.generations, stop: found.stop,
                proposals: memetic.proposals)
        } catch {
            throw PolicyFault(error.code == .notFinite ? "NotFinite" : "Configuration", error.message)
        }
    }
}

/// The part of a run that changes elites: moves of the network and random ones.
private final class Memetic {
    let space: PlanSpace
    let fitness: PlanFitness
    let learner: MoveLearner
    var random: Xoshiro256StarStar
    var proposals = (better: 0, tried: 0)
    /// What each plan evaluated so far comes to; only looked up, never walked through.
    private var known: [[Int]: PlanOutcome] = [:]
    private var features: [Float] = []

    init(space: PlanSpace, fitness: PlanFitness, learner: MoveLearner, random: Xoshiro256StarStar) {
        self.space = space
        self.fitness = fitness
        self.learner = learner
        self.random = random
    }

    func evaluate(_ genome: [Int], _ model: ([Int]) -> PlanOutcome) -> Fitness {
        let outcome = model(genome)
        known[genome] = outcome
        return fitness.fitness(outcome)
    }

    func refine(
        _ elites: inout [ScoredGenome<[Int]>], _ configuration: HybridScheduler.Configuration,
        _ evaluate: GeneticAlgorithm<IntegerVariation>.Evaluate
    ) {
        for index in elites.indices {
            for _ in 0..<(configuration.learns ? configuration.proposals : 0) {
                guard improve(&elites[index], evaluate) else { return }
            }
            for _ in 0..<configuration.localTrials {
                guard explore(&elites[index], evaluate) else { return }
            }
        }
        if configuration.learns { learner.train() }
    }

    /// Tries the move the network proposes among those to plans not seen yet; false once the evaluations are spent.
    private func improve(
        _ elite: inout ScoredGenome<[Int]>, _ evaluate: GeneticAlgorithm<IntegerVariation>.Evaluate
    ) -> Bool {
        guard let before = known[elite.genome] else { return true }
        MoveFeatures.write(elite.genome, before, space, fitness, into: &features)
        let state = features
        let choice = learner.propose(state, valid: LocalMove.mask(elite.genome, in: space)) { choice in
            LocalMove(index: choice).applied(to: elite.genome, in: space).map { known[$0] == nil } ?? false
        }
        guard let move = choice.map(LocalMove.init(index:)), let genome = move.applied(to: elite.genome, in: space)
        else { return true }
        guard let score = evaluate(genome), let after = known[genome] else { return false }
        MoveFeatures.write(genome, after, space, fitness, into: &features)
        let instances = elite.genome.prefix(space.count).reduce(0, +)
        let reward = fitness.reward(
            from: before, to: after, changed: move.changed(elite.genome, in: space), instances: instances)
        learner.remember(
            MoveLearner.Transition(
                features: state, service: move.service, kind: move.kind.rawValue, reward: Float(reward),
                next: features, nextValid: LocalMove.mask(genome, in: space)))
        proposals.tried += 1
        if score.isBetter(than: elite.fitness) {
            elite = ScoredGenome(genome, score)
            proposals.better += 1
        }
        return true
    }

    /// Tries a random move to a plan not seen yet; false once the evaluations are spent.
    private func explore(
        _ elite: inout ScoredGenome<[Int]>, _ evaluate: GeneticAlgorithm<IntegerVariation>.Evaluate
    ) -> Bool {
        for _ in 0..<16 {
            let move = LocalMove(index: random.below(space.count * LocalMove.Kind.allCases.count))
            guard let genome = move.applied(to: elite.genome, in: space), known[genome] == nil else { continue }
            guard let score = evaluate(genome) else { return false }
            if score.isBetter(than: elite.fitness) { elite = ScoredGenome(genome, score) }
            return true
        }
        return true
    }
}
