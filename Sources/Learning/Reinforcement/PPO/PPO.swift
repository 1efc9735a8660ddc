/// Proximal policy optimisation with masks, several heads, rows that share parameters, and vectorised environments.
///
/// One iteration lets every environment take `steps` decisions (one product of matrices decides for all of them),
/// estimates advantages and makes `epochs` passes of minibatch updates. Checkpoints are judged by greedy episodes that
/// are the same each time; the best is kept. All random numbers come from the seed, one thread does everything, and the
/// loop allocates nothing, so equal settings give equal bytes on one kind of processor.
///
/// Schulman et al. 2017; the details are those of CleanRL's `ppo.py` (Huang et al. 2022) but where the settings say so.
public final class PPO<World: Environment> {
    /// Settings.
    public let configuration: PPOConfiguration
    /// What is observed and decided.
    public let space: DecisionSpace
    /// The network being trained.
    public let network: ActorCriticNetwork
    /// Steps of single environments so far.
    public private(set) var step = 0
    /// Figures of training so far.
    public private(set) var curve = LearningCurve()
    /// The best policy judged so far.
    public private(set) var best: DiscretePolicy?
    /// Its score.
    public private(set) var bestScore = -Double.infinity
    /// Replaces the mean greedy return as the score of a checkpoint.
    public var scorer: ((DiscretePolicy) -> Double)?

    var normaliser: ObservationNormaliser
    let learner: PPOLearner
    private var crew: EnvironmentCrew<World>
    private var judge: GreedyEvaluation.Judge<World>
    private let rollout: Rollout
    private let acting: ActorCriticMemory
    private let final: ObservationMemory
    private var scaler: ReturnScaler
    private var sampling: Xoshiro256StarStar
    private var shuffling: Xoshiro256StarStar
    private var diagnostics = PPOLearner.Diagnostics()
    private var hasMoments = false

    /// Makes the environments and all memory.
    public init(_ configuration: PPOConfiguration, makeEnvironment: (EnvironmentRole) throws -> World) rethrows {
        configuration.check()
        self.configuration = configuration
        let root = Xoshiro256StarStar(seed: configuration.seed)
        crew = try EnvironmentCrew(
            count: configuration.environments, random: root.split("training"),
            make: { try makeEnvironment(.training($0)) })
        space = crew.space
        judge = try GreedyEvaluation.Judge(
            configuration.evaluation, space: space, random: root.split("evaluation"),
            make: { try makeEnvironment(.evaluation($0)) })
        network = ActorCriticNetwork(space, configuration.network, seed: configuration.seed)
        var adam = Adam.Configuration(
            learningRate: configuration.learningRate.start, clipNorm: configuration.gradientNormMax)
        adam.epsilon = configuration.adamEpsilon
        rollout = Rollout(space, environments: configuration.environments, steps: configuration.steps)
        learner = PPOLearner(
            network, minibatch: min(configuration.minibatch, rollout.count),
            adam: Adam(network.layout, configuration: adam))
        acting = ActorCriticMemory(network, countMax: configuration.environments, training: false)
        final = ObservationMemory(space)
        normaliser = ObservationNormaliser(space, limit: configuration.observationLimit)
        scaler = ReturnScaler(environments: configuration.environments, gamma: Double(configuration.gamma))
        sampling = root.split("actions")
        shuffling = root.split("minibatches")
    }

    /// Trains until the budget is spent, judging checkpoints on the way and at the end; `progress` sees each point of
    /// the curve and stops training by returning false.
    public func train(progress: (LearningCurve.Point) -> Bool = { _ in true }) {
        trainToEnd(configuration.totalSteps, judgingEvery: configuration.evaluation.everySteps, progress: progress)
    }

    /// One rollout and the update on it.
    public func iterate() {
        let progress = Double(step) / Double(configuration.totalSteps)
        learner.adam.configuration.learningRate = configuration.learningRate.value(at: progress)
        collect()
        rollout.estimateAdvantages(gamma: configuration.gamma, lambda: configuration.lambda)
        let settings = PPOLearner.Settings(configuration, progress: progress)
        diagnostics = learner.update(rollout, epochs: configuration.epochs, settings, random: &shuffling)
    }

