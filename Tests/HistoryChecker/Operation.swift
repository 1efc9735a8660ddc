/// One call of a client of the cache, with the time around it and its outcome.
public struct Operation: Sendable, Equatable {
    /// The read level, or a write.
    public enum Kind: String, Sendable, CaseIterable {
        case bounded, session, snapshot, strict, write
    }

    /// How the call ended. A call that never returned is in doubt.
    public enum Outcome: String, Sendable, CaseIterable {
        /// The values were returned, or the write was acknowledged.
        case ok
        /// The write was refused by a newer version; it had no effect.
        case conflict
        /// The call ended with an error; a write had no effect.
        case failed
        /// The write may have taken effect.
        case inDoubt
    }

    /// No session, or no process, took part.
    public static let nobody: Int32 = -1
    /// The end of a call that never returned.
    public static let never = Int64.max

    public var kind: Kind
    public var outcome: Outcome
    /// Number of the process, unique for each start of it.
    public var process: Int32
    /// Number of the session whose token the call carried and raised; `nobody` where it carried none.
    public var session: Int32
    /// Nanoseconds on one monotonic clock before the call and after its return.
    public var begin: Int64
    public var end: Int64
    /// Bound on staleness that the read asked for, in nanoseconds.
    public var maxAge: Int64
    /// Ticket of an acknowledged write; ticket that a snapshot reported; else 0.
    public var ticket: UInt64
    /// Idempotency key of a write, unique for each intent and never 0; 0 for reads.
    public var attempt: UInt64
    /// Whether the values were returned as possibly stale, without the level's promise.
    public var isStale: Bool

    /// A call of those parts.
    public init(
        _ kind: Kind, _ outcome: Outcome = .ok, process: Int32 = nobody, session: Int32 = nobody, begin: Int64,
        end: Int64, maxAge: Int64 = 0, ticket: UInt64 = 0, attempt: UInt64 = 0, isStale: Bool = false
    ) {
        self.kind = kind
        self.outcome = outcome
        self.process = process
        self.session = session
        self.begin = begin
        self.end = end
        self.maxAge = maxAge
        self.ticket = ticket
        self.attempt = attempt
        self.isStale = isStale
    }
}

/// A version of a key that a read returned, or that a conditional write expected.
public struct Observation: Sendable, Equatable {
    /// The identity of a value whose bytes were not looked at.
    public static let unknown = UInt64.max

    public var key: UInt64
    /// Ticket of the commit that wrote it; 0 where the key never existed.
    public var version: UInt64
    /// Ticket at which the version was said to be the newest.
    public var asOf: UInt64
    /// Identity of the bytes: 0 for an absent row, `unknown` where they were not looked at.
    public var value: UInt64

    /// An observation of those parts.
    public init(_ key: UInt64, version: UInt64, asOf: UInt64, value: UInt64 = unknown) {
        self.key = key
        self.version = version
        self.asOf = asOf
        self.value = value
    }
}

/// What a write puts under a key: the identity of the bytes, 0 for a deletion.
public struct IntendedWrite: Sendable, Equatable {
    public var key: UInt64
    public var value: UInt64

    /// Writes `value` under `key`.
    public init(_ key: UInt64, _ value: UInt64) {
        self.key = key
        self.value = value
    }
}

/// A version that L3 holds, or held, in its history.
public struct DurableVersion: Sendable, Equatable {
    public var key: UInt64
    public var ticket: UInt64
    /// Identity of the bytes; 0 for a deletion.
    public var value: UInt64
    /// Idempotency key of the write; 0 where L3 does not tell.
    public var attempt: UInt64

    /// A version of those parts.
    public init(_ key: UInt64, at ticket: UInt64, value: UInt64, attempt: UInt64 = 0) {
        self.key = key
        self.ticket = ticket
        self.value = value
        self.attempt = attempt
    }
}

/// An idempotency key that L3 holds as having taken effect.
public struct DurableAttempt: Sendable, Equatable {
    public var attempt: UInt64
    public var ticket: UInt64

    /// `attempt` took effect at `ticket`.
    public init(_ attempt: UInt64, at ticket: UInt64) {
        self.attempt = attempt
        self.ticket = ticket
    }
}
