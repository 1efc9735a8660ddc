import Autoscaling
import Testing

@Suite("Numbers of the rules") struct RuleCalibrationTests {
    @Test("The capacity is learned from the utilisation law, within half and one and a half of the profile's")
    func capacity() {
        var estimate = CapacityEstimate(Chains.single.services[0])
        #expect(estimate.value == 100)
        func observe(_ rate: Double, _ utilisation: Double, p95: Double? = nil) -> ServiceObservation {
            ServiceObservation(ready: 10, rate: rate, utilisation: utilisation, queue: 0, p95: p95)
        }
        for step in 1...300 { estimate.add(observe(560, 0.7), at: Double(step) * 10) }
        #expect(abs(estimate.value - 80) < 0.1, "560 / (10 * 0.7)")
        for step in 301...900 { estimate.add(observe(140, 0.7), at: Double(step) * 10) }
        #expect(estimate.value == 50)
        estimate.add(observe(900, 0.95, p95: 0.04), at: 9_001)
        #expect(estimate.value == 90, "a rate that was served within the budget is within the capacity")
        estimate.add(observe(100, 0.1), at: 13_000)
        #expect(estimate.value == 50, "an hour later it is forgotten")
    }

    @Test("Calibration: all combinations, the cheapest that meets the target, else the fewest violations")
    func calibrate() throws {
        var grid = ForecastRule.Grid()
        grid.utilisations = [0.6, 0.7, 0.8]
        grid.quantiles = [0.5, 0.9]
        grid.downWindows = [60, 120]
        grid.lookaheads = [0]
        var tried = 0
        func score(_ settings: ForecastRule.Settings) -> PolicyScore {
            tried += 1
            // Violations grow with u* and fall with the quantile; hours the other way round.
            return PolicyScore(
                violations: max(0, settings.rule.utilisation - 0.6) * (1 - settings.quantile),
                replicaHours: 100 / settings.rule.utilisation + 10 * settings.quantile + settings.rule.downWindow / 100)
        }
        let found = try ForecastRule.calibrate(grid, violationsMax: 0.021, score: score)
        #expect(tried == 12 && found.trials.count == 12 && found.isMet)
        // 0.8 at 0.9 violates 0.02 and costs 125 + 9 + 0.6; 0.7 at 0.9 costs 142.9 + 9.6.
        let best = found.best.candidate
        #expect(best.rule.utilisation == 0.8 && best.quantile == 0.9 && best.rule.downWindow == 60)
        let strict = try ForecastRule.calibrate(grid, violationsMax: -1, score: score)
        #expect(!strict.isMet && strict.best.candidate.rule.utilisation == 0.6)
        #expect(strict.best.candidate.quantile == 0.5 && strict.best.candidate.rule.downWindow == 60)
        let broken = try ForecastRule.calibrate(grid, violationsMax: 1) {
            PolicyScore(violations: $0.quantile == 0.5 ? .nan : 0, replicaHours: 1, reversals: $0.rule.downWindow)
        }
        #expect(broken.best.candidate.quantile == 0.9 && broken.best.candidate.rule.downWindow == 60)
        grid.quantiles = []
        #expect(throws: PolicyFault.self) { try ForecastRule.calibrate(grid, score: score) }
        grid.quantiles = [2]
        #expect(throws: PolicyFault.self) { try ForecastRule.calibrate(grid, score: score) }
    }
}
