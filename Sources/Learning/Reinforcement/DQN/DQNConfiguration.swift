/// Settings of deep Q-learning (Mnih et al. 2015) with double, dueling, n-step and prioritised variants.
///
/// | | `init()` | `.cleanRL` |
/// | --- | --- | --- |
/// | network | 128-128, streams of 64, dueling | 120-84 |
/// | learning rate, Adam ε | 5e-4 to 1e-4, 1e-5 | 2.5e-4, 1e-8 |
/// | memory, batch, start | 100,000, 64, 2,000 | 10,000, 128, 10,000 |
/// | trained every | 4 steps | 10 steps |
/// | target | copied every 4,000 steps | copied every 500 steps |
/// | γ, n | 0.97, 3 | 0.99, 1 |
/// | ε | 1 to 0.05 over 20 % | 1 to 0.05 over 50 % |
/// | loss, gradient norm | Huber, 10 | mean squared, any |
public struct DQNConfiguration: Sendable {
    /// How the target network follows.
    public enum Target: Sendable, Equatable {
        /// A copy every so many steps of single environments.
        case hard(everySteps: Int)
        /// target += τ (online - target) after each update.
        case soft(tau: Float)
    }

    /// How the values of several agents or heads make up the value of a decision; all are equal for a single choice.
    public enum Combination: String, Sendable, CaseIterable {
        /// Each choice has a target and an error of its own; all get the whole reward.
        case independent
        /// One target from the mean of the next values, an error for each choice (branching, Tavakoli et al. 2018).
        case branching
        /// One error of the sum of the values (value decomposition, Sunehag et al. 2018).
        case sum
        /// One error of the mean of the values.
        case mean
    }

    /// What a random action replaces.
    public enum Exploration: String, Sendable {
        /// The whole decision at once.
        case decision
        /// Each choice by itself.
        case choice
    }

    /// Budget in steps of single environments.
    public var totalSteps = 200_000
    /// Environments that act side by side.
    public var environments = 1
    /// Step size of Adam.
    public var learningRate = Schedule.linear(5e-4, 1e-4)
    /// Adam's ε.
    public var adamEpsilon: Float = 1e-5
    /// Largest norm of the gradient; nil clips nothing.
    public var gradientNormMax: Double? = 10
    /// Discount.
    public var gamma: Float = 0.97
    /// Transitions of an update.
    public var batch = 64
    /// Transitions kept.
    public var memory = 100_000
    /// Steps before the first update.
    public var learningStarts = 2_000
    /// Steps between updates.
    public var trainEvery = 4
    /// Updates each time.
    public var updatesPerTraining = 1
    /// Rewards summed before the value of a later state stands in.
    public var nStep = 3
    /// The online network chooses the next action, the target network values it (van Hasselt et al. 2016).
    public var isDouble = true
    /// How the target network follows.
    public var target = Target.hard(everySteps: 4_000)
    /// Probability of a random allowed action.
    public var epsilon = Schedule.linear(1, 0.05, over: 0.2)
    /// What a random action replaces.
    public var exploration = Exploration.choice
    /// `.meanSquared` or `.huber`.
    public var loss = Loss.huber(beta: 1)
    /// Replay by error; nil replays uniformly.
    public var prioritised: PrioritisedReplay? = PrioritisedReplay()
    /// How several choices make up a decision.
    public var combination = Combination.independent
    /// Normalises features by running statistics, which a policy's file keeps.
    public var normalisesObservations = false
    /// Largest normalised feature.
    public var observationLimit: Float = 5
    /// Sizes.
    public var network = ActionValueConfiguration()
    /// When and how checkpoints are judged.
    public var evaluation = GreedyEvaluation.Configuration()
    /// Root of all random streams.
    public var seed: UInt64 = 1

    /// The defaults above.
    public init() {}

    /// The settings of CleanRL's `dqn.py`, 500,000 steps.
    public static var cleanRL: DQNConfiguration {
        var settings = DQNConfiguration()
        settings.totalSteps = 500_000
        settings.learningRate = .constant(2.5e-4)
        settings.adamEpsilon = 1e-8
        settings.gradientNormMax = nil
        settings.gamma = 0.99
        settings.batch = 128
        settings.memory = 10_000
        settings.learningStarts = 10_000
        settings.trainEvery = 10
        settings.nStep = 1
        settings.isDouble = false
        settings.target = .hard(everySteps: 500)
        settings.epsilon = .linear(1, 0.05, over: 0.5)
        settings.loss = .meanSquared
        settings.prioritised = nil
        settings.network = ActionValueConfiguration(layers: [120, 84], isDueling: false)
        return settings
    }

    /// Traps on a setting that means nothing.
    func check() {
        precondition(totalSteps > 0 && environments > 0 && batch > 0 && memory > 0, "sizes of DQN")
        precondition(trainEvery > 0 && updatesPerTraining > 0 && nStep > 0 && learningStarts >= 0, "steps of DQN")
        precondition((0...1).contains(gamma), "γ \(gamma)")
        precondition(loss.outputsPerTarget == 1, "a loss of action values")
        switch target {
        case .hard(let steps): precondition(steps > 0, "a target that is never copied")
        case .soft(let tau): precondition(tau > 0 && tau <= 1, "τ \(tau)")
        }
        if case .pinball = loss { preconditionFailure("a loss of action values") }
        evaluation.check()
    }
}
