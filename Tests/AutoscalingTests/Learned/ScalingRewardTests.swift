import Autoscaling
import Testing

/// The reward against sums done by hand.
@Suite struct ScalingRewardTests {
    typealias Service = ScalingReward.Service

    @Test("The paper's three terms, normalised") func paper() {
        var reward = ScalingReward()
        reward.churn = 0
        reward.hinge = 0
        // T: 25 of 50 ms; u 0.6 and 0.8: 0.1 below and 3 · 0.1 above 0.7; 6 of 24 processors.
        let value = reward(
            p95: 0.025, target: 0.05, violationShare: 0,
            services: [
                Service(utilisation: 0.6, processors: 2, processorsMost: 12),
                Service(utilisation: 0.8, processors: 4, processorsMost: 12),
            ])
        #expect(abs(value - -(0.5 * 0.5 + 0.3 * 0.2 + 0.2 * 0.25)) < 1e-12)
    }

    @Test("Broken promises, steps and reversals cost; a long tail is cut at five promises") func additions() {
        var reward = ScalingReward()
        reward.violation = 2
        reward.reversal = 0.1
        let calm = Service(utilisation: 0.7, processors: 0, processorsMost: 12)
        var moved = calm
        moved.step = -0.5
        moved.isReversal = true
        #expect(abs(reward(p95: 0.05, target: 0.05, violationShare: 0, services: [calm]) - -0.5) < 1e-12)
        let late = reward(p95: 0.06, target: 0.05, violationShare: 0.25, services: [calm, moved])
        // 0.5 · 1.2, churn 0.05 · 0.5 / 2, reversal 0.1 / 2, hinge 1, share 2 · 0.25.
        #expect(abs(late - -(0.6 + 0.0125 + 0.05 + 1 + 0.5)) < 1e-12)
        let worst = reward(p95: .infinity, target: 0.05, violationShare: 1, services: [calm])
        #expect(abs(worst - -(2.5 + 1 + 2)) < 1e-12)
        #expect(reward(p95: .nan, target: 0.05, violationShare: 1, services: [calm]) == worst)
    }

    @Test("Overload is worse than as much idleness, and is cut at twice the capacity") func utilisation() {
        let reward = ScalingReward()
        func value(_ utilisation: Double) -> Double {
            reward(
                p95: 0, target: 1, violationShare: 0,
                services: [Service(utilisation: utilisation, processors: 0, processorsMost: 1)])
        }
        #expect(abs(value(0.5) - -0.06) < 1e-12 && abs(value(0.9) - -0.18) < 1e-12)
        #expect(value(2) == value(50) && value(.infinity) == value(2) && value(-1) == value(0))
    }
}
