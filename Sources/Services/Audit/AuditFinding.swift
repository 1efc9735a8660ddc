/// The verdict on one invariant.
public struct AuditFinding: Sendable, Hashable {
    /// How it ended.
    public enum Verdict: String, Sendable, Hashable {
        case holds, broken
        /// It does not apply to this day, or cannot be judged from the rows; the detail says why.
        case notApplicable = "not applicable"
    }

    /// Number of the invariant, as `I5`.
    public var number: String
    /// What must be true.
    public var claim: String
    public var verdict: Verdict
    /// What was compared, or the first thing that is wrong.
    public var detail: String

    /// A finding of those parts.
    public init(_ number: String, _ claim: String, _ verdict: Verdict, _ detail: String) {
        self.number = number
        self.claim = claim
        self.verdict = verdict
        self.detail = detail
    }
}
