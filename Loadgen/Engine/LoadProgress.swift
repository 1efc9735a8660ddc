internal import Synchronization

/// Asks a run to end early; may be set from a signal handler or another thread.
public final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    /// A flag that is not set.
    public init() {}

    /// Asks the run to stop sending, wait briefly for answers, and log out.
    public func set() { flag.store(true, ordering: .relaxed) }

    /// Whether it is set.
    public var isSet: Bool { flag.load(ordering: .relaxed) }
}

/// Where a run stands, once a second.
public struct LoadProgress: Sendable {
    /// Seconds since the start.
    public var elapsed: Double
    /// Seconds the schedule lasts.
    public var length: Double
    /// The second that just ended.
    public var interval: LoadInterval
    /// Requests sent so far.
    public var sent: Int
    /// Errors so far.
    public var errors: Int
    /// Sessions of the run.
    public var sessions: Int
}
