/// The thresholds and the severity of one rule.
public struct RiskLimit: Hashable, Sendable {
    /// In the rule's `unit`; 0 where the rule has none.
    public var threshold: Int64
    /// In the rule's `secondUnit`; 0 where the rule has none.
    public var second: Int64
    /// What a failure does.
    public var severity: RiskSeverity

    /// A limit of these values.
    public init(threshold: Int64 = 0, second: Int64 = 0, severity: RiskSeverity = .reject) {
        self.threshold = threshold
        self.second = second
        self.severity = severity
    }
}

/// Why a limit was not taken.
public enum RiskLimitsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The number is not in the table.
    case unknownRule(UInt8)
    /// A threshold is negative or beyond its unit's maximum; a rule without a threshold takes only 0.
    case outOfRange(rule: UInt8, value: Int64, maximum: Int64)
    /// The rule keeps the books sound; it cannot be a warning.
    case mustReject(rule: UInt8)

    /// One line a person can act on.
    public var description: String {
        switch self {
        case .unknownRule(let number): "there is no risk rule \(number)"
        case .outOfRange(let rule, let value, let maximum):
            "risk rule \(rule): threshold \(value) is outside 0...\(maximum)"
        case .mustReject(let rule): "risk rule \(rule) cannot be a warning: an order that breaks it cannot be booked"
        }
    }
}

/// The market-wide thresholds and severities of all rules, by rule number; limits of one account are its profile's.
///
/// The defaults are the table's (`RiskRule.table` states each, and why some are warnings). A configuration overrides
/// rule by rule, and each override is validated on its own:
///
///     var limits = RiskLimits()
///     try limits.set(115, RiskLimit(threshold: 5_000))
public struct RiskLimits: Sendable {
    private var rows: [RiskLimit]

    /// The table's defaults.
    public init() {
        rows = [RiskLimit](repeating: RiskLimit(), count: 192)
        for rule in RiskRule.table { rows[Int(rule.number)] = rule.limit }
    }

    /// The limit of an indicator.
    public subscript(indicator: RiskIndicator) -> RiskLimit { rows[Int(indicator.rawValue)] }

    /// Replaces the limit of the rule with that number.
    ///
    /// - Throws: `RiskLimitsError` where the rule does not exist, a threshold is out of its unit's range, or a
    ///   mandatory rule would become a warning; nothing is changed then.
    public mutating func set(_ number: UInt8, _ limit: RiskLimit) throws(RiskLimitsError) {
        guard let rule = RiskRule.row(number) else { throw .unknownRule(number) }
        try Self.check(limit.threshold, rule.unit, number)
        try Self.check(limit.second, rule.secondUnit, number)
        if rule.isMandatory, limit.severity == .warn { throw .mustReject(rule: number) }
        rows[Int(number)] = limit
    }

    /// Replaces only the severity of a rule; see `set(_:_:)`.
    public mutating func set(_ number: UInt8, severity: RiskSeverity) throws(RiskLimitsError) {
        guard let rule = RiskRule.row(number) else { throw .unknownRule(number) }
        var limit = self[rule.indicator]
        limit.severity = severity
        try set(number, limit)
    }

    /// The rules whose failure refuses a request.
    public var rejecting: RiskMask { RiskMask(RiskIndicator.allCases.filter { self[$0].severity == .reject }) }

    private static func check(_ value: Int64, _ unit: RiskUnit, _ number: UInt8) throws(RiskLimitsError) {
        guard value >= 0, value <= unit.thresholdMax else {
            throw .outOfRange(rule: number, value: value, maximum: unit.thresholdMax)
        }
    }
}
