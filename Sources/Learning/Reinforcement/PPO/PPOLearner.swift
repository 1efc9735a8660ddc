internal import Glibc

/// The update of PPO: minibatches of a rollout, the clipped loss, its gradient, Adam; knows no environment.
package final class PPOLearner {
    /// Means over the minibatches of an update.
    package struct Diagnostics {
        package var policyLoss = 0.0
        package var valueLoss = 0.0
        package var entropy = 0.0
        /// mean((ratio - 1) - log ratio) of the last minibatch.
        package var approximateKL = 0.0
        package var clipFraction = 0.0
        package var minibatches = 0
        /// Whether the target KL ended the update early.
        package var isStopped = false
        /// Minibatches whose gradient was not finite and changed nothing.
        package var refused = 0
    }

    /// The settings of one update, schedules already evaluated.
    package struct Settings {
        var clip: Float
        var valueClip: Float?
        var valueCoefficient: Float
        var entropy: Float
        var normalisesAdvantages: Bool
        var targetKL: Double?

        /// The settings of `configuration` after `progress` of the budget.
        package init(_ configuration: PPOConfiguration, progress: Double) {
            clip = configuration.clip.value(at: progress)
            valueClip = configuration.valueClip
            valueCoefficient = configuration.valueCoefficient
            entropy = configuration.entropy.value(at: progress)
            normalisesAdvantages = configuration.normalisesAdvantages
            targetKL = configuration.targetKL
        }
    }

    package let network: ActorCriticNetwork
    let adam: Adam
    let memory: ActorCriticMemory
    package let gradients: Floats
    private let gradientBuffer: FloatBuffer
    private let minibatch: Int
    private let gathered: ObservationMemory
    private var order: [Int] = []
    private var advantages: [Float]

    package init(_ network: ActorCriticNetwork, minibatch: Int, adam: Adam) {
        self.network = network
        self.adam = adam
        self.minibatch = minibatch
        memory = ActorCriticMemory(network, countMax: minibatch, training: true)
        gradientBuffer = FloatBuffer(count: network.layout.count)
        gradients = gradientBuffer.floats
        gathered = ObservationMemory(network.space, count: minibatch)
        advantages = [Float](repeating: 0, count: minibatch)
    }

    /// `epochs` passes over `rollout` in random minibatches.
    package func update(
        _ rollout: Rollout, epochs: Int, _ settings: Settings, random: inout Xoshiro256StarStar
    ) -> Diagnostics {
        if order.count != rollout.count { order = Array(0..<rollout.count) }
        var sums = Diagnostics()
        pass: for _ in 0..<epochs {
            random.shuffle(&order)
            for start in stride(from: 0, to: order.count, by: minibatch) {
                let picked = start..<min(start + minibatch, order.count)
                computeGradient(rollout, picked, settings, &sums)
                if let target = settings.targetKL, sums.approximateKL > 1.5 * target {
                    sums.isStopped = true
                    break pass
                }
                if !adam.update(network.values, gradients: gradients).isFinite { sums.refused += 1 }
            }
        }
        let count = Double(max(sums.minibatches, 1))
        sums.policyLoss /= count
        sums.valueLoss /= count
        sums.entropy /= count
        sums.clipFraction /= count
        return sums
    }

    /// Losses and gradient of a rollout that fits into one minibatch.
    package func computeGradient(_ rollout: Rollout, _ settings: Settings) -> Diagnostics {
        order = Array(0..<rollout.count)
        var sums = Diagnostics()
        computeGradient(rollout, 0..<rollout.count, settings, &sums)
        return sums
    }

    /// Gradient of the loss of the decisions `order[picked]`; adds losses to `sums`.
    private func computeGradient(
        _ rollout: Rollout, _ picked: Range<Int>, _ settings: Settings, _ sums: inout Diagnostics
    ) {
        gather(rollout, picked, settings)
        let count = picked.count
        let space = network.space
        let agents = 0..<count * space.agents
        let rows = gathered.rows.rows(agents)
        let state = gathered.state.rows(0..<count)
        let allowed = gathered.allowed.rows(agents)
        let logProbabilities = network.logProbabilities(rows: rows, allowed: allowed, memory)
        let values = network.stateValues(count: count, rows: rows, state: state, memory)
        let share = 1 / Float(count)
        var (policyLoss, valueLoss, entropy, divergence, clipped) = (0.0, 0.0, 0.0, 0.0, 0)
        for slot in 0..<count {
            let at = order[picked.lowerBound + slot]
            let old = rollout.logProbabilities[at]
            let now = logProbability(logProbabilities, slot, rollout, at)
            let ratio = expf(now - old)
            let term = PPOLoss.policy(ratio: ratio, advantage: advantages[slot], clip: settings.clip)
            let valueTerm = PPOLoss.value(
                values[slot], target: rollout.returns[at], old: rollout.values[at], clip: settings.valueClip)
            memory.valueGradient[slot] = settings.valueCoefficient * valueTerm.slope * share
            entropy += Double(
                setLogitsGradient(
                    logProbabilities, slot, rollout, at, weight: term.slope * ratio * share,
                    entropyWeight: -settings.entropy * share))
            policyLoss += Double(term.loss)
            valueLoss += Double(valueTerm.loss)
            divergence += Double((ratio - 1) - (now - old))
            if abs(ratio - 1) > settings.clip { clipped += 1 }
        }
        gradients.fill(0)
        network.backward(gradients: gradients, count: count, rows: rows, state: state, memory)
        sums.policyLoss += policyLoss / Double(count)
        sums.valueLoss += valueLoss / Double(count)
        sums.entropy += entropy / Double(count)
        sums.clipFraction += Double(clipped) / Double(count)
        sums.approximateKL = divergence / Double(count)
        sums.minibatches += 1
    }

    /// Brings the decisions `order[picked]` and their advantages together.
    private func gather(_ rollout: Rollout, _ picked: Range<Int>, _ settings: Settings) {
        for (slot, place) in picked.enumerated() {
            gathered.copy(slot, from: rollout.moments, order[place])
            advantages[slot] = rollout.advantages[order[place]]
        }
        if settings.normalisesAdvantages { normaliseAdvantages(picked.count) }
    }

    /// Mean 0 and sample deviation 1 over the first `count`; a single one stays.
    private func normaliseAdvantages(_ count: Int) {
        guard count > 1 else { return }
        var mean = 0.0
        for index in 0..<count { mean += Double(advantages[index]) }
        mean /= Double(count)
        var squares = 0.0
        for index in 0..<count { squares += (Double(advantages[index]) - mean) * (Double(advantages[index]) - mean) }
        let deviation = (squares / Double(count - 1)).squareRoot() + 1e-8
        for index in 0..<count { advantages[index] = Float((Double(advantages[index]) - mean) / deviation) }
    }

    /// Σ log p of the choices of decision `at`, in slot `slot` of the batch.
    private func logProbability(_ logProbabilities: Matrix, _ slot: Int, _ rollout: Rollout, _ at: Int) -> Float {
        network.space.logProbability(logProbabilities, slot) { rollout.choices[at * network.space.choices + $0] }
    }

    /// Writes the gradient of the logits of a decision and returns the entropy of its choices.
    private func setLogitsGradient(
        _ logProbabilities: Matrix, _ slot: Int, _ rollout: Rollout, _ at: Int, weight: Float, entropyWeight: Float
    ) -> Float {
        let space = network.space
        var entropy: Float = 0
        for agent in 0..<space.agents {
            let row = logProbabilities.row(slot * space.agents + agent)
            let gradient = memory.logitsGradient.row(slot * space.agents + agent)
            for (head, columns) in memory.heads.enumerated() {
                let choice = rollout.choices[at * space.choices + agent * memory.heads.count + head]
                CategoricalHead.backward(
                    row[columns], action: choice, weight: weight, entropyWeight: entropyWeight,
                    gradient: gradient[columns])
                entropy += CategoricalHead.entropy(row[columns])
            }
        }
        return entropy
    }
}

