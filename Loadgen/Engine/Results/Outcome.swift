/// How a request ended.
@frozen
public enum Outcome: UInt8, Sendable, CaseIterable {
    /// Accepted: new order acknowledged, cancel or replace done.
    case ok = 0
    /// Refused by a business rule (150=8, or 35=9 with another reason than the next case): an answer, not an error.
    case rejected = 1
    /// A cancel or replace that found its order already filled or gone (35=9 with 102=0 or 1).
    case tooLate = 2
    /// No answer in time.
    case timeout = 3
    /// Refused by the session layer (35=3) or as unserviceable (35=j).
    case error = 4
    /// In flight when its connection broke: done or not, nobody told us. It is never sent again.
    case unknown = 5
    /// Never sent: in-flight cap reached under `drop`, or no session up.
    case dropped = 6

    /// Its name in summaries.
    public var name: String {
        switch self {
        case .ok: "ok"
        case .rejected: "rejected"
        case .tooLate: "too_late"
        case .timeout: "timeout"
        case .error: "error"
        case .unknown: "unknown"
        case .dropped: "dropped"
        }
    }

    /// Whether it counts into the error rate.
    public var isError: Bool { self == .timeout || self == .error || self == .unknown || self == .dropped }

    /// Whether the target answered.
    public var isAnswered: Bool { self == .ok || self == .rejected || self == .tooLate || self == .error }
}
