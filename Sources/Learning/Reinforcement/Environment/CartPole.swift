internal import Glibc

/// CartPole-v1 of Gymnasium 1.4.0 (Barto, Sutton and Anderson 1983): keep a pole upright by pushing its cart.
///
/// Observation (x, ẋ, θ, θ̇), actions push left and right with 10 N, reward 1 a step; terminated when |x| > 2.4 or
/// |θ| > 12°, truncated after 500 steps. Euler's method with the rates before the step, 64-bit arithmetic.
public struct CartPole: Environment {
    public let space = DecisionSpace(width: 4, heads: [2])
    /// x in m, ẋ, θ in radians, θ̇.
    public var state = SIMD4<Double>.zero
    /// Steps of the episode.
    public private(set) var steps = 0

    /// Steps after which an episode is truncated.
    public static let stepsMax = 500

    /// At rest; `reset` starts an episode.
    public init() {}

    public mutating func reset(_ episode: Episode) {
        var random = episode.random
        for index in 0..<4 { state[index] = -0.05 + 0.1 * random.uniform() }
        steps = 0
    }

    public func observe(_ view: ObservationView) {
        for index in 0..<4 { view.rows[0, index] = Float(state[index]) }
    }

    public mutating func step(_ choices: Span<Int>) -> Transition {
        let force = choices[0] == 1 ? 10.0 : -10.0
        let cosine = cos(state[2])
        let sine = sin(state[2])
        let push = (force + 0.05 * state[3] * state[3] * sine) / 1.1
        let turn = (9.8 * sine - cosine * push) / (0.5 * (4.0 / 3 - 0.1 * cosine * cosine / 1.1))
        let drive = push - 0.05 * turn * cosine / 1.1
        state += 0.02 * SIMD4(state[1], drive, state[3], turn)
        steps += 1
        let isTerminated = abs(state[0]) > 2.4 || abs(state[2]) > 12 * 2 * Double.pi / 360
        return Transition(reward: 1, isTerminated: isTerminated, isTruncated: steps >= Self.stepsMax)
    }
}
