/// One conditional write: committed whole, or not at all.
public struct Transaction: Sendable {
    /// The version a row must still have when the batch holds the clock row.
    public struct Expectation: Sendable, Hashable {
        public let key: CacheKey
        public let version: Ticket
        /// The epoch the version was read in, 0 where it does not matter. After L3 was restored the same ticket names
        /// another content: an expectation of the lost history is a conflict.
        public let epoch: UInt32

        /// `key` must be at `version` (`.zero`: must never have existed) of `epoch` (0: of whatever epoch is current).
        public init(_ key: CacheKey, at version: Ticket, epoch: UInt32 = 0) {
            self.key = key
            self.version = version
            self.epoch = epoch
        }
    }

    /// Names an attempt, so that it takes effect at most once however often it is sent.
    public struct IdempotencyKey: Sendable, Hashable {
        /// 1...64 bytes of text, unique per intent.
        public let key: String
        /// Hash of what the caller wants done: the same key with another body is refused.
        public let bodyHash: UInt64

        /// A key and the hash of the body it stands for.
        public init(_ key: String, bodyHash: UInt64) {
            self.key = key
            self.bodyHash = bodyHash
        }
    }

    /// The rows read, with the versions read: pass all of them for a serializable transaction.
    public var expectations: [Expectation]
    public var writes: WriteSet
    public var idempotency: IdempotencyKey?

    /// A transaction of those parts.
    public init(expectations: [Expectation] = [], writes: WriteSet, idempotency: IdempotencyKey? = nil) {
        self.expectations = expectations
        self.writes = writes
        self.idempotency = idempotency
    }
}

/// How a transaction ended.
public enum CommitOutcome: Sendable, Equatable {
    /// Durable in L3 at `ticket`; `time` is the L3 time of the batch, microseconds since 1970 UTC.
    case committed(Ticket, time: Int64, epoch: UInt32)
    /// A row read or written had another version: first committer wins.
    case conflict(CacheKey, current: Ticket)
    /// The idempotency key had been committed before, at that ticket; nothing was written now.
    case duplicate(Ticket)
    /// The idempotency key is known with another body.
    case keyReused
    /// L3 refused the rows (a constraint); nothing was written. The text is safe to log.
    case rejected(String)
    /// The batch failed before COMMIT was sent: it did not and will not take effect; the caller may retry.
    case failed(TierError)
    /// COMMIT was sent and its answer is lost, and resolution has not succeeded yet. Never report it as a failure.
    case inDoubt
}