/// The terms of PPO's loss for one decision, with their slopes.
public enum PPOLoss {
    /// max(-A r, -A clip(r, 1 ± clip)) and its slope by the ratio r.
    public static func policy(ratio: Float, advantage: Float, clip: Float) -> (loss: Float, slope: Float) {
        let plain = -advantage * ratio
        let cut = -advantage * min(max(ratio, 1 - clip), 1 + clip)
        return plain >= cut ? (plain, -advantage) : (cut, 0)
    }

    /// (V - R)², or with `clip` the larger of it and that of V held within ± clip of the old value; and the slope by V.
    public static func value(_ value: Float, target: Float, old: Float, clip: Float?) -> (loss: Float, slope: Float) {
        let plain = (value - target) * (value - target)
        guard let clip else { return (plain, 2 * (value - target)) }
        let held = old + min(max(value - old, -clip), clip)
        let cut = (held - target) * (held - target)
        if cut > plain { return (cut, abs(value - old) < clip ? 2 * (held - target) : 0) }
        return (plain, 2 * (value - target))
    }
}

extension DecisionSpace {
    /// Σ over agents and heads of log p of the choices of state `slot`; `choice` gives them by number.
    @inline(__always)
    func logProbability(_ logProbabilities: Matrix, _ slot: Int, _ choice: (Int) -> Int) -> Float {
        var sum: Float = 0
        var number = 0
        for agent in 0..<agents {
            let row = logProbabilities.row(slot * agents + agent)
            var start = 0
            for count in heads {
                sum += row[start + choice(number)]
                start += count
                number += 1
            }
        }
        return sum
    }
}
