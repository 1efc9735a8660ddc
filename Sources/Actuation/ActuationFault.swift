/// What went wrong outside: an endpoint, an API server, a supervisor, or the configuration that names them.
public struct ActuationFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of fault, also the values of metrics' label `reason`.
    public enum Code: String, Sendable, CaseIterable {
        /// What was configured contradicts itself or cannot be read.
        case configuration
        /// No answer within the limit.
        case timeout
        /// No connection, or one that broke.
        case unreachable
        /// The task was cancelled.
        case cancelled
        /// An answer in 3xx; redirects are not followed, so that a token never goes to another host.
        case redirected
        /// An answer that is longer than the limit.
        case tooLarge
        /// An answer that is not what was asked for: HTML, half a document, a missing field.
        case unreadable
        /// Numbers that go back in time, or stand still.
        case stale
        /// More than the replicas there may be could have served.
        case implausible
        /// 409: the object changed since it was read.
        case conflict
        /// 404.
        case notFound
        /// 410: the version that was asked for is no longer kept.
        case expired
        /// 401: the token is not valid.
        case unauthorized
        /// 403: the role does not allow it.
        case forbidden
        /// 400 or 422: the API server refuses the value.
        case invalid
        /// 429.
        case throttled
        /// 5xx.
        case unavailable
        /// Another status.
        case status
        /// The order's epoch is lower than one seen before, or leadership has ended.
        case fenced
        /// A HorizontalPodAutoscaler targets the same object.
        case contested
        /// The address to listen on cannot be bound.
        case bind
    }

    /// What kind of fault it is.
    public let code: Code
    /// What happened where; never a token or a body.
    public let description: String
    /// Seconds to wait that the other side asked for (field `Retry-After`).
    public let retryAfter: Double?

    /// A fault.
    public init(_ code: Code, _ description: String, retryAfter: Double? = nil) {
        self.code = code
        self.description = description
        self.retryAfter = retryAfter
    }

    /// Whether the same call may go through a moment later.
    public var isPassing: Bool {
        switch code {
        case .timeout, .unreachable, .throttled, .unavailable: true
        default: false
        }
    }
}
