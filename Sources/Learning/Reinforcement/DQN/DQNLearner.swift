internal import Glibc

/// The update of DQN: a batch of transitions, targets, errors, their gradient, Adam; knows no environment.
package final class DQNLearner {
    let configuration: DQNConfiguration
    package let online: ActionValueNetwork
    package let target: ActionValueNetwork
    let adam: Adam
    package let gradients: Floats
    private let gradientBuffer: FloatBuffer
    private let memory: ActionValueMemory
    private let targetMemory: ActionValueMemory
    private let batchBefore: ObservationMemory
    private let batchAfter: ObservationMemory
    private let weightBuffer: FloatBuffer
    /// Transitions of the batch.
    package private(set) var slots: [Int]
    /// Best next action of each choice of the batch.
    private var nextChoices: [Int]
    /// Magnitude of the error of each transition of the last batch.
    package private(set) var errors: [Float]
    private let space: DecisionSpace

    package init(_ space: DecisionSpace, _ configuration: DQNConfiguration) {
        self.space = space
        self.configuration = configuration
        online = ActionValueNetwork(space, configuration.network, seed: configuration.seed)
        target = ActionValueNetwork(space, configuration.network, seed: configuration.seed)
        var adam = Adam.Configuration(
            learningRate: configuration.learningRate.start, clipNorm: configuration.gradientNormMax)
        adam.epsilon = configuration.adamEpsilon
        self.adam = Adam(online.layout, configuration: adam)
        gradientBuffer = FloatBuffer(count: online.layout.count)
        gradients = gradientBuffer.floats
        memory = ActionValueMemory(online, countMax: configuration.batch, training: true)
        targetMemory = ActionValueMemory(target, countMax: configuration.batch, training: false)
        batchBefore = ObservationMemory(space.rowsOnly, count: configuration.batch)
        batchAfter = ObservationMemory(space.rowsOnly, count: configuration.batch)
        weightBuffer = FloatBuffer(count: configuration.batch)
        slots = [Int](repeating: 0, count: configuration.batch)
        nextChoices = [Int](repeating: 0, count: configuration.batch * space.choices)
        errors = [Float](repeating: 0, count: configuration.batch)
    }

    /// One step on a fresh batch; returns the mean loss. A gradient that is not finite changes nothing.
    package func update(
        _ replay: ReplayMemory, normaliser: ObservationNormaliser?, beta: Float, random: inout Xoshiro256StarStar
    ) -> Double {
        replay.sample(&slots, weights: weightBuffer.floats, beta: beta, random: &random)
        let loss = computeGradient(replay, normaliser: normaliser)
        adam.update(online.values, gradients: gradients)
        for (index, slot) in slots.enumerated() { replay.setPriority(slot, error: errors[index]) }
        if case .soft(let tau) = configuration.target {
            let (from, to) = (online.values, target.values)
            to.forEachVector { at, lanes in
                let old = to.vector(at: at, lanes: lanes)
                to.setVector(old + (from.vector(at: at, lanes: lanes) - old) * tau, at: at, lanes: lanes)
            }
        }
        return loss
    }

    /// Makes the target network equal to the online one.
    func copyTarget() { target.values.copy(from: online.values) }

    /// Gradient and mean loss of the transitions `slots`, as many as a batch, all of weight 1.
    package func computeGradient(_ replay: ReplayMemory, slots: [Int]) -> Double {
        precondition(slots.count == configuration.batch, "a batch of \(configuration.batch)")
        self.slots = slots
        weightBuffer.floats.fill(1)
        return computeGradient(replay, normaliser: nil)
    }

    /// Gradient and mean loss of the transitions in `slots`, weighted.
    func computeGradient(_ replay: ReplayMemory, normaliser: ObservationNormaliser?) -> Double {
        for (index, slot) in slots.enumerated() {
            batchBefore.copy(index, from: replay.before, slot)
            batchAfter.copy(index, from: replay.after, slot)
        }
        if let normaliser {
            normaliser.rows.apply(batchBefore.rows)
            normaliser.rows.apply(batchAfter.rows)
        }
        let next = target.actionValues(rows: batchAfter.rows, allowed: batchAfter.allowed, targetMemory)
        let choosing =
            configuration.isDouble
            ? online.actionValues(rows: batchAfter.rows, allowed: batchAfter.allowed, memory) : next
        chooseNext(choosing)
        let values = online.actionValues(rows: batchBefore.rows, allowed: batchBefore.allowed, memory)
        memory.outputGradient.fill(0)
        var loss = 0.0
        for index in slots.indices { loss += setGradient(index, values: values, next: next, replay) }
        gradients.fill(0)
        online.backward(gradients: gradients, rows: batchBefore.rows, allowed: batchBefore.allowed, memory)
        return loss / Double(slots.count)
    }

    /// The best allowed next action of each choice.
    private func chooseNext(_ scores: Matrix) {
        var number = 0
        for row in 0..<scores.rows {
            for columns in memory.heads {
                nextChoices[number] = DiscretePolicy.best(
                    scores.row(row)[columns], batchAfter.allowed.row(row)[columns])
                number += 1
            }
        }
    }

    /// Error and gradient of one transition; returns its weighted loss.
    private func setGradient(_ index: Int, values: Matrix, next: Matrix, _ replay: ReplayMemory) -> Double {
        let slot = slots[index]
        let reward = replay.rewards[slot]
        let discount = replay.discounts[slot]
        let weight = weightBuffer.floats[index]
        let choices = Float(space.choices)
        var sums: (value: Float, next: Float) = (0, 0)
        if configuration.combination != .independent {
            forEachChoice(index, replay) { row, column, nextColumn in
                sums.value += values[row, column]
                sums.next += next[row, nextColumn]
            }
        }
        let share = weight / Float(slots.count)
        var loss: Float = 0
        var magnitude: Float = 0
        switch configuration.combination {
        case .independent, .branching:
            let common = configuration.combination == .branching ? sums.next / choices : nil
            forEachChoice(index, replay) { row, column, nextColumn in
                let error = values[row, column] - (reward + discount * (common ?? next[row, nextColumn]))
                let term = configuration.loss.term(error)
                memory.outputGradient[row, column] = term.slope * share / choices
                loss += term.loss / choices
                magnitude += abs(error) / choices
            }
        case .sum, .mean:
            let scale = configuration.combination == .mean ? 1 / choices : 1
            let error = scale * sums.value - (reward + discount * scale * sums.next)
            let term = configuration.loss.term(error)
            loss = term.loss
            magnitude = abs(error)
            forEachChoice(index, replay) { row, column, _ in
                memory.outputGradient[row, column] = term.slope * share * scale
            }
        }
        errors[index] = magnitude
        return Double(loss * weight)
    }

    /// Calls `body` with row, column of the action taken and column of the best next action of each choice.
    @inline(__always)
    private func forEachChoice(_ index: Int, _ replay: ReplayMemory, _ body: (Int, Int, Int) -> Void) {
        var number = 0
        for agent in 0..<space.agents {
            for columns in memory.heads {
                body(
                    index * space.agents + agent, columns.lowerBound + replay.choice(slots[index], number),
                    columns.lowerBound + nextChoices[index * space.choices + number])
                number += 1
            }
        }
    }
}

extension Loss {
    /// The loss of one error ŷ - y and its slope, for the losses of a plain error.
    func term(_ error: Float) -> (loss: Float, slope: Float) {
        switch self {
        case .meanSquared: return (error * error, 2 * error)
        case .huber(let beta):
            if abs(error) < beta { return (error * error / (2 * beta), error / beta) }
            return (abs(error) - beta / 2, error < 0 ? -1 : 1)
        case .pinball: preconditionFailure("a loss of quantiles")
        }
    }
}

extension Double {
    /// This number to the power of `exponent`.
    func power(_ exponent: Double) -> Double { pow(self, exponent) }
}
