/// What a rule did: observations, masks, choices and, where known, discounted returns.
public final class Demonstrations {
    /// What is observed and decided.
    public let space: DecisionSpace
    /// Moments that fit.
    public let capacity: Int
    /// Moments held.
    public private(set) var count = 0
    let moments: ObservationMemory
    private(set) var choices: [Int]
    private(set) var returns: [Float]

    /// Room for `capacity` moments.
    public init(_ space: DecisionSpace, capacity: Int) {
        self.space = space
        self.capacity = capacity
        moments = ObservationMemory(space, count: capacity)
        choices = [Int](repeating: 0, count: capacity * space.choices)
        returns = [Float](repeating: .nan, count: capacity)
    }

    /// Adds a moment; false if there is no room. A return that is not finite is unknown: the critic does not learn it.
    ///
    /// Throws `badData` for a choice that is forbidden or no action, or a feature that is not finite.
    @discardableResult
    public func append(
        _ view: ObservationView, choices decision: [Int], discountedReturn: Float = .nan
    ) throws(LearningError) -> Bool {
        guard count < capacity else { return false }
        try check(view, decision)
        moments[count].copy(from: view)
        for index in decision.indices { choices[count * space.choices + index] = decision[index] }
        returns[count] = discountedReturn
        count += 1
        return true
    }

    private func check(_ view: ObservationView, _ decision: [Int]) throws(LearningError) {
        guard decision.count == space.choices else {
            throw LearningError(.badData, "moment \(count): \(decision.count) choices, not \(space.choices)")
        }
        let heads = space.headColumns
        for (number, choice) in decision.enumerated() {
            let columns = heads[number % heads.count]
            let agent = number / heads.count
            guard columns.indices.contains(columns.lowerBound + choice),
                view.allowed[agent, columns.lowerBound + choice] != 0
            else { throw LearningError(.badData, "moment \(count), agent \(agent): choice \(choice) is not allowed") }
        }
        for agent in 0..<space.agents {
            let row = view.rows.row(agent)
            for column in 0..<row.count where !row[column].isFinite {
                throw LearningError(.badData, "moment \(count), agent \(agent): feature \(column) is \(row[column])")
            }
        }
    }

    /// Lets a rule act for up to `episodes` episodes, or until `capacity` moments are full.
    ///
    /// `choose` writes `space.choices` numbers. The return of a moment is unknown where a truncation cut off more than
    /// 5 % of its weight.
    public static func record<World: Environment>(
        _ world: inout World, episodes: Int, seed: UInt64, gamma: Float, capacity: Int,
        choose: (World, inout [Int]) -> Void
    ) throws(LearningError) -> Demonstrations {
        let result = Demonstrations(world.space, capacity: capacity)
        let random = Xoshiro256StarStar(seed: seed).split("demonstrations")
        let memory = ObservationMemory(world.space)
        var decision = [Int](repeating: 0, count: world.space.choices)
        var rewards: [Float] = []
        for index in 0..<episodes where result.count < capacity {
            world.reset(Episode(index: index, of: random))
            rewards.removeAll(keepingCapacity: true)
            var last = Transition(reward: 0)
            while !last.isOver, result.count < capacity {
                memory.view.clear()
                world.observe(memory.view)
                choose(world, &decision)
                try result.append(memory.view, choices: decision)
                last = world.step(decision.span)
                rewards.append(last.reward)
            }
            result.setReturns(rewards, gamma: gamma, isComplete: last.isTerminated)
        }
        return result
    }

    /// Discounted returns of the last moments, as many as `rewards`.
    private func setReturns(_ rewards: [Float], gamma: Float, isComplete: Bool) {
        var sum: Float = 0
        var missing: Float = isComplete ? 0 : 1
        for (index, reward) in rewards.enumerated().reversed() {
            sum = reward + gamma * sum
            missing *= gamma
            returns[count - rewards.count + index] = missing > 0.05 ? .nan : sum
        }
    }
}
