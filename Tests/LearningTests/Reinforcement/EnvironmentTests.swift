import Learning
import Testing

/// The environments against Gymnasium 1.4.0, and the tabular model against values worked out by hand.
@Suite struct EnvironmentTests {
    /// Runs `actions` from `state` and returns the last transition.
    private func last(_ world: inout some Environment, _ actions: [Int]) -> Transition {
        var transition = Transition(reward: 0)
        for action in actions {
            let choices = [action]
            transition = world.step(choices.span)
        }
        return transition
    }

    private func expectClose(_ state: SIMD4<Double>, _ reference: [Double], tolerance: Double) {
        for index in 0..<4 { #expect(abs(state[index] - reference[index]) < tolerance, "\(state), \(reference)") }
    }

    @Test("CartPole moves as Gymnasium's") func cartPole() {
        var world = CartPole()
        world.state = [0.01, -0.02, 0.03, 0.04]
        let transition = last(&world, [1, 1, 0, 1, 0, 0, 1, 1, 1, 1])
        #expect(transition == Transition(reward: 1))
        expectClose(
            world.state, [0.05649316485946018, 0.7592510801790568, -0.032849498377435594, -1.103750514005091],
            tolerance: 1e-13)
    }

    @Test("CartPole ends as Gymnasium's: after ten pushes to the right, and by truncation after 500 steps")
    func cartPoleEnds() {
        var world = CartPole()
        world.state = [0.01, -0.02, 0.03, 0.04]
        var steps = 0
        var transition = Transition(reward: 0)
        while !transition.isOver {
            transition = last(&world, [1])
            steps += 1
        }
        #expect(steps == 10 && transition == Transition(reward: 1, isTerminated: true))
        expectClose(
            world.state, [0.18148412486073115, 1.9330643896994748, -0.2235691808247548, -2.984082745435586],
            tolerance: 1e-12)
        world.reset(Episode(index: 0, of: Xoshiro256StarStar(seed: 1)))
        for step in 1...CartPole.stepsMax {
            world.state = .zero
            #expect(last(&world, [step % 2]).isTruncated == (step == CartPole.stepsMax))
        }
    }

    @Test("Acrobot moves and ends as Gymnasium's") func acrobot() {
        var world = Acrobot()
        world.state = [0.05, -0.03, 0.02, 0.07]
        #expect(last(&world, [2, 2, 0, 1, 0, 0, 2, 1, 2, 2, 0, 2]) == Transition(reward: -1))
        expectClose(
            world.state, [-0.17163634896311536, 0.24424283683801037, -0.25899853135556744, 0.7685077998999258],
            tolerance: 1e-12)
        world.state = [0.05, -0.03, 0.02, 0.07]
        var steps = 0
        var transition = Transition(reward: 0)
        while !transition.isOver {
            transition = last(&world, [world.state[3] > 0 ? 2 : 0])
            steps += 1
        }
        #expect(steps == 75 && transition == Transition(reward: 0, isTerminated: true))
        // Rounding grows in a swinging double pendulum: 75 steps of 4 evaluations each.
        expectClose(
            world.state, [-2.148401824660112, -1.739313876982533, -1.0032231093600954, 2.753302196803654],
            tolerance: 1e-7)
    }

    @Test("Start states lie within their bounds, differ, and repeat with the episode") func starts() {
        let root = Xoshiro256StarStar(seed: 7)
        var world = CartPole()
        var seen: Set<SIMD4<Double>> = []
        for index in 0..<100 {
            world.reset(Episode(index: index, of: root))
            seen.insert(world.state)
            for axis in 0..<4 { #expect(abs(world.state[axis]) <= 0.05) }
        }
        #expect(seen.count == 100)
        let kept = world.state
        world.reset(Episode(index: 99, of: root))
        #expect(world.state == kept)
    }

    /// Without the cliff the shortest way from the start is 13 steps; next to the goal it is one.
    @Test("Value iteration finds CliffWalking's optimal path of 13 steps") func cliffWalking() {
        let model = TabularModel.cliffWalking
        let gamma = 0.9
        let values = model.optimalValues(gamma: gamma)
        func best(_ state: Int) -> Double { values[state * 4..<state * 4 + 4].max() ?? 0 }
        func worth(_ steps: Int) -> Double { -(0..<steps).reduce(0.0) { $0 + pow(gamma, $1) } }
        #expect(abs(best(36) - worth(13)) < 1e-10)
        #expect(abs(best(24) - worth(12)) < 1e-10)
        #expect(abs(best(35) - worth(1)) < 1e-10)
        // Right from the start falls off the cliff: -100 and the start again.
        #expect(abs(values[36 * 4 + 1] - (-100 + gamma * worth(13))) < 1e-10)
    }

    @Test("The masked grid forbids steps against the edge and walks round the middle") func maskedGrid() {
        let model = TabularModel.maskedGrid
        let values = model.optimalValues(gamma: 0.9)
        #expect(values[0] == -.infinity && values[3] == -.infinity && values[1].isFinite)
        let worth = -(0..<8).reduce(0.0) { $0 + pow(0.9, $1) }
        #expect(abs((values[0..<4].max() ?? 0) - worth) < 1e-10)
        // Into the middle from above, 4 steps before the goal: -4, then four more steps.
        let through: Double = -4 - 0.9 * (1 + 0.9 + 0.81 + 0.729)
        #expect(abs(values[7 * 4 + 2] - through) < 1e-10)
    }

    private func pow(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1.0) { value, _ in value * base }
    }

    @Test("Schedules run linearly over their fraction and then stay") func schedules() {
        let schedule = Schedule.linear(1, 0.05, over: 0.5)
        #expect(schedule.value(at: -1) == 1 && schedule.value(at: 0) == 1)
        #expect(abs(schedule.value(at: 0.25) - 0.525) < 1e-6)
        #expect(abs(schedule.value(at: 0.5) - 0.05) < 1e-6 && abs(schedule.value(at: 1) - 0.05) < 1e-6)
        #expect(Schedule.constant(3).value(at: 0.7) == 3)
    }

    @Test("The normaliser has the mean and population variance of what it saw, and skips rows that are not finite")
    func normaliser() {
        let rows = OwnedMatrix([1, 10, 3, 30, .nan, 5, 5, 50], columns: 2)
        var normaliser = FeatureNormaliser(width: 2, limit: 1.2)
        normaliser.update(rows.matrix)
        #expect(normaliser.count == 3 && normaliser.means == [3, 30])
        #expect(abs(normaliser.variances[0] - 8.0 / 3) < 1e-12 && abs(normaliser.variances[1] - 800.0 / 3) < 1e-9)
        let probe = OwnedMatrix([4, 1e9], columns: 2)
        normaliser.apply(probe.matrix)
        #expect(abs(probe.array[0] - Float(1 / (8.0 / 3).squareRoot())) < 1e-6 && probe.array[1] == 1.2)
    }
}
