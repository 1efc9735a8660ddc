import Learning
import Testing

/// The sum tree, prioritised sampling and n-step windows.
@Suite struct ReplayTests {
    @Test("The sum tree agrees with plain sums over thousands of random changes", arguments: [1, 2, 7, 64, 100])
    func sumTree(_ count: Int) {
        var tree = SumTree(count: count)
        var plain = [Double](repeating: 0, count: count)
        var random = Xoshiro256StarStar(seed: UInt64(count))
        for _ in 0..<3_000 {
            let index = random.below(count)
            // Eighths add up without rounding, so the sums must be equal, not close.
            let weight = random.uniform() < 0.2 ? 0 : Double(random.below(80)) / 8
            tree[index] = weight
            plain[index] = weight
            #expect(tree.total == plain.reduce(0, +))
            guard tree.total > 0 else { continue }
            let point = random.uniform() * tree.total
            var rest = point
            let expected = plain.firstIndex { weight in
                defer { rest -= weight }
                return rest < weight
            }
            #expect(tree.find(point) == expected, "point \(point)")
        }
    }

    @Test("The last leaf with a weight takes what lies beyond the sum") func treeEnd() {
        var tree = SumTree(count: 5)
        tree[1] = 3
        tree[3] = 1
        #expect(tree.find(4) == 3 && tree.find(2.999) == 1 && tree.find(3) == 3)
    }

    private func filled(_ count: Int, priority: PrioritisedReplay?, capacity: Int? = nil) -> ReplayMemory {
        let space = DecisionSpace(width: 1, heads: [3])
        let replay = ReplayMemory(space, capacity: capacity ?? count, priority: priority)
        let memory = ObservationMemory(space, count: 2)
        for index in 0..<count {
            memory[0].rows[0, 0] = Float(index)
            memory[1].rows[0, 0] = Float(index) + 0.5
            replay.add(
                memory[0], choices: [index % 3], offset: 0, reward: Float(10 * index), discount: 0.9, after: memory[1])
        }
        return replay
    }

    @Test("The oldest transition gives way, and what is kept is whole") func ring() {
        let replay = filled(7, priority: nil, capacity: 5)
        #expect(replay.count == 5)
        for slot in 0..<5 {
            let index = slot < 2 ? slot + 5 : slot
            #expect(replay.before.rows[slot, 0] == Float(index) && replay.after.rows[slot, 0] == Float(index) + 0.5)
            #expect(replay.rewards[slot] == Float(10 * index) && replay.choice(slot, 0) == index % 3)
        }
    }

    /// Errors 1...8 and α 0.6: P_i = i^0.6 / Σ. 200,000 draws; the 99.9 % point of χ² with 7 degrees is 24.32. Draws
    /// from equal parts of the sum vary less than independent ones, so the statistic can only be smaller.
    @Test("Priorities are sampled in proportion to their power, and importance corrects it") func distribution() {
        let replay = filled(8, priority: PrioritisedReplay(alpha: 0.6, epsilon: 0))
        for slot in 0..<8 { replay.setPriority(slot, error: Float(slot + 1)) }
        let powers = (1...8).map { Double($0).squareRoot() * tenthRoot(Double($0)) }
        let sum = powers.reduce(0, +)
        var random = Xoshiro256StarStar(seed: 11)
        var counts = [Int](repeating: 0, count: 8)
        var slots = [Int](repeating: 0, count: 40)
        let weights = FloatBuffer(count: 40)
        for _ in 0..<5_000 {
            replay.sample(&slots, weights: weights.floats, beta: 1, random: &random)
            for (index, slot) in slots.enumerated() {
                counts[slot] += 1
                // β = 1: weight ∝ 1 / P, the largest of the batch 1; the rarest is nearly always in a batch of 40.
                #expect(weights.floats[index] <= 1)
            }
        }
        let chi = counts.enumerated().reduce(0.0) { total, pair in
            let expected = 200_000 * powers[pair.offset] / sum
            return total + (Double(pair.element) - expected) * (Double(pair.element) - expected) / expected
        }
        #expect(chi < 24.32, "χ² \(chi), counts \(counts)")
        slots = [Int](repeating: 0, count: 1_000)
        let many = FloatBuffer(count: 1_000)
        replay.sample(&slots, weights: many.floats, beta: 1, random: &random)
        for (index, slot) in slots.enumerated() {
            #expect(abs(Double(many.floats[index]) - powers[0] / powers[slot]) < 1e-5)
        }
    }

    /// x^0.1 by Newton's method, so that x^0.6 is √x · x^0.1 without the library's pow.
    private func tenthRoot(_ x: Double) -> Double {
        var root = 1.0
        for _ in 0..<200 {
            let ninth = (0..<9).reduce(1.0) { value, _ in value * root }
            root -= (ninth * root - x) / (10 * ninth)
        }
        return root
    }

    @Test("Without priorities every transition is as likely, with weight 1") func uniform() {
        let replay = filled(10, priority: nil)
        var random = Xoshiro256StarStar(seed: 12)
        var slots = [Int](repeating: 0, count: 50)
        let weights = FloatBuffer(count: 50)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<2_000 {
            replay.sample(&slots, weights: weights.floats, beta: 0.4, random: &random)
            for slot in slots { counts[slot] += 1 }
            #expect(weights.floats.array.allSatisfy { $0 == 1 })
        }
        // 99.9 % point of χ² with 9 degrees: 27.88.
        let chi = counts.reduce(0.0) { $0 + (Double($1) - 10_000) * (Double($1) - 10_000) / 10_000 }
        #expect(chi < 27.88, "χ² \(chi)")
    }

    /// Rewards 1, 2, 4, 8 and γ ½, n = 3: decision 0 has 1 + 2/2 + 4/4 = 3 with discount 1/8. At the end decision 1 has
    /// 2 + 4/2 + 8/4 = 6 (3 steps), decision 2 has 4 + 8/2 = 8 (2 steps), decision 3 has 8 (1 step).
    @Test("n-step sums are cut at the end of an episode; only truncation keeps a discount", arguments: [true, false])
    func window(_ isTruncated: Bool) {
        let space = DecisionSpace(width: 1, heads: [2])
        let replay = ReplayMemory(space, capacity: 10, priority: nil)
        let window = StepWindow(space, steps: 3, gamma: 0.5)
        let memory = ObservationMemory(space, count: 2)
        for (index, reward) in [Float(1), 2, 4, 8].enumerated() {
            memory[0].rows[0, 0] = Float(index)
            memory[1].rows[0, 0] = Float(index + 1)
            let isLast = index == 3
            window.add(
                memory[0], choices: [index % 2], offset: 0,
                Transition(reward: reward, isTerminated: isLast && !isTruncated, isTruncated: isLast && isTruncated),
                after: memory[1], to: replay)
            #expect(replay.count == (index < 2 ? 0 : index == 2 ? 1 : 4))
        }
        #expect(replay.rewards[0..<4].array == [3, 6, 8, 8])
        #expect(replay.discounts[0..<4].array == (isTruncated ? [0.125, 0.125, 0.25, 0.5] : [0.125, 0, 0, 0]))
        #expect((0..<4).map { replay.before.rows[$0, 0] } == [0, 1, 2, 3])
        #expect((0..<4).map { replay.after.rows[$0, 0] } == [3, 4, 4, 4])
        #expect((0..<4).map { replay.choice($0, 0) } == [0, 1, 0, 1])
    }
}
