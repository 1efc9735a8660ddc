/// Collects what the rules found: which were evaluated, which do not hold.
struct RuleChecks {
    private(set) var evaluated = RiskMask()
    private(set) var failed = RiskMask()

    /// Records one rule; with a constant indicator this is an or into each mask, without a branch.
    @inline(__always)
    mutating func require(_ indicator: RiskIndicator, _ holds: Bool) {
        let number = indicator.rawValue
        evaluated.insert(number, when: true)
        failed.insert(number, when: !holds)
    }
}
