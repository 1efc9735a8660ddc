internal import Glibc

/// Acrobot-v1 of Gymnasium 1.4.0 (Sutton 1996, with the dynamics of Sutton and Barto's book): swing two links up.
///
/// Observation (cos θ₁, sin θ₁, cos θ₂, sin θ₂, θ̇₁, θ̇₂), actions torque -1, 0, 1 on the joint, reward -1 a step and 0 on
/// the one that lifts the tip above one link's length; truncated after 500 steps. Runge-Kutta of order 4 over 0.2 s.
public struct Acrobot: Environment {
    public let space = DecisionSpace(width: 6, heads: [3])
    /// θ₁, θ₂, θ̇₁, θ̇₂.
    public var state = SIMD4<Double>.zero
    /// Steps of the episode.
    public private(set) var steps = 0

    /// Steps after which an episode is truncated.
    public static let stepsMax = 500

    /// At rest; `reset` starts an episode.
    public init() {}

    public mutating func reset(_ episode: Episode) {
        var random = episode.random
        for index in 0..<4 { state[index] = -0.1 + 0.2 * random.uniform() }
        steps = 0
    }

    public func observe(_ view: ObservationView) {
        for link in 0..<2 {
            view.rows[0, 2 * link] = Float(cos(state[link]))
            view.rows[0, 2 * link + 1] = Float(sin(state[link]))
            view.rows[0, 4 + link] = Float(state[2 + link])
        }
    }

    public mutating func step(_ choices: Span<Int>) -> Transition {
        let torque = Double(choices[0] - 1)
        let k1 = Self.rates(state, torque)
        let k2 = Self.rates(state + 0.1 * k1, torque)
        let k3 = Self.rates(state + 0.1 * k2, torque)
        let k4 = Self.rates(state + 0.2 * k3, torque)
        let slope: SIMD4<Double> = k1 + 2.0 * (k2 + k3) + k4
        state += (0.2 / 6) * slope
        for index in 0..<2 { state[index] = Self.wrapped(state[index]) }
        state[2] = min(max(state[2], -4 * Double.pi), 4 * Double.pi)
        state[3] = min(max(state[3], -9 * Double.pi), 9 * Double.pi)
        steps += 1
        let isTerminated = -cos(state[0]) - cos(state[0] + state[1]) > 1
        return Transition(
            reward: isTerminated ? 0 : -1, isTerminated: isTerminated, isTruncated: steps >= Self.stepsMax)
    }

    /// Time derivatives of the state: all masses, lengths and inertias 1, centres of mass at 0.5, g 9.8.
    static func rates(_ state: SIMD4<Double>, _ torque: Double) -> SIMD4<Double> {
        let (first, second) = (state[0], state[1])
        let (rate1, rate2) = (state[2], state[3])
        let d1 = 0.25 + (1 + 0.25 + cos(second)) + 2
        let d2 = 0.25 + 0.5 * cos(second) + 1
        let phi2 = 0.5 * 9.8 * cos(first + second - .pi / 2)
        let coupling = -0.5 * rate2 * rate2 * sin(second) - rate2 * rate1 * sin(second)
        let phi1 = coupling + 1.5 * 9.8 * cos(first - .pi / 2) + phi2
        let drive = torque + d2 / d1 * phi1 - 0.5 * rate1 * rate1 * sin(second) - phi2
        let acceleration2 = drive / (0.25 + 1 - d2 * d2 / d1)
        return SIMD4(rate1, rate2, -(d2 * acceleration2 + phi1) / d1, acceleration2)
    }

    /// An angle within ±π.
    private static func wrapped(_ angle: Double) -> Double {
        var angle = angle
        while angle > .pi { angle -= 2 * .pi }
        while angle < -.pi { angle += 2 * .pi }
        return angle
    }
}
