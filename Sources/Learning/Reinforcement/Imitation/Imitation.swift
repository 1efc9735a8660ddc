/// Behaviour cloning: a policy learns to choose as a rule did, by cross-entropy; the critic learns the known returns.
public enum Imitation {
    /// Settings.
    public struct Configuration: Sendable, Equatable {
        /// Passes over the demonstrations.
        public var epochs = 10
        /// Moments of a gradient step.
        public var batch = 256
        /// Step size of Adam.
        public var learningRate: Float = 1e-3
        /// Weight of the mean squared error of the values beside the cross-entropy of a choice.
        public var valueCoefficient: Float = 0.5
        /// Largest norm of the gradient.
        public var gradientNormMax: Double? = 1
        /// Order of the moments.
        public var seed: UInt64 = 1

        /// The defaults above.
        public init() {}
    }

    /// How well the policy does what the rule did, over the last pass.
    public struct Outcome: Sendable, Equatable {
        /// Mean of -log p of the rule's choices.
        public var crossEntropy = 0.0
        /// Share of choices where the greedy action was the rule's.
        public var agreement = 0.0
        /// Mean squared error of the known returns.
        public var valueLoss = 0.0
    }
}

extension PPO {
    /// Starts the policy from demonstrations, before `train`; with normalised observations their statistics too.
    public func imitate(
        _ demonstrations: Demonstrations, _ settings: Imitation.Configuration = Imitation.Configuration()
    ) -> Imitation.Outcome {
        precondition(demonstrations.space == space, "demonstrations of another space")
        precondition(settings.epochs > 0 && settings.batch > 0, "an imitation of nothing")
        guard demonstrations.count > 0 else { return Imitation.Outcome() }
        if configuration.normalisesObservations {
            for index in 0..<demonstrations.count { normaliser.update(demonstrations.moments[index]) }
        }
        let imitator = Imitator(
            network, settings, normaliser: configuration.normalisesObservations ? normaliser : nil)
        return imitator.run(demonstrations)
    }
}

/// Memory of behaviour cloning.
private final class Imitator {
    private let network: ActorCriticNetwork
    private let settings: Imitation.Configuration
    private let normaliser: ObservationNormaliser?
    private let memory: ActorCriticMemory
    private let batch: ObservationMemory
    private let gradients: FloatBuffer
    private let adam: Adam

    init(_ network: ActorCriticNetwork, _ settings: Imitation.Configuration, normaliser: ObservationNormaliser?) {
        self.network = network
        self.settings = settings
        self.normaliser = normaliser
        memory = ActorCriticMemory(network, countMax: settings.batch, training: true)
        batch = ObservationMemory(network.space, count: settings.batch)
        gradients = FloatBuffer(count: network.layout.count)
        adam = Adam(
            network.layout,
            configuration: Adam.Configuration(
                learningRate: settings.learningRate, clipNorm: settings.gradientNormMax))
    }

    func run(_ demonstrations: Demonstrations) -> Imitation.Outcome {
        var random = Xoshiro256StarStar(seed: settings.seed).split("imitation")
        var order = Array(0..<demonstrations.count)
        var outcome = Imitation.Outcome()
        for _ in 0..<settings.epochs {
            random.shuffle(&order)
            outcome = Imitation.Outcome()
            var known = 0
            for start in stride(from: 0, to: order.count, by: settings.batch) {
                let picked = order[start..<min(start + settings.batch, order.count)]
                known += step(demonstrations, picked, &outcome)
            }
            let choices = Double(demonstrations.count * network.space.choices)
            outcome.crossEntropy /= choices
            outcome.agreement /= choices
            outcome.valueLoss /= Double(max(known, 1))
        }
        return outcome
    }

    /// One gradient step; adds sums to `outcome` and returns the number of known returns.
    private func step(
        _ demonstrations: Demonstrations, _ picked: ArraySlice<Int>, _ outcome: inout Imitation.Outcome
    ) -> Int {
        let space = network.space
        let count = picked.count
        for (slot, index) in picked.enumerated() {
            batch.copy(slot, from: demonstrations.moments, index)
            normaliser?.apply(batch[slot])
        }
        let rows = batch.rows.rows(0..<count * space.agents)
        let allowed = batch.allowed.rows(0..<count * space.agents)
        let state = batch.state.rows(0..<count)
        let logProbabilities = network.logProbabilities(rows: rows, allowed: allowed, memory)
        let values = network.stateValues(count: count, rows: rows, state: state, memory)
        let known = picked.reduce(0) { $0 + (demonstrations.returns[$1].isFinite ? 1 : 0) }
        for (slot, index) in picked.enumerated() {
            let target = demonstrations.returns[index]
            let error = target.isFinite ? values[slot] - target : 0
            memory.valueGradient[slot] = settings.valueCoefficient * 2 * error / Float(max(known, 1))
            outcome.valueLoss += Double(error * error)
        }
        let weight = -1 / Float(count * space.choices)
        for (slot, index) in picked.enumerated() {
            var number = index * space.choices
            for row in slot * space.agents..<(slot + 1) * space.agents {
                for columns in memory.heads {
                    let line = logProbabilities.row(row)[columns]
                    let choice = demonstrations.choices[number]
                    CategoricalHead.backward(
                        line, action: choice, weight: weight, entropyWeight: 0,
                        gradient: memory.logitsGradient.row(row)[columns])
                    outcome.crossEntropy -= Double(line[choice])
                    if DiscretePolicy.best(line, allowed.row(row)[columns]) == choice { outcome.agreement += 1 }
                    number += 1
                }
            }
        }
        gradients.floats.fill(0)
        network.backward(gradients: gradients.floats, count: count, rows: rows, state: state, memory)
        adam.update(network.values, gradients: gradients.floats)
        return known
    }
}
