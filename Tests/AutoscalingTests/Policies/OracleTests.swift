import Autoscaling
import TestData
import Testing

@Suite("Oracle") struct OracleTests {
    /// The least cost over all sequences of levels, tried one by one.
    private func least(
        _ needs: [Int], levels: ClosedRange<Int>, initial: Int, startup: Int, hold: Int, shortfall: Double
    ) -> Double {
        func search(_ step: Int, _ level: Int, _ age: Int) -> Double {
            guard step < needs.count else { return 0 }
            var best = Double.infinity
            for next in levels {
                if next > level, step < startup { continue }
                if next < level, age < hold { continue }
                let paid = Double(next) + Double(max(0, next - level) * startup)
                let missing = shortfall * Double(max(0, needs[step] - next))
                best = min(best, paid + missing + search(step + 1, next, next == level ? age + 1 : 0))
            }
            return best
        }
        return search(0, initial, hold)
    }

    @Test("The plan costs as little as the best of all sequences") func bruteForce() {
        var random = SplitMix64(seed: 8)
        for round in 0..<300 {
            let needs = (0..<7).map { _ in random.below(4) }
            let (startup, hold, initial) = (random.below(3), random.below(4), random.below(4))
            let shortfall = [0.5, 3, 1_000][random.below(3)]
            let plan = OraclePlan(
                needs: needs, bounds: 0...3, initial: initial, startupSteps: startup, holdSteps: hold,
                shortfall: shortfall)
            let expected = least(
                needs, levels: 0...3, initial: initial, startup: startup, hold: hold, shortfall: shortfall)
            #expect(abs(plan.cost - expected) < 1e-9, "round \(round): \(needs)")
            check(plan, needs, initial: initial, startup: startup, hold: hold, shortfall: shortfall, round)
        }
    }

    /// The plan's own sequences have its cost and keep its rules.
    private func check(
        _ plan: OraclePlan, _ needs: [Int], initial: Int, startup: Int, hold: Int, shortfall: Double, _ round: Int
    ) {
        var (level, age, cost) = (initial, hold, 0.0)
        for (step, next) in plan.serving.enumerated() {
            #expect(next <= level || step >= startup, "round \(round)")
            #expect(next >= level || age >= hold, "round \(round)")
            cost += Double(next + max(0, next - level) * startup) + shortfall * Double(max(0, needs[step] - next))
            age = next == level ? age + 1 : 0
            level = next
            #expect(plan.ordered[step] >= next)
        }
        #expect(abs(cost - plan.cost) < 1e-9, "round \(round)")
    }

    @Test("It orders a start-up before the need, and keeps what would be needed again within the hold") func ahead() {
        let needs = [2, 2, 2, 2, 6, 6, 2, 2, 6, 2, 2, 2, 2, 2, 2, 2]
        let plan = OraclePlan(needs: needs, bounds: 1...10, initial: 2, startupSteps: 2, holdSteps: 3)
        #expect(plan.serving == [2, 2, 2, 2, 6, 6, 6, 6, 6, 2, 2, 2, 2, 2, 2, 2])
        #expect(plan.ordered == [2, 2, 6, 6, 6, 6, 6, 6, 6, 2, 2, 2, 2, 2, 2, 2])
        // 9 steps of 2 …: 4 * 2 + 5 * 6 + 7 * 2 and 4 replicas that start for 2 steps.
        #expect(plan.cost == 60)
    }

    @Test("Needs beyond the bounds are served as far as they go") func bounds() {
        let plan = OraclePlan(needs: [9, 9, 9], bounds: 1...4, initial: 1, startupSteps: 1, holdSteps: 0)
        #expect(plan.serving == [1, 4, 4] && plan.ordered == [4, 4, 4])
        #expect(OraclePlan(needs: [], bounds: 1...4, initial: 1, startupSteps: 1, holdSteps: 0).ordered.isEmpty)
    }

    @Test("The policy follows the plan by time, both ways of using the future") func policy() throws {
        let rates = Array(repeating: 150.0, count: 60) + Array(repeating: 780, count: 60)
        var settings = OraclePolicy.Settings()
        var optimal = try OraclePolicy(Chains.single, rates: rates, settings)
        let decide = { (policy: inout OraclePolicy, time: Double) throws in
            try policy.decide(Chains.observe(time, rate: nil, ready: 2)).replicas[0]
        }
        // 150/s at 0.8 are 2, 780/s 10; ready after 20 s, so ordered from 40 s on.
        let ordered = try stride(from: 1_000.0, to: 1_120, by: 10).map { try decide(&optimal, $0) }
        #expect(ordered == [2, 2, 2, 2, 10, 10, 10, 10, 10, 10, 10, 10])
        #expect(try decide(&optimal, 9_999) == 10, "past the end the last stands")
        settings.method = .lookahead
        var ahead = try OraclePolicy(Chains.single, rates: rates, start: 0, settings)
        #expect(try [0.0, 20, 30, 40].map { try decide(&ahead, $0) } == [2, 2, 10, 10])
        #expect(throws: PolicyFault.self) { try OraclePolicy(Chains.single, rates: []) }
        #expect(throws: PolicyFault.self) { try OraclePolicy(Chains.single, rates: [.nan]) }
        settings.period = 0
        #expect(throws: PolicyFault.self) { try OraclePolicy(Chains.single, rates: [1], settings) }
    }
}
