import Autoscaling
import TestData
import Testing

@Suite("HPA controller: stabilisation, rate limits, conditions") struct HPAControllerTests {
    private func controller(
        _ behavior: HPABehavior?, bounds: ClosedRange<Int> = 1...100
    ) -> HPAController {
        HPAController(HPAConfiguration(behavior: behavior), bounds: bounds)
    }

    /// Runs proposals 15 s apart, each applied, and returns the replicas after each.
    private func run(_ controller: inout HPAController, from first: Int, _ desired: [Int], every period: Double = 15)
        -> [Int]
    {
        var spec = first
        return desired.enumerated().map { step, desired in
            let now = Double(step) * period
            let outcome = controller.sync(spec: spec, proposals: [.replicas(desired)], now: now)
            controller.scaled(by: outcome.replicas - spec, at: now)
            spec = outcome.replicas
            return spec
        }
    }

    @Test("Default rules upwards: doubling or four more in 15 s") func defaultUp() {
        var hpa = controller(HPABehavior())
        #expect(run(&hpa, from: 1, [100, 100, 100, 100, 100, 100]) == [5, 10, 20, 40, 80, 100])
    }

    @Test("Without behaviour: max(2 * current, 4)") func noBehaviorUp() {
        var hpa = controller(nil)
        #expect(run(&hpa, from: 1, [100, 100, 100, 100, 100, 100]) == [4, 8, 16, 32, 64, 100])
    }

    @Test("Down only when all recommendations of 300 s are lower; the first is what was in force") func defaultDown() {
        var hpa = controller(HPABehavior())
        let after = run(&hpa, from: 10, Array(repeating: 2, count: 22))
        // The first recommendation, 10 at 0 s, is 300 s old at sync 20 and no longer counts.
        #expect(after == Array(repeating: 10, count: 20) + [2, 2])
        var bare = controller(nil)
        #expect(run(&bare, from: 10, Array(repeating: 2, count: 22)) == Array(repeating: 10, count: 21) + [2])
    }

    @Test("Where the rules say no window downwards, the controller's flag holds") func downFlag() {
        var configuration = HPAConfiguration()
        configuration.downscaleStabilisation = 60
        var hpa = HPAController(configuration, bounds: 1...100)
        #expect(run(&hpa, from: 10, [2, 2, 2, 2, 2, 2]) == [10, 10, 10, 10, 2, 2])
        configuration.behavior?.down.stabilisation = 15
        hpa = HPAController(configuration, bounds: 1...100)
        #expect(run(&hpa, from: 10, [2, 2, 2]) == [10, 2, 2])
    }

    @Test("A window upwards takes the lowest recommendation, ") func upWindow() {
        var rules = HPABehavior()
        rules.up.stabilisation = 45
        var hpa = controller(rules)
        // Those of 0 s, 4 in force and 12, hold 20 back until they are 45 s old; then the limit is 8 and 16.
        #expect(run(&hpa, from: 4, [12, 20, 20, 20, 20]) == [4, 4, 4, 8, 16])
    }

    @Test("Rate limits count what was added less what was removed in each policy's period") func ratePeriods() {
        let rules = ScalingRules(limits: [.init(.pods(3), per: 60)])
        var history = ScaleHistory()
        #expect(history.most(rules, current: 10, now: 0) == 13)
        history.record(3, at: 0, keeping: 60)
        #expect(history.most(rules, current: 13, now: 15) == 13)
        history.record(-5, at: 15, keeping: 60)
        // start = 8 - 3 + 5 = 10.
        #expect(history.most(rules, current: 8, now: 30) == 13)
        #expect(history.fewest(rules, current: 8, now: 30) == 7)
        // The addition of 0 s is 60 s old and no longer counts.
        #expect(history.most(rules, current: 8, now: 60) == 16)
        #expect(history.fewest(rules, current: 8, now: 60) == 8, "start 13 - 3 = 10 is not below 8")
    }

    @Test("Percent rounds up on the way up and towards zero on the way down, in doubles") func percents() {
        let history = ScaleHistory()
        func rules(_ share: Double) -> ScalingRules { ScalingRules(limits: [.init(.percent(share), per: 60)]) }
        #expect(history.most(rules(10), current: 3, now: 0) == 4)
        #expect(history.most(rules(100), current: 7, now: 0) == 14)
        #expect(history.fewest(rules(25), current: 10, now: 0) == 7)
        #expect(history.fewest(rules(25), current: 1, now: 0) == 0)
        // 100 * (1 + 10 / 100) is 110.00000000000001 in doubles, as upstream.
        #expect(history.most(rules(10), current: 100, now: 0) == 111)
    }

