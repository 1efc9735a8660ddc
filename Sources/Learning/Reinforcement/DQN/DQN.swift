/// Deep Q-learning with masks, several heads, rows that share parameters, n-step returns and prioritised replay.
///
/// Forbidden actions are never explored, never greedy and never the best next action; a truncated episode bootstraps from
/// its last observation. The last iterate of DQN is unreliable: checkpoints are judged by greedy episodes that are the
/// same each time, and the best is kept. All random numbers come from the seed, one thread does everything, and the loop
/// allocates nothing, so equal settings give equal bytes on one kind of processor.
public final class DQN<World: Environment> {
    /// Settings.
    public let configuration: DQNConfiguration
    /// What is observed and decided.
    public let space: DecisionSpace
    /// Steps of single environments so far, without those of `warmUp`.
    public private(set) var step = 0
    /// Updates so far.
    public private(set) var updates = 0
    /// Figures of training so far.
    public private(set) var curve = LearningCurve()
    /// The best policy judged so far.
    public private(set) var best: DiscretePolicy?
    /// Its score.
    public private(set) var bestScore = -Double.infinity
    /// Replaces the mean greedy return as the score of a checkpoint.
    public var scorer: ((DiscretePolicy) -> Double)?
    /// The network being trained.
    public var network: ActionValueNetwork { learner.online }

    let learner: DQNLearner
    let replay: ReplayMemory
    var normaliser: ObservationNormaliser
    private var crew: EnvironmentCrew<World>
    private var judge: GreedyEvaluation.Judge<World>
    private let windows: [StepWindow]
    private let acting: ActionValueMemory
    /// Raw observations of the environments now.
    private let moments: ObservationMemory
    private let normalised: ObservationMemory
    private let following: ObservationMemory
    private var choices: [Int]
    private var exploring: Xoshiro256StarStar
    private var replaying: Xoshiro256StarStar
    private var loss = 0.0
    private var hasMoments = false

    /// Makes the environments and all memory.
    public init(_ configuration: DQNConfiguration, makeEnvironment: (EnvironmentRole) throws -> World) rethrows {
        configuration.check()
        self.configuration = configuration
        let root = Xoshiro256StarStar(seed: configuration.seed)
        crew = try EnvironmentCrew(
            count: configuration.environments, random: root.split("training"),
            make: { try makeEnvironment(.training($0)) })
        let space = crew.space
        self.space = space
        judge = try GreedyEvaluation.Judge(
            configuration.evaluation, space: space, random: root.split("evaluation"),
            make: { try makeEnvironment(.evaluation($0)) })
        learner = DQNLearner(space, configuration)
        replay = ReplayMemory(space, capacity: configuration.memory, priority: configuration.prioritised)
        windows = (0..<configuration.environments).map { _ in
            StepWindow(space, steps: configuration.nStep, gamma: configuration.gamma)
        }
        acting = ActionValueMemory(learner.online, countMax: configuration.environments, training: false)
        moments = ObservationMemory(space, count: configuration.environments)
        normalised = ObservationMemory(space, count: configuration.environments)
        following = ObservationMemory(space)
        choices = [Int](repeating: 0, count: configuration.environments * space.choices)
        normaliser = ObservationNormaliser(space, limit: configuration.observationLimit)
        exploring = root.split("exploration")
        replaying = root.split("replay")
    }

    /// Trains until the budget is spent, judging checkpoints on the way and at the end; `progress` sees each point of
    /// the curve and stops training by returning false.
    public func train(progress: (LearningCurve.Point) -> Bool = { _ in true }) {
        trainToEnd(configuration.totalSteps, judgingEvery: configuration.evaluation.everySteps, progress: progress)
    }

    /// One step of every environment and the updates that fall due.
    public func iterate() {
        let progress = Double(step) / Double(configuration.totalSteps)
        observeAtStart()
        choose(epsilon: configuration.epsilon.value(at: progress))
        for environment in 0..<crew.count { act(environment) }
        let before = step
        step += crew.count
        guard step > configuration.learningStarts else { return }
        let due = step / configuration.trainEvery - before / configuration.trainEvery
        if due > 0 {
            learner.adam.configuration.learningRate = configuration.learningRate.value(at: progress)
            let beta = configuration.prioritised?.beta.value(at: progress) ?? 0
            for _ in 0..<due * configuration.updatesPerTraining {
                loss = learner.update(
                    replay, normaliser: configuration.normalisesObservations ? normaliser : nil, beta: beta,
                    random: &replaying)
                updates += 1
            }
        }
        if case .hard(let every) = configuration.target, step / every > before / every { learner.copyTarget() }
    }

