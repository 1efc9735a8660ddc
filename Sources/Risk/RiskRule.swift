public import Market

/// One row of the indicator table: what a rule is called, what it measures, and what its failure means.
///
/// The table drives everything that must agree: `RiskLimits` takes its defaults from it, `RiskEngine` its masks of
/// applicable and refusing rules and its counters, the tests one holding and one failing case a row.
public struct RiskRule: Sendable {
    /// The rule, and by its raw value the rule number.
    public let indicator: RiskIndicator
    /// What the rule's state is kept for.
    public let scope: RiskScope
    /// Unit of `threshold`.
    public let unit: RiskUnit
    /// Unit of `second`; `.flag` where the rule has no second threshold.
    public let secondUnit: RiskUnit
    /// Default threshold, severity and second threshold.
    public let limit: RiskLimit
    /// Whether a failure must refuse: `RiskLimits` does not let such a rule be turned into a warning, because an order
    /// that breaks it cannot be booked (an unknown account, an overflow, money that is not there).
    public let isMandatory: Bool
    /// FIX tag 103 of a refused new order.
    public let rejectReason: UInt8
    /// FIX tag 102 of a refused cancel or replace.
    public let cancelReason: UInt8
    /// The request kinds it can refuse; for the others it holds trivially, and is evaluated all the same.
    public let kinds: RiskKinds
    /// What is wrong with a request that fails, for FIX tag 58.
    public let text: String

    /// The rule number.
    public var number: UInt8 { indicator.rawValue }
    /// The group of the table the number lies in.
    public var group: RiskGroup { RiskGroup(number: number) }
    /// The indicator's name, a label value for metrics.
    public var name: String { String(describing: indicator) }

    init(
        _ indicator: RiskIndicator, _ scope: RiskScope, _ unit: RiskUnit = .flag, _ threshold: Int64 = 0,
        second: Int64 = 0, _ secondUnit: RiskUnit = .flag, _ severity: RiskSeverity = .reject,
        mandatory: Bool = false, reason: UInt8, cancelReason: UInt8 = 99, kinds: RiskKinds = .entry, _ text: String
    ) {
        self.indicator = indicator
        self.scope = scope
        self.unit = unit
        self.secondUnit = secondUnit
        self.limit = RiskLimit(threshold: threshold, second: second, severity: severity)
        self.isMandatory = mandatory
        self.rejectReason = reason
        self.cancelReason = cancelReason
        self.kinds = kinds
        self.text = text
    }

    /// The whole table, ascending by number.
    public static let table: [RiskRule] =
        validityRows + identityRows + phaseRows + priceRows + sizeRows + fundsRows + rateRows

    /// All rules of the table: what `RiskVerdict.evaluated` must equal for every request (invariant I17).
    public static let all = RiskMask(table.map(\.indicator))

    /// The row of a rule number, nil where the table has none.
    public static func row(_ number: UInt8) -> RiskRule? { rowsByNumber[Int(number)] }

    private static let rowsByNumber: [RiskRule?] = {
        var rows = [RiskRule?](repeating: nil, count: 256)
        for rule in table { rows[Int(rule.number)] = rule }
        return rows
    }()
}

/// A set of request kinds, bit `RequestKind.rawValue` of each.
public struct RiskKinds: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8

    /// The set with these bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// New orders.
    public static let new = RiskKinds(rawValue: 1 << RequestKind.new.rawValue)
    /// Cancels.
    public static let cancel = RiskKinds(rawValue: 1 << RequestKind.cancel.rawValue)
    /// Replaces.
    public static let replace = RiskKinds(rawValue: 1 << RequestKind.replace.rawValue)
    /// What brings an order into the book.
    public static let entry: RiskKinds = [.new, .replace]
    /// What names an order that is there.
    public static let change: RiskKinds = [.cancel, .replace]
    /// Every kind.
    public static let all: RiskKinds = [.new, .cancel, .replace]

    /// Whether `kind` is in the set.
    public func contains(kind: RequestKind) -> Bool { rawValue >> kind.rawValue & 1 == 1 }
}
