/// How often transitions are replayed by their error (Schaul et al. 2016, proportional).
public struct PrioritisedReplay: Sendable, Equatable {
    /// Power of the error: 0 is uniform.
    public var alpha: Double
    /// Correction of the bias by importance, as a function of the progress of training.
    public var beta: Schedule
    /// Added to the magnitude of every error.
    public var epsilon: Double

    /// α 0.6, β from 0.4 to 1.
    public init(alpha: Double = 0.6, beta: Schedule = .linear(0.4, 1), epsilon: Double = 1e-6) {
        self.alpha = alpha
        self.beta = beta
        self.epsilon = epsilon
    }
}

/// The last transitions as a struct of arrays of 32-bit floats: the oldest gives way once `capacity` is reached.
///
/// A transition holds the sum of n discounted rewards, the observation after them and the discount of its value: γⁿ, or 0
/// after a termination.
package final class ReplayMemory {
    package let capacity: Int
    /// Transitions held.
    package private(set) var count = 0
    /// Observations that were decided on; raw.
    package let before: ObservationMemory
    /// Observations n steps later; raw.
    package let after: ObservationMemory
    private(set) var choices: [Int32]
    package let rewards: Floats
    package let discounts: Floats
    private var next = 0
    private let buffers: [FloatBuffer]
    private let width: Int
    private let priority: PrioritisedReplay?
    private var tree: SumTree
    /// Largest priority given so far, in the tree's power; new transitions have it.
    private var largest = 1.0

    /// Memory for `capacity` transitions; the features of the whole state are not kept.
    package init(_ space: DecisionSpace, capacity: Int, priority: PrioritisedReplay?) {
        self.capacity = capacity
        self.priority = priority
        width = space.choices
        before = ObservationMemory(space.rowsOnly, count: capacity)
        after = ObservationMemory(space.rowsOnly, count: capacity)
        choices = [Int32](repeating: 0, count: capacity * space.choices)
        buffers = [FloatBuffer(count: capacity), FloatBuffer(count: capacity)]
        rewards = buffers[0].floats
        discounts = buffers[1].floats
        tree = SumTree(count: priority == nil ? 1 : capacity)
    }

    /// Takes a transition over; `decision` holds its choices from `offset` on.
    package func add(
        _ view: ObservationView, choices decision: [Int], offset: Int, reward: Float, discount: Float,
        after following: ObservationView
    ) {
        let slot = next
        before.rows.rows(slot * view.rows.rows..<(slot + 1) * view.rows.rows).copy(from: view.rows)
        before.allowed.rows(slot * view.rows.rows..<(slot + 1) * view.rows.rows).copy(from: view.allowed)
        after.rows.rows(slot * view.rows.rows..<(slot + 1) * view.rows.rows).copy(from: following.rows)
        after.allowed.rows(slot * view.rows.rows..<(slot + 1) * view.rows.rows).copy(from: following.allowed)
        for index in 0..<width { choices[slot * width + index] = Int32(decision[offset + index]) }
        rewards[slot] = reward
        discounts[slot] = discount
        if priority != nil { tree[slot] = largest }
        next = (next + 1) % capacity
        count = min(count + 1, capacity)
    }

    /// The choice `index` of transition `slot`.
    @inline(__always)
    package func choice(_ slot: Int, _ index: Int) -> Int { Int(choices[slot * width + index]) }

    /// Draws `slots.count` transitions with replacement: uniformly, or by priority, one from each equal part of the sum.
    ///
    /// `weights` receives (count · P)^-β over its largest in the batch, or 1 without priorities.
    package func sample(_ slots: inout [Int], weights: Floats, beta: Float, random: inout Xoshiro256StarStar) {
        precondition(count > 0, "a sample of nothing")
        guard priority != nil else {
            for index in slots.indices { slots[index] = random.below(count) }
            weights.fill(1)
            return
        }
        let total = tree.total
        let part = total / Double(slots.count)
        var largestWeight = 0.0
        for index in slots.indices {
            slots[index] = tree.find((Double(index) + random.uniform()) * part)
            let probability = tree[slots[index]] / total
            let weight = 1 / (Double(count) * probability).power(Double(beta))
            weights[index] = Float(weight)
            largestWeight = max(largestWeight, weight)
        }
        for index in slots.indices { weights[index] /= Float(largestWeight) }
    }

    /// Sets the priority of a transition from the magnitude of its error.
    package func setPriority(_ slot: Int, error: Float) {
        guard let priority, error.isFinite else { return }
        let power = (Double(error) + priority.epsilon).power(priority.alpha)
        tree[slot] = power
        largest = max(largest, power)
    }
}

/// The last n decisions of an environment, until their n-step return is known.
package final class StepWindow {
    private let steps: Int
    private let gamma: Float
    private let moments: ObservationMemory
    private var choices: [Int]
    private var rewards: [Float]
    private let width: Int
    private var first = 0
    private var count = 0

    package init(_ space: DecisionSpace, steps: Int, gamma: Float) {
        self.steps = steps
        self.gamma = gamma
        width = space.choices
        moments = ObservationMemory(space, count: steps)
        choices = [Int](repeating: 0, count: steps * space.choices)
        rewards = [Float](repeating: 0, count: steps)
    }

    /// Takes a decision and gives `memory` what is complete: the oldest decision when n have followed, all of them when
    /// the episode is over.
    package func add(
        _ view: ObservationView, choices decision: [Int], offset: Int, _ transition: Transition,
        after following: ObservationView, to memory: ReplayMemory
    ) {
        let slot = (first + count) % steps
        moments[slot].copy(from: view)
        for index in 0..<width { choices[slot * width + index] = decision[offset + index] }
        rewards[slot] = transition.reward
        count += 1
        while count == steps || (transition.isOver && count > 0) {
            var sum: Float = 0
            var discount: Float = 1
            for index in 0..<count {
                sum += discount * rewards[(first + index) % steps]
                discount *= gamma
            }
            memory.add(
                moments[first], choices: choices, offset: first * width, reward: sum,
                discount: transition.isTerminated ? 0 : discount, after: following)
            first = (first + 1) % steps
            count -= 1
        }
    }
}

extension DecisionSpace {
    /// The same without features of the whole state.
    var rowsOnly: DecisionSpace { DecisionSpace(width: width, heads: heads, agents: agents) }
}
