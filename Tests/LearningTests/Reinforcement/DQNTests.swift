import Learning
import MallocCount
import Testing

/// Targets, gradients and learning of DQN.
@Suite struct DQNTests {
    /// A network whose action values are the bias of its head: weights 0.
    private func setBias(_ network: ActionValueNetwork, _ bias: [Float]) {
        network.withValues { values in
            values.fill(0)
            for spec in network.layout.specs where spec.name == "head.bias" {
                for (index, value) in bias.enumerated() { values[spec.offset + index] = value }
            }
        }
    }

    private func plain(batch: Int, combination: DQNConfiguration.Combination, isDouble: Bool) -> DQNConfiguration {
        var settings = DQNConfiguration.cleanRL
        settings.batch = batch
        settings.isDouble = isDouble
        settings.combination = combination
        settings.network = .init(layers: [], isDueling: false)
        return settings
    }

    /// Online values (1, 2, 3), target values (10, 30, 20), next state forbids the action that is best for either
    /// network in turn; r 1, discount 0.5, action 0 taken (value 1).
    @Test(
        "The target takes the best allowed next action: the target's own, or with double DQN the online network's",
        arguments: [
            // All allowed: own best 30 -> y 16; online best is action 2, worth 20 -> y 11.
            ([1, 1, 1], false, Float(16)), ([1, 1, 1], true, 11),
            // Without action 1: own best 20; without action 2: online best is action 1, worth 30.
            ([1, 0, 1], false, 11), ([1, 1, 0], true, 16), ([1, 0, 0], true, 6), ([1, 0, 0], false, 6),
        ] as [([Float], Bool, Float)])
    func targets(_ allowed: [Float], _ isDouble: Bool, _ target: Float) {
        let space = DecisionSpace(width: 1, heads: [3])
        let learner = DQNLearner(space, plain(batch: 1, combination: .independent, isDouble: isDouble))
        setBias(learner.online, [1, 2, 3])
        setBias(learner.target, [10, 30, 20])
        let memory = ObservationMemory(space, count: 2)
        for (action, flag) in allowed.enumerated() { memory[1].allowed[0, action] = flag }
        let replay = ReplayMemory(space, capacity: 1, priority: nil)
        replay.add(memory[0], choices: [0], offset: 0, reward: 1, discount: 0.5, after: memory[1])
        let loss = learner.computeGradient(replay, slots: [0])
        #expect(learner.errors == [abs(1 - target)])
        #expect(abs(loss - Double((1 - target) * (1 - target))) < 1e-4)
    }

    @Test("A termination leaves the reward alone, whatever comes next") func termination() {
        let space = DecisionSpace(width: 1, heads: [2])
        let learner = DQNLearner(space, plain(batch: 1, combination: .independent, isDouble: false))
        setBias(learner.online, [1, 2])
        setBias(learner.target, [100, 100])
        let memory = ObservationMemory(space, count: 2)
        let replay = ReplayMemory(space, capacity: 1, priority: nil)
        replay.add(memory[0], choices: [1], offset: 0, reward: 5, discount: 0, after: memory[1])
        _ = learner.computeGradient(replay, slots: [0])
        #expect(learner.errors == [3])
    }

    /// Two agents, online (1, 2), target (10, 30); choices 0 and 1 (values 1 and 2), r 1, discount 0.1, best next 30 each.
    /// independent: y 4 each, errors 3 and 2; branching: y 1 + 0.1 · 30, the same; sum: 3 - (1 + 6) = -4; mean:
    /// 1.5 - (1 + 3) = -2.5.
    @Test(
        "Several choices combine as stated",
        arguments: [
            (DQNConfiguration.Combination.independent, 2.5, 6.5), (.branching, 2.5, 6.5), (.sum, 4, 16),
            (.mean, 2.5, 6.25),
        ] as [(DQNConfiguration.Combination, Float, Double)])
    func combinations(_ combination: DQNConfiguration.Combination, _ magnitude: Float, _ loss: Double) {
        let space = DecisionSpace(width: 1, heads: [2], agents: 2)
        let learner = DQNLearner(space, plain(batch: 1, combination: combination, isDouble: false))
        setBias(learner.online, [1, 2])
        setBias(learner.target, [10, 30])
        let memory = ObservationMemory(space, count: 2)
        let replay = ReplayMemory(space, capacity: 1, priority: nil)
        replay.add(memory[0], choices: [0, 1], offset: 0, reward: 1, discount: 0.1, after: memory[1])
        let measured = learner.computeGradient(replay, slots: [0])
        #expect(abs(learner.errors[0] - magnitude) < 1e-5)
        #expect(abs(measured - loss) < 1e-4)
    }

