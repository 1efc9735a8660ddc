import Learning
import MallocCount
import Testing

/// Advantages, losses, gradients and learning of PPO.
@Suite struct PPOTests {
    /// γ 0.9, λ 0.8; worked out by numpy over two environments of four steps, one end in each.
    @Test("Advantages and returns are numpy's") func advantages() {
        func floats(_ values: [Float]) -> FloatBuffer {
            let buffer = FloatBuffer(count: values.count)
            buffer.floats.copy(from: values)
            return buffer
        }
        let rewards = floats([1, 0.5, 0, -1, 2, 0.25, -0.5, 1])
        let values = floats([0.3, 0.1, 0.2, -0.4, 0.7, 0.6, 0.05, 0.9, 1.1, -0.2])
        let ends = floats([0, 0, 1, 0, 0, 0, 0, 1])
        let (advantages, returns) = (FloatBuffer(count: 8), FloatBuffer(count: 8))
        AdvantageEstimate.compute(
            rewards: rewards.floats, values: values.floats, ends: ends.floats, environments: 2, gamma: 0.9, lambda: 0.8,
            advantages: advantages.floats, returns: returns.floats)
        let expected: [Float] = [0.736, 0.2725888, -0.2, 0.32304, 1.6618, 0.532, 0.44, 0.1]
        #expect(tensorDistance(advantages.floats.array, expected, relative: 1e-6, absolute: 1e-6) < 1)
        let sums: [Float] = [1.036, 0.3725888, 0, -0.07696, 2.3618, 1.132, 0.49, 1]
        #expect(tensorDistance(returns.floats.array, sums, relative: 1e-6, absolute: 1e-6) < 1)
    }

    @Test("The clipped loss holds back only what has gone too far in the advantage's direction")
    func policyLoss() {
        // A > 0: -A r up to r = 1.2, then -1.2 A without slope; A < 0: -A r from r = 0.8 on.
        #expect(PPOLoss.policy(ratio: 1.1, advantage: 2, clip: 0.2) == (-2.2, -2))
        #expect(PPOLoss.policy(ratio: 1.5, advantage: 2, clip: 0.2) == (-2.4, 0))
        #expect(PPOLoss.policy(ratio: 0.5, advantage: 2, clip: 0.2) == (-1, -2))
        #expect(PPOLoss.policy(ratio: 1.5, advantage: -2, clip: 0.2) == (3, 2))
        #expect(PPOLoss.policy(ratio: 0.5, advantage: -2, clip: 0.2) == (1.6, 0))
    }

    @Test("The clipped value loss is the larger of the two squares") func valueLoss() {
        #expect(PPOLoss.value(2, target: 1, old: 0, clip: nil) == (1, 2))
        // Held at 0.5: (0.5 - 1)² = 0.25 < 1.
        #expect(PPOLoss.value(2, target: 1, old: 0, clip: 0.5) == (1, 2))
        // V = 1 is right, but held at 0.5 the square is 0.25, which V cannot change.
        #expect(PPOLoss.value(1, target: 1, old: 0, clip: 0.5) == (0.25, 0))
        #expect(PPOLoss.value(0.25, target: 1, old: 0, clip: 0.5) == (0.5625, -1.5))
    }

    static let forms: [(DecisionSpace, ActorCriticConfiguration.ValueSource)] = [
        (DecisionSpace(width: 5, heads: [4]), .separate),
        (DecisionSpace(width: 5, heads: [2, 3]), .shared),
        (DecisionSpace(width: 4, heads: [3], agents: 3), .separate),
        (DecisionSpace(width: 4, heads: [3, 2], agents: 3), .shared),
        (DecisionSpace(width: 4, heads: [3], agents: 2, stateWidth: 6), .state),
    ]

    /// A rollout of random observations, masks, choices and figures near the network's own.
    private func rollout(_ space: DecisionSpace, _ random: inout Xoshiro256StarStar) -> Rollout {
        let rollout = Rollout(space, environments: 3, steps: 4)
        for index in 0..<rollout.moments.count {
            let view = rollout.moments[index]
            for row in 0..<space.agents {
                for column in 0..<space.width { view.rows[row, column] = random.uniform(-1, 1) }
            }
            for column in 0..<space.stateWidth { view.state[column] = random.uniform(-1, 1) }
        }
        for at in 0..<rollout.count {
            var number = at * space.choices
            for agent in 0..<space.agents {
                var start = 0
                for count in space.heads {
                    let choice = random.below(count)
                    rollout.choices[number] = choice
                    let forbidden = random.below(count)
                    if forbidden != choice { rollout.moments[at].allowed[agent, start + forbidden] = 0 }
                    number += 1
                    start += count
                }
            }
            // Uniform over two to three actions: log ratios within about ±0.5 at the start.
            rollout.logProbabilities[at] = -0.9 * Float(space.choices) + random.uniform(-0.3, 0.3)
            rollout.advantages[at] = random.uniform(-1, 1)
            rollout.values[at] = random.uniform(-0.3, 0.3)
            rollout.returns[at] = random.uniform(-1, 1)
        }
        return rollout
    }

