import Risk
import Testing

@Suite("Limits of the rules")
struct RiskLimitsTests {
    @Test("The defaults are the table's")
    func defaults() {
        let limits = RiskLimits()
        for rule in RiskRule.table { #expect(limits[rule.indicator] == rule.limit) }
        let warnings = RiskRule.table.filter { $0.limit.severity == .warn }.map(\.number)
        #expect(warnings == [51, 52, 56, 57, 58, 59, 60, 63, 64, 71, 72])
    }

    @Test("A rule that is not in the table is refused", arguments: [0, 84, 117, 145, 255] as [UInt8])
    func unknown(_ number: UInt8) {
        var limits = RiskLimits()
        #expect(throws: RiskLimitsError.unknownRule(number)) { try limits.set(number, RiskLimit()) }
    }

    @Test("Each threshold is taken at its unit's maximum and refused one past it and below zero")
    func ranges() throws {
        for rule in RiskRule.table {
            var limits = RiskLimits()
            for (unit, isSecond) in [(rule.unit, false), (rule.secondUnit, true)] {
                let limit = { (value: Int64) in
                    RiskLimit(threshold: isSecond ? 0 : value, second: isSecond ? value : 0)
                }
                try limits.set(rule.number, limit(unit.thresholdMax))
                #expect(limits[rule.indicator] == limit(unit.thresholdMax))
                for value in [unit.thresholdMax + 1, -1] {
                    let error = RiskLimitsError.outOfRange(
                        rule: rule.number, value: value, maximum: unit.thresholdMax)
                    #expect(throws: error) { try limits.set(rule.number, limit(value)) }
                }
            }
        }
    }

    @Test("What keeps the books sound cannot become a warning")
    func mandatory() throws {
        var limits = RiskLimits()
        for rule in RiskRule.table {
            if rule.isMandatory {
                #expect(throws: RiskLimitsError.mustReject(rule: rule.number)) {
                    try limits.set(rule.number, severity: .warn)
                }
                #expect(limits[rule.indicator].severity == .reject)
            } else {
                try limits.set(rule.number, severity: .warn)
            }
        }
        #expect(limits.rejecting.numbers == RiskRule.table.filter(\.isMandatory).map(\.number))
        #expect(limits.rejecting.contains(.cashSufficient) && limits.rejecting.contains(.sellableShares))
    }

    @Test("Errors name the rule and the range")
    func messages() {
        #expect("\(RiskLimitsError.unknownRule(84))" == "there is no risk rule 84")
        let error = RiskLimitsError.outOfRange(rule: 54, value: -1, maximum: 10)
        #expect("\(error)" == "risk rule 54: threshold -1 is outside 0...10")
    }
}
