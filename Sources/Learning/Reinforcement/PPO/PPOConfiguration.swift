/// Settings of proximal policy optimisation (Schulman et al. 2017).
///
/// | | `init()` | `.cartPole` (RL zoo) | `.cleanRL` |
/// | --- | --- | --- | --- |
/// | environments x steps | 8 x 256 | 8 x 32 | 4 x 128 |
/// | minibatch, epochs | 256, 10 | 256, 20 | 128, 4 |
/// | learning rate | 3e-4 to 0 | 1e-3 to 0 | 2.5e-4 to 0 |
/// | γ, λ | 0.97, 0.95 | 0.98, 0.8 | 0.99, 0.95 |
/// | clip, value clip | 0.2, off | 0.2 to 0, off | 0.2, 0.2 |
/// | entropy, value coefficient | 0.01 to 0.001, 0.5 | 0, 0.5 | 0.01, 0.25 |
/// | truncation | bootstraps | bootstraps | as an end |
public struct PPOConfiguration: Sendable {
    /// Budget in steps of single environments.
    public var totalSteps = 200_000
    /// Environments that act side by side.
    public var environments = 8
    /// Steps of each environment between two updates.
    public var steps = 256
    /// Decisions of a gradient step; a rest makes a smaller one.
    public var minibatch = 256
    /// Passes over the collected decisions.
    public var epochs = 10
    /// Step size of Adam.
    public var learningRate = Schedule.linear(3e-4, 0)
    /// Adam's ε.
    public var adamEpsilon: Float = 1e-5
    /// Largest norm of the gradient.
    public var gradientNormMax: Double? = 0.5
    /// Discount.
    public var gamma: Float = 0.97
    /// Decay of generalised advantage estimation.
    public var lambda: Float = 0.95
    /// Range of the probability ratio around 1.
    public var clip = Schedule.constant(0.2)
    /// Range of the value around the old one; nil clips nothing.
    public var valueClip: Float?
    /// Weight of the mean squared error of the values.
    public var valueCoefficient: Float = 0.5
    /// Weight of the entropy, the sum over agents and heads.
    public var entropy = Schedule.linear(0.01, 0.001)
    /// Advantages of a minibatch have mean 0 and deviation 1.
    public var normalisesAdvantages = true
    /// No further update of an iteration once a minibatch's approximate KL divergence exceeds 1.5 times this, as in
    /// Stable-Baselines3.
    public var targetKL: Double?
    /// Adds γ V(s') to the reward of a truncated step; otherwise truncation counts as termination.
    public var bootstrapsTruncation = true
    /// Divides rewards by the running deviation of the discounted return.
    public var normalisesReturns = false
    /// Normalises features by running statistics, which a policy's file keeps.
    public var normalisesObservations = false
    /// Largest normalised feature.
    public var observationLimit: Float = 5
    /// Sizes.
    public var network = ActorCriticConfiguration()
    /// When and how checkpoints are judged.
    public var evaluation = GreedyEvaluation.Configuration()
    /// Root of all random streams.
    public var seed: UInt64 = 1

    /// The defaults above.
    public init() {}

    /// RL Baselines3 Zoo's settings for CartPole-v1, 100,000 steps.
    public static var cartPole: PPOConfiguration {
        var settings = PPOConfiguration()
        settings.totalSteps = 100_000
        settings.steps = 32
        settings.epochs = 20
        settings.learningRate = .linear(1e-3, 0)
        settings.gamma = 0.98
        settings.lambda = 0.8
        settings.clip = .linear(0.2, 0)
        settings.entropy = .constant(0)
        return settings
    }

    /// The settings of CleanRL's `ppo.py`, 500,000 steps.
    public static var cleanRL: PPOConfiguration {
        var settings = PPOConfiguration()
        settings.totalSteps = 500_000
        settings.environments = 4
        settings.steps = 128
        settings.minibatch = 128
        settings.epochs = 4
        settings.learningRate = .linear(2.5e-4, 0)
        settings.gamma = 0.99
        settings.valueClip = 0.2
        settings.valueCoefficient = 0.25
        settings.entropy = .constant(0.01)
        settings.bootstrapsTruncation = false
        return settings
    }

    /// Traps on a setting that means nothing.
    func check() {
        precondition(totalSteps > 0 && environments > 0 && steps > 0 && minibatch > 0 && epochs > 0, "sizes of PPO")
        precondition((0...1).contains(gamma) && (0...1).contains(lambda), "γ \(gamma), λ \(lambda)")
        precondition(valueClip.map { $0 > 0 } ?? true, "a value clip that is not positive")
        precondition(targetKL.map { $0 > 0 } ?? true, "a target KL that is not positive")
        evaluation.check()
    }
}
