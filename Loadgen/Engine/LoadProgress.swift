internal import Synchronization

/// Asks a run to end early; may be set from a signal handler or another thread.
public final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    /// A flag that is not set.
    public init() {}

    /// Asks the run to stop sending, wait briefly for answers, and disconnect.
    public func set() { flag.store(true, ordering: .relaxed) }

    /// Whether it is set.
    public var isSet: Bool { flag.load(ordering: .relaxed) }
}

/// Where a scenario stands.
public struct ScenarioProgress: Sendable, Equatable {
    /// Stages of a scenario's life.
    public enum Phase: String, Sendable {
        /// Its start has not come.
        case waiting
        /// It starts iterations.
        case running
        /// It starts no more, some are unfinished.
        case finishing
        /// All is done.
        case ended
    }

    /// Where it stands.
    public var phase = Phase.waiting
    /// Users now.
    public var users = 0
    /// Rate asked for by a search's step, iterations a second; 0 otherwise.
    public var rate = 0.0
    /// The step of stepped users or a search, from 0; nil otherwise.
    public var step: Int?
}

/// Where a run stands: handed out at the end of each interval of the series, at most once a second.
public struct LoadProgress: Sendable {
    /// Seconds since the start.
    public var elapsed: Double
    /// Seconds the plan lasts, see `LoadPlan.seconds`.
    public var length: Double
    /// The interval that just ended.
    public var interval: LoadInterval
    /// Arrivals reached so far.
    public var offered: Int
    /// Requests sent so far.
    public var sent: Int
    /// All requests of all scenarios so far, warm-up excluded, in one row; its names' indices are -1.
    public var totals: OperationResult
    /// Connections of the run.
    public var connections: Int
    /// One entry a scenario.
    public var scenarios: [ScenarioProgress]
    /// The plan's conditions on the figures so far.
    public var thresholds: [ThresholdResult]

    /// Errors so far, warm-up excluded.
    public var errors: Int { totals.errors }
}

/// One finished request, for records of single requests (JTL).
public struct RequestSample: Sendable, Equatable {
    /// When it was due, nanoseconds after the run's start.
    public var intended: UInt64
    /// When it was written; equals `done` where it never was.
    public var sent: UInt64
    /// When its answer was read, or it was given up.
    public var done: UInt64
    /// Index of the scenario.
    public var scenario: Int
    /// Index of the operation.
    public var operation: Int
    /// How it ended.
    public var outcome: Outcome
    /// The connection, from 0; -1 where it was never written.
    public var connection: Int
    /// Bytes of the answer; 0 where the transport does not know.
    public var bytesIn: Int
    /// Bytes of the request.
    public var bytesOut: Int
    /// Why it failed or was refused; empty for a right answer.
    public var reason: String
}

/// Gets every finished request, on the engine's thread: must return quickly and not block.
public protocol SampleSink: AnyObject {
    /// A request is finished; warm-up included.
    func finished(_ sample: RequestSample)
}