    /// The policy as it is now, with its normaliser.
    public func policy() -> DiscretePolicy {
        DiscretePolicy(network, configuration.normalisesObservations ? normaliser : nil)
    }

    /// Judges the policy as it is now, keeps it if it is not worse than the best, and adds a point to the curve.
    @discardableResult
    public func evaluate() -> Double {
        let current = policy()
        let returns = judge.returns(of: current)
        let score = scorer?(current) ?? GreedyEvaluation.mean(returns)
        if score >= bestScore {
            bestScore = score
            best = current
        }
        curve.points.append(
            LearningCurve.Point(
                step: step, episodes: crew.episodes, trainingReturn: crew.meanReturn, score: score,
                evaluationReturns: returns, policyLoss: diagnostics.policyLoss, valueLoss: diagnostics.valueLoss,
                entropy: diagnostics.entropy, approximateKL: diagnostics.approximateKL,
                clipFraction: diagnostics.clipFraction))
        return score
    }

    /// Fills the rollout.
    private func collect() {
        if hasMoments {
            rollout.rewind()
        } else {
            for environment in 0..<crew.count { observe(environment, rollout.moments[environment]) }
            hasMoments = true
        }
        for step in 0..<rollout.steps {
            choose(step)
            for environment in 0..<crew.count { act(step, environment) }
        }
        let last = rollout.batch(rollout.steps)
        store(values: last, at: rollout.count, withPolicy: true)
        step += rollout.count
    }

    private func observe(_ environment: Int, _ view: ObservationView) {
        crew.observe(environment, view)
        guard configuration.normalisesObservations else { return }
        normaliser.update(view)
        normaliser.apply(view)
    }

    /// Draws the decisions of all environments at `step`.
    private func choose(_ step: Int) {
        let batch = rollout.batch(step)
        let logProbabilities = network.logProbabilities(rows: batch.rows, allowed: batch.allowed, acting)
        let first = step * crew.count
        for environment in 0..<crew.count {
            var number = (first + environment) * space.choices
            for agent in 0..<space.agents {
                let row = logProbabilities.row(environment * space.agents + agent)
                for columns in acting.heads {
                    rollout.choices[number] = CategoricalHead.sample(row[columns], random: &sampling)
                    number += 1
                }
            }
            let start = (first + environment) * space.choices
            rollout.logProbabilities[first + environment] = space.logProbability(logProbabilities, environment) {
                rollout.choices[start + $0]
            }
        }
        store(values: batch, at: first, withPolicy: false)
    }

    /// Values of the environments' states from `first` on; a shared trunk has to see the rows before.
    private func store(values batch: (rows: Matrix, state: Matrix, allowed: Matrix), at first: Int, withPolicy: Bool) {
        if withPolicy { _ = network.logProbabilities(rows: batch.rows, allowed: batch.allowed, acting) }
        let values = network.stateValues(count: crew.count, rows: batch.rows, state: batch.state, acting)
        rollout.values[first..<first + crew.count].copy(from: values)
    }

    /// Lets one environment act, and begins its next episode where one has ended.
    private func act(_ step: Int, _ environment: Int) {
        let index = step * crew.count + environment
        let next = rollout.moments[index + crew.count]
        let decision = index * space.choices..<(index + 1) * space.choices
        let transition = crew.step(environment, rollout.choices, decision)
        var reward = transition.reward
        if configuration.normalisesReturns {
            reward = scaler.scale(reward, environment: environment, isOver: transition.isOver)
        }
        if transition.isTruncated, !transition.isTerminated, configuration.bootstrapsTruncation {
            crew.observe(environment, final.view)
            if configuration.normalisesObservations { normaliser.apply(final.view) }
            _ = network.logProbabilities(rows: final.rows, allowed: final.allowed, acting)
            let value = network.stateValues(count: 1, rows: final.rows, state: final.state, acting)[0]
            reward += configuration.gamma * value
        }
        rollout.rewards[index] = reward
        rollout.ends[index] = transition.isOver ? 1 : 0
        if transition.isOver { crew.reset(environment) }
        observe(environment, next)
    }
}
