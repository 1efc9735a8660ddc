/// What a run proves, and the exit code that says so.
@frozen
public enum Verdict: Sendable, Equatable, CaseIterable {
    /// All thresholds hold and the generator kept up.
    case pass
    /// A threshold does not hold.
    case fail
    /// All thresholds hold, but the figures are the generator's: the measurement is invalid.
    case generatorLimited
    /// Ended by a signal.
    case interrupted

    /// Exit codes of the program; 99, 104 and 105 are those of k6.
    public var exitCode: Int32 {
        switch self {
        case .pass: 0
        case .fail: 99
        case .interrupted: 105
        case .generatorLimited: 120
        }
    }

    /// Its name in summaries.
    public var name: String {
        switch self {
        case .pass: "pass"
        case .fail: "fail"
        case .generatorLimited: "generator_limited"
        case .interrupted: "interrupted"
        }
    }

    /// Its name for people.
    public var title: String {
        switch self {
        case .pass: "Pass"
        case .fail: "Fail"
        case .generatorLimited: "Generator-limited"
        case .interrupted: "Interrupted"
        }
    }
}