    /// Lets `choose` act for `steps` steps in the environments of training; its transitions fill the replay memory.
    ///
    /// A rule's behaviour to start from: `choose` writes the decision of an environment into `space.choices` numbers.
    public func warmUp(steps: Int, choose: (World, inout [Int]) -> Void) {
        observeAtStart()
        var decision = [Int](repeating: 0, count: space.choices)
        for _ in 0..<max(steps, 0) / crew.count {
            for environment in 0..<crew.count {
                choose(crew.world(environment), &decision)
                for index in decision.indices { choices[environment * space.choices + index] = decision[index] }
                act(environment)
            }
        }
    }

    /// Transitions in the replay memory.
    public var replayed: Int { replay.count }

    /// The policy as it is now, with its normaliser.
    public func policy() -> DiscretePolicy {
        DiscretePolicy(learner.online, configuration.normalisesObservations ? normaliser : nil)
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
        let epsilon = configuration.epsilon.value(at: Double(step) / Double(configuration.totalSteps))
        curve.points.append(
            LearningCurve.Point(
                step: step, episodes: crew.episodes, trainingReturn: crew.meanReturn, score: score,
                evaluationReturns: returns, valueLoss: loss, epsilon: Double(epsilon)))
        return score
    }

    private func observeAtStart() {
        guard !hasMoments else { return }
        for environment in 0..<crew.count { observe(environment) }
        hasMoments = true
    }

    private func observe(_ environment: Int) {
        crew.observe(environment, moments[environment])
        if configuration.normalisesObservations { normaliser.update(moments[environment]) }
    }

    /// Greedy choices by one product of matrices a layer, replaced at random.
    private func choose(epsilon: Float) {
        for environment in 0..<crew.count { normalised.copy(environment, from: moments, environment) }
        if configuration.normalisesObservations { normaliser.rows.apply(normalised.rows) }
        let values = learner.online.actionValues(rows: normalised.rows, allowed: normalised.allowed, acting)
        var number = 0
        for environment in 0..<crew.count {
            let explores = Float(exploring.uniform()) < epsilon
            for agent in 0..<space.agents {
                let row = environment * space.agents + agent
                for columns in acting.heads {
                    let allowed = normalised.allowed.row(row)[columns]
                    let isRandom =
                        configuration.exploration == .decision || number % space.choices == 0
                        ? explores : Float(exploring.uniform()) < epsilon
                    choices[number] =
                        isRandom
                        ? Self.randomAction(allowed, &exploring)
                        : DiscretePolicy.best(values.row(row)[columns], allowed)
                    number += 1
                }
            }
        }
    }

    /// Uniform over the allowed actions.
    private static func randomAction(_ allowed: Floats, _ random: inout Xoshiro256StarStar) -> Int {
        var count = 0
        for action in 0..<allowed.count where allowed[action] != 0 { count += 1 }
        precondition(count > 0, "a row without an allowed action")
        var rest = random.below(count)
        for action in 0..<allowed.count where allowed[action] != 0 {
            if rest == 0 { return action }
            rest -= 1
        }
        return 0
    }

    /// Lets one environment act, remembers what happened, and begins its next episode where one has ended.
    private func act(_ environment: Int) {
        let decision = environment * space.choices..<(environment + 1) * space.choices
        let transition = crew.step(environment, choices, decision)
        crew.observe(environment, following.view)
        windows[environment].add(
            moments[environment], choices: choices, offset: decision.lowerBound, transition, after: following.view,
            to: replay)
        if transition.isOver {
            crew.reset(environment)
            observe(environment)
        } else {
            moments[environment].copy(from: following.view)
            if configuration.normalisesObservations { normaliser.update(moments[environment]) }
        }
    }
}
