/// What PPO collected since its last update: `steps` decisions of each of `environments`, at index
/// step · environments + environment.
package final class Rollout {
    package let space: DecisionSpace
    package let environments: Int
    package let steps: Int
    /// Decisions, then the moment after the last decision of each environment.
    package let moments: ObservationMemory
    /// `space.choices` a decision.
    package var choices: [Int]
    /// Of the whole decision when it was made.
    package let logProbabilities: Floats
    package let rewards: Floats
    /// V of each moment, also after the last decision.
    package let values: Floats
    /// 1 where the episode ended with the decision.
    package let ends: Floats
    package let advantages: Floats
    /// Advantage plus value: what the critic learns.
    package let returns: Floats
    private let buffers: [FloatBuffer]

    /// Number of decisions.
    package var count: Int { steps * environments }

    package init(_ space: DecisionSpace, environments: Int, steps: Int) {
        self.space = space
        self.environments = environments
        self.steps = steps
        moments = ObservationMemory(space, count: (steps + 1) * environments)
        let count = steps * environments
        choices = [Int](repeating: 0, count: count * space.choices)
        buffers = [count, count, count + environments, count, count, count].map { FloatBuffer(count: $0) }
        logProbabilities = buffers[0].floats
        rewards = buffers[1].floats
        values = buffers[2].floats
        ends = buffers[3].floats
        advantages = buffers[4].floats
        returns = buffers[5].floats
    }

    /// Rows, features of the state and masks of all environments at `step`.
    func batch(_ step: Int) -> (rows: Matrix, state: Matrix, allowed: Matrix) {
        let first = step * environments
        let agents = first * space.agents..<(first + environments) * space.agents
        return (
            moments.rows.rows(agents), moments.state.rows(first..<first + environments), moments.allowed.rows(agents)
        )
    }

    /// Makes the last moments the first ones.
    func rewind() {
        for environment in 0..<environments { moments.copy(environment, from: moments, count + environment) }
    }

    func estimateAdvantages(gamma: Float, lambda: Float) {
        AdvantageEstimate.compute(
            rewards: rewards, values: values, ends: ends, environments: environments, gamma: gamma, lambda: lambda,
            advantages: advantages, returns: returns)
    }
}

/// Generalised advantage estimation (Schulman et al. 2016).
public enum AdvantageEstimate {
    /// From the last step backwards δ = r + γ V' (1 - end) - V, A = δ + γ λ (1 - end) A', return = A + V.
    ///
    /// `rewards` and `ends` (1 where an episode ended) lie at step · environments + environment; `values` has one step
    /// more. Bootstrapping at a time limit is the caller's: by γ V(s') in the reward.
    public static func compute(
        rewards: Floats, values: Floats, ends: Floats, environments: Int, gamma: Float, lambda: Float,
        advantages: Floats, returns: Floats
    ) {
        let count = rewards.count
        precondition(environments > 0 && count % environments == 0, "rewards of \(environments) environments")
        precondition(values.count == count + environments && ends.count == count, "values and ends of another length")
        for environment in 0..<environments {
            var carried: Float = 0
            for index in stride(from: count - environments + environment, through: 0, by: -environments) {
                let goesOn = 1 - ends[index]
                let delta = rewards[index] + gamma * values[index + environments] * goesOn - values[index]
                carried = delta + gamma * lambda * goesOn * carried
                advantages[index] = carried
                returns[index] = carried + values[index]
            }
        }
    }
}
