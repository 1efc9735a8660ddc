/// How a transaction took effect.
public enum TransactionOutcome<Result> {
    /// It is durable now; the closure's result.
    case committed(Result, TransactionReceipt)
    /// Its idempotency key had taken effect before; nothing was written now.
    case alreadyCommitted(TransactionReceipt)

    /// Where it stands in the history.
    public var receipt: TransactionReceipt {
        switch self {
        case .committed(_, let receipt), .alreadyCommitted(let receipt): receipt
        }
    }

    /// The closure's result; nil where the transaction had been committed before.
    public var result: Result? {
        if case .committed(let result, _) = self { return result }
        return nil
    }
}

extension TransactionOutcome: Sendable where Result: Sendable {}

/// Where a transaction stands in the history.
public struct TransactionReceipt: Sendable, Hashable {
    /// Its ticket; for a transaction that only read, the ticket of the state it saw.
    public let ticket: Ticket
    /// The ticket's epoch.
    public let epoch: UInt32
    /// How often the closure ran.
    public let attempts: Int

    /// The token of a session that has seen this transaction.
    public var token: SessionToken { SessionToken(epoch: epoch, ticket: ticket) }
}

extension SessionToken {
    /// Raises the token to a transaction of the session's.
    public mutating func observe(_ receipt: TransactionReceipt) { observe(receipt.ticket, epoch: receipt.epoch) }
}

/// Why a transaction did not take effect, or cannot be said to have.
public struct TransactionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of end. Only after `inDoubt` may the transaction have taken effect.
    public enum Code: String, Sendable, Hashable {
        /// Other writers were first, as often as the policy allows.
        case conflict
        /// COMMIT was sent and its answer is lost. Never report it as a failure: repeat the transaction with the same
        /// idempotency key, which finds out; without a key, read the rows.
        case inDoubt
        /// The idempotency key took effect before, for another intent.
        case keyReused
        /// L3 refused the rows; nothing was written.
        case rejected
        /// L3 failed before the commit; nothing was written, the transaction may be repeated.
        case failed
        /// More rows than the policy allows.
        case tooManyRows
        /// The idempotency key is not 1...64 bytes of text without zero bytes.
        case invalidKey
        /// The row to be inserted exists.
        case exists
        /// A read or write came after the closure had ended; it has no effect.
        case closed
    }

    public let code: Code
    /// What a person can do about it.
    public let message: String
    /// The row that was in conflict or exists.
    public let key: CacheKey?
    /// The fault of the tier below, if there was one.
    public let underlying: TierError?

    /// A fault of that code.
    public init(_ code: Code, _ message: String, key: CacheKey? = nil, underlying: TierError? = nil) {
        self.code = code
        self.message = message
        self.key = key
        self.underlying = underlying
    }

    public var description: String {
        "\(code.rawValue): \(message)" + (underlying.map { " (\($0))" } ?? "")
    }
}

/// What a transaction promises, how often it is tried, and how large it may be.
public struct TransactionPolicy: Sendable {
    /// Which of the rows read must be unchanged at the commit.
    public enum Isolation: Sendable, Hashable {
        /// All of them: transactions have the effect of running one after another.
        case serializable
        /// Those that are also written: first committer wins, but what was only read may have changed.
        case writtenRows
    }

    /// Which rows must be unchanged.
    public var isolation: Isolation
    /// Most runs of the closure.
    public var attemptsMax: Int
    /// Pause before the second run; it doubles, and is multiplied by `jitter`.
    public var pause: Duration = .milliseconds(2)
    /// Longest pause.
    public var pauseMax: Duration = .milliseconds(100)
    /// Most rows read and written, together.
    public var rowsMax = 10_000
    /// A number of 0..<1 for each pause.
    public var jitter: @Sendable () -> Double = { .random(in: 0..<1) }

    /// A policy; `attemptsMax` is at least 1.
    public init(isolation: Isolation = .serializable, attemptsMax: Int = 8) {
        precondition(attemptsMax > 0, "a transaction runs at least once")
        self.isolation = isolation
        self.attemptsMax = attemptsMax
    }

    /// The pause after `attempt` runs.
    func pause(after attempt: Int) -> Duration {
        let doubled = pause * (1 << Swift.min(attempt - 1, 20))
        return Swift.min(doubled, pauseMax) * jitter()
    }
}