    @Test("Max takes the larger change, Min the smaller, Disabled none") func selection() {
        let history = ScaleHistory()
        let limits = [ScalingRules.Limit(.pods(4), per: 60), .init(.percent(50), per: 60)]
        func rules(_ select: ScalingRules.Selection) -> ScalingRules { ScalingRules(select: select, limits: limits) }
        #expect(history.most(rules(.max), current: 20, now: 0) == 30)
        #expect(history.most(rules(.min), current: 20, now: 0) == 24)
        #expect(history.most(rules(.disabled), current: 20, now: 0) == 20)
        #expect(history.fewest(rules(.max), current: 20, now: 0) == 10)
        #expect(history.fewest(rules(.min), current: 20, now: 0) == 16)
        #expect(history.fewest(rules(.disabled), current: 20, now: 0) == 20)
    }

    @Test("Conditions say what held") func conditions() {
        func code(_ behavior: HPABehavior?, spec: Int, _ proposals: [HPACalculator.Proposal]) -> String {
            var hpa = controller(behavior, bounds: 2...20)
            return hpa.sync(spec: spec, proposals: proposals, now: 0).reasons[0].code
        }
        let at = HPABehavior()
        #expect(code(at, spec: 5, [.replicas(5)]) == "ValidMetricFound")
        #expect(code(at, spec: 5, [.replicas(15)]) == "ScaleUpLimit")
        #expect(code(at, spec: 15, [.replicas(30)]) == "TooManyReplicas")
        #expect(code(at, spec: 15, [.replicas(3)]) == "ScaleDownStabilized")
        #expect(code(nil, spec: 15, [.replicas(3)]) == "ScaleDownStabilized")
        #expect(code(at, spec: 21, [.replicas(3)]) == "TooManyReplicas")
        #expect(code(at, spec: 1, [.replicas(3)]) == "TooFewReplicas")
        #expect(code(at, spec: 0, [.replicas(3)]) == "ScalingDisabled")
        #expect(code(at, spec: 5, [.invalid("gone")]) == "FailedGetResourceMetric")
        var quick = HPABehavior(down: ScalingRules(stabilisation: 0, limits: [.init(.pods(1), per: 60)]))
        #expect(code(quick, spec: 5, [.replicas(4)]) == "ValidMetricFound")
        #expect(code(quick, spec: 5, [.replicas(3)]) == "ScaleDownLimit")
        quick.up.stabilisation = 60
        #expect(code(quick, spec: 5, [.replicas(9)]) == "ScaleUpStabilized")
    }

    @Test("4,000 random histories of 60 syncs give what the list-keeping reference gives")
    func randomHistories() {
        var random = SplitMix64(seed: 99)
        for round in 0..<4_000 {
            let behavior = random.percent(20) ? nil : HPABehavior(up: rules(&random), down: rules(&random))
            let bounds = random.below(3)...(3 + random.below(60))
            var ours = controller(behavior, bounds: bounds)
            var theirs = HPAReferenceController(behavior: behavior, low: bounds.lowerBound, high: bounds.upperBound)
            var (spec, now) = (random.below(40), 0.0)
            for step in 0..<60 {
                let desired = random.percent(5) ? nil : random.below(80)
                let proposal = desired.map { HPACalculator.Proposal.replicas($0) } ?? .invalid("lost")
                let outcome = ours.sync(spec: spec, proposals: [proposal], now: now)
                let expected = theirs.sync(spec: spec, desired: desired, now: now)
                guard outcome.replicas == expected else {
                    Issue.record("round \(round) step \(step): \(outcome.replicas), not \(expected)")
                    return
                }
                ours.scaled(by: outcome.replicas - spec, at: now)
                if outcome.replicas != spec { theirs.changes.append((now, outcome.replicas - spec)) }
                // Now and then somebody else scales, which is not counted.
                spec = random.percent(5) ? random.below(40) : outcome.replicas
                now += 15 * Double(1 + random.below(2))
            }
        }
    }

    private func rules(_ random: inout SplitMix64) -> ScalingRules {
        let limits = (0..<(1 + random.below(3))).map { _ in
            ScalingRules.Limit(
                random.percent(50) ? .pods(1 + random.below(9)) : .percent([25, 50, 100, 200][random.below(4)]),
                per: 15 * Double(1 + random.below(8)))
        }
        return ScalingRules(
            stabilisation: random.percent(20) ? nil : 15 * Double(random.below(22)),
            select: ScalingRules.Selection.allCases[random.below(3)], limits: limits)
    }
}
