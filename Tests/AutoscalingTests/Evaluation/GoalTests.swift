import Autoscaling
import Testing

/// Three days of each kind that nothing was fitted or calibrated on; the evaluation has more. All is drawn from seeds.
@Suite("Goals of the calibrated rules") struct GoalTests {
    private struct Sums {
        var violations = 0.0
        var hours = 0.0
        var reversals = 0.0
    }

    /// Means over the days by policy.
    private func run(_ kind: DayKind, _ names: [String]) throws -> [String: Sums] {
        let profile = ChainProfile.tradingChain
        let seeds: [UInt64] = [401, 402, 403]
        var sums: [String: Sums] = [:]
        for entry in PolicyCatalogue().entries where names.contains(entry.name) {
            let forecaster = try kind.forecaster(peak: 15_000, path: entry.path)
            for seed in seeds {
                var options = SimulatorOptions(seed: seed).reading(entry.path)
                options.forecaster = forecaster
                let load = try kind.days(peak: 15_000).load(seed: seed)
                let score = try entry.run(profile, load, options).score
                sums[entry.name, default: Sums()].violations += score.violationShare / 3
                sums[entry.name, default: Sums()].hours += score.replicaHours / 3
                sums[entry.name, default: Sums()].reversals += score.reversalsPerHour / 3
            }
        }
        return sums
    }

    @Test(
        "Every rule keeps violations and a tenth of HPA's; the calm one turns back half as often, the brief one costs less"
    )
    func goals() throws {
        for kind in [DayKind.mild, .bursty] {
            let sums = try run(kind, ["hpa", "forecast", "forecast-brief", "oracle"])
            let hpa = try #require(sums["hpa"])
            let calm = try #require(sums["forecast"])
            let brief = try #require(sums["forecast-brief"])
            let oracle = try #require(sums["oracle"])
            for rule in [calm, brief] {
                #expect(rule.violations <= kind.violationGoal, "\(kind)")
                #expect(10 * rule.violations <= hpa.violations, "\(kind)")
            }
            #expect(calm.reversals <= hpa.reversals / 2, "\(kind)")
            #expect(brief.hours <= hpa.hours, "\(kind): \(brief.hours) and \(hpa.hours)")
            #expect(brief.hours <= 1.25 * oracle.hours, "\(kind): \(brief.hours) and \(oracle.hours)")
        }
    }
}
