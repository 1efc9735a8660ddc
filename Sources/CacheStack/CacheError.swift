/// Why a read could not keep its promise.
public struct CacheError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of fault.
    public enum Code: String, Sendable, Hashable {
        /// No level could prove the promise, because L3 failed; `underlying` says how.
        case stalenessUnprovable
        /// The cap on loads from L3 and its queue are full.
        case overloaded
        /// L3 is behind the session's token: history was lost, or the token is forged.
        case behindToken
        /// The token, or L3's answer, is of another epoch than this process.
        case otherEpoch
        /// The row kept changing under every attempt.
        case contention
    }

    public let code: Code
    /// What a person can do about it.
    public let message: String
    /// The fault of the tier below, if there was one.
    public let underlying: TierError?

    /// A fault of that code.
    public init(_ code: Code, _ message: String, underlying: TierError? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    public var description: String {
        "\(code.rawValue): \(message)" + (underlying.map { " (\($0))" } ?? "")
    }
}