    @Test("Branches with different next values: each its own target, or the mean of all") func branchTargets() {
        // Heads of two actions: target values (10, 30 | 50, 20); r 0, discount 0.1, choices 0 and 0 of value 0.
        let space = DecisionSpace(width: 1, heads: [2, 2])
        let memory = ObservationMemory(space, count: 2)
        let replay = ReplayMemory(space, capacity: 1, priority: nil)
        replay.add(memory[0], choices: [0, 0], offset: 0, reward: 0, discount: 0.1, after: memory[1])
        for (combination, loss) in [
            // 3² and 5², the mean 4² twice.
            (DQNConfiguration.Combination.independent, (9.0 + 25) / 2), (.branching, 16), (.sum, 64), (.mean, 16),
        ] as [(DQNConfiguration.Combination, Double)] {
            let learner = DQNLearner(space, plain(batch: 1, combination: combination, isDouble: false))
            setBias(learner.online, [0, 0, 0, 0])
            setBias(learner.target, [10, 30, 50, 20])
            #expect(abs(learner.computeGradient(replay, slots: [0]) - loss) < 1e-3, "\(combination)")
        }
    }

    static let forms: [(DecisionSpace, ActionValueConfiguration, DQNConfiguration.Combination, Loss)] = [
        (DecisionSpace(width: 5, heads: [4]), .init(layers: [12], isDueling: false), .independent, .meanSquared),
        (
            DecisionSpace(width: 5, heads: [4]), .init(layers: [12], activation: .tanh, streams: 7), .independent,
            .huber(beta: 1)
        ),
        (
            DecisionSpace(width: 5, heads: [2, 3]), .init(layers: [12, 9], activation: .tanh, streams: 0), .branching,
            .meanSquared
        ),
        (
            DecisionSpace(width: 4, heads: [3], agents: 3), .init(layers: [10], activation: .tanh, streams: 6), .sum,
            .huber(beta: 0.5)
        ),
        (
            DecisionSpace(width: 4, heads: [3, 2], agents: 2), .init(layers: [10], activation: .tanh, streams: 6),
            .mean,
            .meanSquared
        ),
    ]

    @Test("The loss changes along random directions as its gradient says", arguments: 0..<forms.count)
    func finiteDifferences(_ form: Int) {
        let (space, network, combination, loss) = Self.forms[form]
        var settings = DQNConfiguration()
        settings.batch = 12
        settings.isDouble = false
        settings.combination = combination
        settings.loss = loss
        settings.network = network
        let learner = DQNLearner(space, settings)
        var random = Xoshiro256StarStar(seed: 70 + UInt64(form))
        let replay = ReplayMemory(space, capacity: 12, priority: nil)
        let memory = ObservationMemory(space, count: 2)
        for _ in 0..<12 {
            var choices: [Int] = []
            for moment in 0..<2 {
                memory[moment].clear()
                for agent in 0..<space.agents {
                    for column in 0..<space.width { memory[moment].rows[agent, column] = random.uniform(-1, 1) }
                    var start = 0
                    for count in space.heads {
                        let choice = random.below(count)
                        let forbidden = random.below(count)
                        if forbidden != choice { memory[moment].allowed[agent, start + forbidden] = 0 }
                        if moment == 0 { choices.append(choice) }
                        start += count
                    }
                }
            }
            replay.add(
                memory[0], choices: choices, offset: 0, reward: random.uniform(-2, 2), discount: 0.9, after: memory[1])
        }
        func measured() -> Double { learner.computeGradient(replay, slots: Array(0..<12)) }
        _ = measured()
        let gradient = learner.gradients.array
        let start = learner.online.withValues { $0.array }
        for _ in 0..<20 {
            expectSlope(gradient, &random) { direction, epsilon in
                learner.online.withValues { $0.copy(from: zip(start, direction).map { $0 + epsilon * $1 }) }
                return measured()
            }
        }
    }