    @Test("The loss changes along random directions as its gradient says", arguments: 0..<forms.count)
    func finiteDifferences(_ form: Int) {
        let (space, source) = Self.forms[form]
        var configuration = PPOConfiguration()
        configuration.entropy = .constant(0.05)
        configuration.valueClip = form == 1 ? 0.3 : nil
        configuration.network = .init(policyLayers: [9, 8], valueLayers: [7], value: source)
        // A wide clip: at its edge the loss has a kink that finite differences do not see.
        configuration.clip = .constant(5)
        let network = ActorCriticNetwork(space, configuration.network, seed: 3)
        var random = Xoshiro256StarStar(seed: 40 + UInt64(form))
        network.withValues { values in
            for index in 0..<values.count where values[index] != 0 { values[index] += random.uniform(-0.2, 0.2) }
        }
        let rollout = rollout(space, &random)
        let learner = PPOLearner(network, minibatch: rollout.count, adam: Adam(network.layout))
        let settings = PPOLearner.Settings(configuration, progress: 0)
        func loss() -> Double {
            let figures = learner.computeGradient(rollout, settings)
            return figures.policyLoss + 0.5 * figures.valueLoss - 0.05 * figures.entropy
        }
        _ = loss()
        let gradient = learner.gradients.array
        let start = network.withValues { $0.array }
        for _ in 0..<20 {
            expectSlope(gradient, &random) { direction, epsilon in
                network.withValues { $0.copy(from: zip(start, direction).map { $0 + epsilon * $1 }) }
                return loss()
            }
        }
    }

    @Test("CartPole with the zoo's settings is solved within 100,000 steps") func cartPole() {
        let learner = PPO(.cartPole) { _ in CartPole() }
        learner.train()
        let returns = GreedyEvaluation.returns(
            of: learner.policy(), .init(episodes: 20, parallel: 20), seed: 99
        ) { _ in CartPole() }
        #expect(GreedyEvaluation.mean(returns) >= 475, "\(returns)")
        #expect(learner.bestScore == 500 && learner.curve.points.count == 10)
    }

    private func small(_ seed: UInt64) -> PPOConfiguration {
        var settings = PPOConfiguration()
        settings.totalSteps = 24_576
        settings.environments = 8
        settings.steps = 64
        settings.minibatch = 128
        settings.epochs = 6
        settings.learningRate = .linear(3e-3, 0)
        settings.gamma = 0.5
        settings.evaluation = .init(everySteps: 12_288, episodes: 8)
        settings.seed = seed
        return settings
    }

    /// A random choice among three to four actions is right less than half of the time; forbidden ones trap.
    @Test("Rows that share a network learn to choose, with several heads and each kind of critic", arguments: 0..<4)
    func sharedRows(_ form: Int) {
        let sources: [ActorCriticConfiguration.ValueSource] = [.separate, .shared, .state, .separate]
        var settings = small(7)
        settings.network = .init(policyLayers: [32], valueLayers: [32], value: sources[form])
        settings.normalisesObservations = form == 3
        settings.normalisesReturns = form == 3
        let learner = PPO(settings) { _ in
            MatchingWorld(agents: form == 1 ? 1 : 3, heads: form == 0 ? [4] : [3, 4], stateWidth: form == 2 ? 3 : 0)
        }
        learner.train()
        // 16 steps of reward at most 1.
        #expect(learner.bestScore > 15.5, "\(learner.bestScore)")
    }

    @Test("One seed gives the same bytes twice, another seed others") func determinism() {
        func bytes(_ seed: UInt64) -> [UInt8] {
            var settings = small(seed)
            settings.totalSteps = 4_096
            settings.normalisesObservations = true
            let learner = PPO(settings) { _ in MatchingWorld(agents: 2, heads: [3]) }
            learner.train()
            return learner.policy().tensorFile().bytes
        }
        let first = bytes(1)
        #expect(first == bytes(1))
        #expect(first != bytes(2))
    }

    @Test("An iteration allocates nothing") func allocations() {
        var settings = small(1)
        settings.steps = 32
        settings.normalisesObservations = true
        settings.normalisesReturns = true
        let learner = PPO(settings) { _ in CartPole() }
        learner.iterate()
        let before = malloc_count()
        for _ in 0..<5 { learner.iterate() }
        #expect(malloc_count() == before, "\(malloc_count() - before) allocations")
    }

    /// Reward 1, then the end: worth 1 if it is one, 1 / (1 - γ) = 5 if it is a cut at γ 0.8.
    @Test("The value of a state before a truncation goes on, before a termination it ends", arguments: [0, 1, 2])
    func truncation(_ form: Int) {
        var settings = PPOConfiguration()
        settings.totalSteps = 30_000
        settings.steps = 32
        settings.environments = 4
        settings.minibatch = 128
        settings.gamma = 0.8
        settings.learningRate = .constant(3e-3)
        settings.network = .init(policyLayers: [], valueLayers: [8])
        settings.bootstrapsTruncation = form != 2
        let learner = PPO(settings) { _ in OneStepWorld(isTruncation: form != 0) }
        learner.train()
        let memory = ObservationMemory(learner.space)
        memory.view.rows[0, 0] = 1
        var choices = [0]
        let policy = learner.policy()
        policy.decide(memory.view, into: &choices)
        let expected: Float = form == 1 ? 5 : 1
        #expect(abs(policy.value - expected) < 0.25, "\(policy.value)")
    }

    @Test("The target KL ends an update early") func targetKL() {
        let space = DecisionSpace(width: 5, heads: [4])
        var random = Xoshiro256StarStar(seed: 5)
        let rollout = rollout(space, &random)
        var configuration = PPOConfiguration()
        let network = ActorCriticNetwork(space, configuration.network, seed: 1)
        let learner = PPOLearner(
            network, minibatch: 4, adam: Adam(network.layout, configuration: .init(learningRate: 0.05)))
        configuration.targetKL = 1e-9
        let stopped = learner.update(rollout, epochs: 3, .init(configuration, progress: 0), random: &random)
        #expect(stopped.isStopped && stopped.minibatches < 9)
        configuration.targetKL = nil
        let whole = learner.update(rollout, epochs: 3, .init(configuration, progress: 0), random: &random)
        #expect(!whole.isStopped && whole.minibatches == 9)
    }
}
