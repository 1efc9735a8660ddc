/// How often each rule was evaluated, refused and warned since the start: plain words, read for export.
public struct RiskCounters: Sendable {
    /// Requests evaluated.
    public private(set) var requests: UInt64 = 0
    /// Requests refused, each once, whatever the number of rules that failed.
    public private(set) var rejected: UInt64 = 0
    private var complete: UInt64 = 0
    private var partial = [UInt64](repeating: 0, count: 256)
    private var failures = [UInt64](repeating: 0, count: 256)
    private var warnings = [UInt64](repeating: 0, count: 256)

    /// Counters at zero.
    public init() {}

    /// How often the rule was evaluated; 0 for numbers that are not in the table.
    public func evaluated(_ number: UInt8) -> UInt64 {
        partial[Int(number)] + (RiskRule.all.contains(number) ? complete : 0)
    }

    /// How often the rule failed and refused (also beside a lower rule that named the refusal).
    public func failed(_ number: UInt8) -> UInt64 { failures[Int(number)] }

    /// How often the rule failed and only warned.
    public func warned(_ number: UInt8) -> UInt64 { warnings[Int(number)] }

    /// Counts one verdict by its masks; a complete evaluation is one addition.
    mutating func record(_ verdict: RiskVerdict, all: RiskMask) {
        requests &+= 1
        rejected &+= verdict.isAccepted ? 0 : 1
        if verdict.evaluated == all {
            complete &+= 1
        } else {
            Self.add(verdict.evaluated, to: &partial)
        }
        if !verdict.failed.isEmpty { Self.add(verdict.failed, to: &failures) }
        if !verdict.warned.isEmpty { Self.add(verdict.warned, to: &warnings) }
    }

    private static func add(_ mask: RiskMask, to counts: inout [UInt64]) {
        var rest = mask
        while let number = rest.popLowest() { counts[Int(number)] &+= 1 }
    }
}
