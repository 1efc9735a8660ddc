internal import Synchronization

/// One call of a function in process.
public struct InProcessCall: Sendable, Equatable {
    /// Name of the operation.
    public var operation: String
    /// The bound fields by name, as text.
    public var arguments: [String: String]
    /// Counts the calls of the run, from 0.
    public var number: Int
    /// Nanoseconds after the target was connected: of the run's start in simulated time, some 20 ms before it otherwise.
    public var time: UInt64
}

/// What a function in process answers.
public struct InProcessReply: Sendable, Equatable {
    /// How the call ends.
    public var outcome: Outcome
    /// How long it takes, nanoseconds; nil for no answer at all.
    public var delayNanoseconds: UInt64?
    /// Why, where it is not `ok`.
    public var reason: String
    /// Values that `SavePlan` may take: `$.name` is the entry `name`.
    public var values: [String: String]

    /// A reply.
    public init(
        _ outcome: Outcome = .ok, after delayNanoseconds: UInt64? = 0, reason: String = "",
        values: [String: String] = [:]
    ) {
        self.outcome = outcome
        self.delayNanoseconds = delayNanoseconds
        self.reason = reason
        self.values = values
    }
}

/// Functions of this process that plans may name as their target.
///
/// `echo` answers at once; `sleep` after the time its argument `delay` names in microseconds (none: at once).
public enum InProcessTarget {
    /// Called on the engine's thread; must not block.
    public typealias Function = @Sendable (InProcessCall) -> InProcessReply

    private static let functions = Mutex<[String: Function]>([
        "echo": { _ in InProcessReply() },
        "sleep": { call in InProcessReply(after: (call.arguments["delay"].flatMap { UInt64($0) } ?? 0) * 1_000) },
    ])

    /// Makes a function known under a name, in place of one of that name.
    public static func register(_ name: String, _ function: @escaping Function) {
        functions.withLock { $0[name] = function }
    }

    /// Forgets a function.
    public static func remove(_ name: String) { functions.withLock { $0[name] = nil } }

    /// Names known, in alphabetical order.
    public static var names: [String] { functions.withLock { $0.keys.sorted() } }

    static func function(_ name: String) -> Function? { functions.withLock { $0[name] } }
}
