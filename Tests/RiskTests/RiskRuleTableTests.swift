import Market
import Risk
import Testing

@Suite("The indicator table")
struct RiskRuleTableTests {
    @Test("Rules ascend, cover every indicator, and hold all of groups A to E")
    func numbers() {
        let numbers = RiskRule.table.map(\.number)
        #expect(numbers == RiskIndicator.allCases.map(\.rawValue))
        #expect(numbers == numbers.sorted())
        #expect(numbers.filter { $0 <= 80 } == Array(1...80))
        #expect(RiskRule.all.count == numbers.count)
        #expect(Set(RiskRule.table.map(\.name)).count == numbers.count)
        #expect(RiskRule.row(80)?.group == .size && RiskRule.row(81)?.group == .funds)
        #expect(RiskRule.row(0) == nil && RiskRule.row(255) == nil)
    }

    @Test("Each row has a text, an applicable kind, FIX codes of the standard and defaults within its unit")
    func rows() {
        let reasons: Set<UInt8> = [0, 1, 2, 3, 4, 5, 6, 8, 11, 13, 15, 99]
        for rule in RiskRule.table {
            #expect(!rule.text.isEmpty && !rule.kinds.isEmpty, "\(rule.name)")
            #expect(reasons.contains(rule.rejectReason), "\(rule.name)")
            #expect([0, 1, 2, 6, 99].contains(rule.cancelReason), "\(rule.name)")
            #expect((0...rule.unit.thresholdMax).contains(rule.limit.threshold), "\(rule.name)")
            #expect((0...rule.secondUnit.thresholdMax).contains(rule.limit.second), "\(rule.name)")
            #expect(!rule.isMandatory || rule.limit.severity == .reject, "\(rule.name)")
        }
    }

    @Test("Every row has a holding and a failing case")
    func casesCoverTheTable() {
        #expect(Set(RuleCase.all.map(\.indicator)) == Set(RiskRule.table.map(\.indicator)))
    }

    @Test("The ordinary order passes every rule, and every rule is evaluated")
    func ordinary() {
        let verdict = RiskScenario().verdict()
        #expect(verdict.isAccepted && verdict.failed.isEmpty && verdict.warned.isEmpty)
        #expect(verdict.evaluated == RiskRule.all)
        #expect(verdict.valuation == Price(milli: 10_000))
    }

    @Test("Each rule holds at its limit and fails one step past it", arguments: RuleCase.all.indices)
    func boundary(_ index: Int) {
        let item = RuleCase.all[index]
        var holding = RiskScenario()
        item.holds(&holding)
        let held = holding.verdict()
        #expect(!(held.failed | held.warned).contains(item.indicator), "holds: \(item.indicator)")
        #expect(held.evaluated == RiskRule.all)

        var failing = RiskScenario()
        item.fails(&failing)
        let verdict = failing.verdict()
        let isReject = failing.limits[item.indicator].severity == .reject
        #expect(verdict.failed.contains(item.indicator) == isReject, "fails: \(item.indicator)")
        #expect(verdict.warned.contains(item.indicator) == !isReject, "fails: \(item.indicator)")
        #expect(verdict.evaluated == RiskRule.all)
        #expect(verdict.rule == verdict.failed.lowest ?? 0)
    }

    @Test("A rule that only warns lets the order pass; as a refusal it gives its own number and reason")
    func severities() throws {
        for item in RuleCase.all {
            guard let rule = RiskRule.row(item.indicator.rawValue), !rule.isMandatory else { continue }
            for severity in RiskSeverity.allCases {
                var scenario = RiskScenario()
                item.fails(&scenario)
                for other in RiskRule.table where !other.isMandatory {
                    try scenario.limits.set(other.number, severity: .warn)
                }
                try scenario.limits.set(rule.number, severity: severity)
                let verdict = scenario.verdict()
                #expect(verdict.failed.contains(rule.number) == (severity == .reject), "\(rule.name)")
                guard severity == .reject, verdict.rule == rule.number else { continue }
                let isNew = scenario.context.request.kind == .new
                let reasons: Set<UInt8> = isNew ? [rule.rejectReason, 1, 4] : [rule.cancelReason]
                #expect(reasons.contains(verdict.reason), "\(rule.name)")
            }
        }
    }

    @Test("A cancel passes every rule that is not about cancels")
    func cancels() {
        for item in RuleCase.all {
            guard let rule = RiskRule.row(item.indicator.rawValue), !rule.kinds.contains(.cancel) else { continue }
            var scenario = RiskScenario()
            item.fails(&scenario)
            guard scenario.context.request.kind == .new else { continue }
            scenario.cancel()
            let verdict = scenario.verdict()
            #expect(!(verdict.failed | verdict.warned).contains(rule.number), "\(rule.name)")
            #expect(verdict.evaluated == RiskRule.all)
        }
    }
}