    /// A linear network on one-hot states is a table; 25 states with forbidden steps, which trap if they are chosen.
    @Test("On a table the action values become Q* of value iteration, with every variant", arguments: 0..<4)
    func tabular(_ form: Int) {
        let gamma = 0.8
        var settings = DQNConfiguration()
        settings.totalSteps = 40_000
        settings.gamma = Float(gamma)
        settings.network = .init(layers: [], isDueling: form == 1, streams: 0)
        settings.learningRate = .linear(2e-2, 5e-4)
        settings.memory = 20_000
        settings.learningStarts = 500
        settings.epsilon = .constant(1)
        settings.isDouble = form != 0
        settings.nStep = 1
        settings.prioritised = form == 2 ? PrioritisedReplay() : nil
        settings.target = form == 3 ? .soft(tau: 0.02) : .hard(everySteps: 200)
        settings.loss = form == 0 ? .meanSquared : .huber(beta: 1)
        settings.evaluation = .init(everySteps: 40_000, episodes: 25)
        settings.seed = UInt64(form + 1)
        let model = TabularModel.maskedGrid
        // Truncation after six steps: were it taken for an end, values would be far too high.
        let learner = DQN(settings) { _ in TabularEnvironment(model, start: nil, stepsMax: 6) }
        learner.train()
        let reference = model.optimalValues(gamma: gamma)
        let policy = learner.policy()
        let memory = ObservationMemory(learner.space)
        var choices = [0]
        for state in 0..<24 {
            memory.view.clear()
            memory.view.rows[0, state] = 1
            for action in 0..<4 where reference[state * 4 + action] == -.infinity { memory.view.allowed[0, action] = 0 }
            policy.decide(memory.view, into: &choices)
            for action in 0..<4 where reference[state * 4 + action].isFinite {
                let value = Double(policy.score(agent: 0, action: action))
                #expect(abs(value - reference[state * 4 + action]) < 0.15, "state \(state), action \(action): \(value)")
            }
        }
    }

    @Test("Truncation goes on and termination ends", arguments: [true, false]) func truncation(_ isTruncation: Bool) {
        var settings = DQNConfiguration()
        settings.totalSteps = 8_000
        settings.gamma = 0.8
        settings.network = .init(layers: [], isDueling: false)
        settings.learningRate = .linear(2e-2, 1e-3)
        settings.learningStarts = 100
        settings.memory = 1_000
        settings.target = .hard(everySteps: 100)
        settings.evaluation = .init(everySteps: 8_000, episodes: 1)
        let learner = DQN(settings) { _ in OneStepWorld(isTruncation: isTruncation) }
        learner.train()
        let memory = ObservationMemory(learner.space)
        memory.view.rows[0, 0] = 1
        var choices = [0]
        let policy = learner.policy()
        policy.decide(memory.view, into: &choices)
        #expect(abs(policy.value - (isTruncation ? 5 : 1)) < 0.1, "\(policy.value)")
    }

    private func small(_ combination: DQNConfiguration.Combination) -> DQNConfiguration {
        var settings = DQNConfiguration()
        settings.totalSteps = 16_000
        settings.environments = 4
        settings.gamma = 0.5
        settings.batch = 64
        settings.memory = 5_000
        settings.learningStarts = 500
        settings.learningRate = .linear(3e-3, 3e-4)
        settings.network = .init(layers: [32], streams: 0)
        settings.nStep = 1
        settings.target = .hard(everySteps: 400)
        settings.combination = combination
        settings.evaluation = .init(everySteps: 4_000, episodes: 8)
        return settings
    }

    @Test(
        "Rows that share a network learn to choose, under every combination",
        arguments: DQNConfiguration.Combination.allCases)
    func sharedRows(_ combination: DQNConfiguration.Combination) {
        var settings = small(combination)
        settings.normalisesObservations = combination == .mean
        settings.exploration = combination == .sum ? .decision : .choice
        let learner = DQN(settings) { _ in
            MatchingWorld(agents: combination == .branching ? 1 : 3, heads: [3, 4], stateWidth: 2)
        }
        learner.train()
        #expect(learner.bestScore > 15.5, "\(learner.bestScore)")
    }

    @Test("One seed gives the same bytes twice, another seed others") func determinism() {
        func bytes(_ seed: UInt64) -> [UInt8] {
            var settings = small(.independent)
            settings.totalSteps = 3_000
            settings.seed = seed
            let learner = DQN(settings) { _ in MatchingWorld(agents: 2, heads: [3]) }
            learner.train()
            return learner.policy().tensorFile().bytes
        }
        let first = bytes(1)
        #expect(first == bytes(1))
        #expect(first != bytes(2))
    }

    @Test("Steps and updates allocate nothing") func allocations() {
        var settings = small(.independent)
        settings.learningStarts = 10
        let learner = DQN(settings) { _ in CartPole() }
        for _ in 0..<50 { learner.iterate() }
        #expect(learner.updates > 20)
        let before = malloc_count()
        for _ in 0..<500 { learner.iterate() }
        #expect(malloc_count() == before, "\(malloc_count() - before) allocations")
    }

    @Test("A rule's transitions fill the memory before training") func warmUp() {
        var settings = small(.independent)
        settings.totalSteps = 4_000
        let learner = DQN(settings) { _ in MatchingWorld(agents: 2, heads: [4]) }
        learner.warmUp(steps: 2_000) { world, choices in choices = world.wanted }
        #expect(learner.replayed == 2_000 && learner.step == 0)
        learner.train()
        #expect(learner.step == 4_000)
    }
}
