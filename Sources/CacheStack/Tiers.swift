/// A fault of a tier below L1: a code to act on and a message for a person. It carries no payload and no secret.
public struct TierError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of fault.
    public enum Code: String, Sendable, Hashable {
        /// No connection could be made, or it broke.
        case unavailable
        /// The absolute deadline passed first.
        case deadline
        /// The tier's own queue or concurrency cap is full.
        case overloaded
        /// The breaker is open: the tier was not asked.
        case breakerOpen
        /// The peer answered something that its protocol does not allow, or its schema is not the expected one.
        case protocolViolation
        /// A uniqueness or check constraint refused the rows.
        case constraint
        /// The disk of L3 is full (SQLSTATE 53100), or it is shutting down.
        case cannotWrite
    }

    public let code: Code
    public let message: String

    /// A fault of that code; `message` says what a person can do.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}

/// What L2 answered for one key.
public enum SharedTierReply: Sendable, Equatable {
    /// A value, still to be judged by its certificate.
    case entry(CertifiedEntry)
    /// Nothing usable: absent, a tombstone or another loader's lease.
    case miss
    /// Bytes that failed a check (format, CRC, key hash): counted as poison, treated as a miss.
    case poison
}

/// What L2 answered to the request for a lease.
public enum LeaseReply: Sendable, Equatable {
    /// The caller may load and fill; versions below `floor` must not be stored. Token 0 is no lease: the key's node is at
    /// fault, so load without filling; a fill under token 0 is `.lost` without being asked.
    case granted(token: UInt64, floor: Ticket)
    /// Another loader holds the lease; ask again after at most `retryMilliseconds`.
    case wait(retryMilliseconds: Int)
    /// Meanwhile there is a value.
    case entry(CertifiedEntry)
}

/// The answer to a fill (script FILL).
public enum FillReply: Sendable, Equatable {
    case stored
    /// The lease's floor is above the version.
    case stale
    /// The lease expired or belongs to another loader.
    case lost
}

/// L2, shared between processes: holds only what L3 has committed; may lose or serve anything at any time.
///
/// All operations take an absolute deadline, batch freely, and never write a value by plain SET. Answers are in the
/// order of the keys. A fault of one node faults only the keys of that node: their replies are `.miss` and the error
/// is counted; the call throws only where no key could be asked.
public protocol SharedTier: Sendable {
    /// Reads the values of `keys` (GET, pipelined per node).
    func get(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> [SharedTierReply]

    /// The same for a reader who judges each answer by its certificate: with `allowingReplicas` copies that lag may
    /// answer. What they hold is true and may be older than what L2 holds, or missing.
    func get(
        _ keys: [CacheKey], allowingReplicas: Bool, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [SharedTierReply]

    /// Asks for leases on keys that missed (script GETL).
    func lease(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> [LeaseReply]

    /// Stores loaded entries under their leases (script FILL); `lifetime` counts from now, one per entry.
    func fill(
        _ entries: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [FillReply]

    /// Announces versions (script PUBLISH): upgrades values, raises floors, leaves tombstones, never creates a value. A
    /// value of the same version is renewed if the certificate announced is later.
    /// An entry without payload and with `invalidateOnly` only raises the floor.
    func publish(
        _ entries: [(entry: CertifiedEntry, lifetime: Duration, invalidateOnly: Bool)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError)

    /// Switches to the names of `epoch` (`CacheKey.l2Name`) for `get` and `lease`; called at start and whenever the
    /// stack enters another epoch. `fill` and `publish` take the epoch of each entry's certificate.
    func enter(epoch: UInt32)
}

extension SharedTier {
    /// Asks no replica: for tiers that have none.
    public func get(
        _ keys: [CacheKey], allowingReplicas: Bool, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [SharedTierReply] { try await get(keys, until: deadline) }

    /// Does nothing: for tiers whose keys do not depend on the epoch.
    public func enter(epoch: UInt32) {}
}

/// Rows of one L3 snapshot.
public struct LoadedRows: Sendable {
    /// One entry per key asked for, in that order, absent rows included; all certificates have the same `asOf`.
    public var entries: [CertifiedEntry]
    /// The snapshot's ticket, L3 time and epoch.
    public var asOf: Ticket
    public var asOfTime: Int64
    public var epoch: UInt32

    /// The rows of one snapshot.
    public init(entries: [CertifiedEntry], asOf: Ticket, asOfTime: Int64, epoch: UInt32) {
        self.entries = entries
        self.asOf = asOf
        self.asOfTime = asOfTime
        self.epoch = epoch
    }
}

/// One outbox row: the shared keys that the batch of that ticket wrote.
public struct ChangeRecord: Sendable, Equatable {
    public var ticket: Ticket
    public var keys: [CacheKey]

    /// The keys written at `ticket`.
    public init(ticket: Ticket, keys: [CacheKey]) {
        self.ticket = ticket
        self.keys = keys
    }
}

/// A page of the outbox after some ticket.
public struct ChangePage: Sendable, Equatable {
    /// Contiguous records, oldest first.
    public var records: [ChangeRecord]
    /// Newest ticket committed when the page was read, and the L3 time and epoch of that reading.
    public var newest: Ticket
    public var time: Int64
    public var epoch: UInt32

    /// A page as read in one statement.
    public init(records: [ChangeRecord], newest: Ticket, time: Int64, epoch: UInt32) {
        self.records = records
        self.newest = newest
        self.time = time
        self.epoch = epoch
    }
}

/// A batch whose COMMIT got no answer: what is needed to find out.
public struct BatchMark: Sendable, Hashable {
    /// The ticket the batch had taken, and the random number it wrote into its outbox row.
    public let ticket: Ticket
    public let nonce: UInt64
    /// What was decided for each transaction before COMMIT was sent: its outcome if the batch turns out committed.
    /// Empty where the tier does not know; then transactions with expectations or an idempotency key stay in doubt.
    public let outcomes: [CommitOutcome]

    /// The mark of the batch that took `ticket`.
    public init(ticket: Ticket, nonce: UInt64, outcomes: [CommitOutcome] = []) {
        self.ticket = ticket
        self.nonce = nonce
        self.outcomes = outcomes
    }

    /// Two marks are of one batch where ticket and nonce agree.
    public static func == (a: BatchMark, b: BatchMark) -> Bool { a.ticket == b.ticket && a.nonce == b.nonce }

    /// Hashes ticket and nonce.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ticket)
        hasher.combine(nonce)
    }
}

/// How a whole batch ended in L3.
public enum BatchOutcome: Sendable {
    /// One outcome per transaction, in order.
    case decided([CommitOutcome])
    /// COMMIT was sent, its result was not read.
    case inDoubt(BatchMark)
}

/// L3: permanent, strong, the only issuer of tickets.
public protocol DurableTier: Sendable {
    /// Reads rows in one snapshot (one statement for each space, all in one REPEATABLE READ transaction where there
    /// are several).
    func load(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> LoadedRows

    /// Commits the transactions as one batch under one ticket: takes the clock row, validates expectations and
    /// idempotency keys in batch order (`CommitDecision`), writes the accepted ones, writes one outbox row, commits.
    func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) async -> BatchOutcome

    /// Finds out how a batch in doubt ended: true = committed. Waits for the old transaction to end by taking the
    /// clock row; throws while that cannot be decided.
    func resolve(_ mark: BatchMark, until deadline: ContinuousClock.Instant) async throws(TierError) -> Bool

    /// The outbox after `ticket`, at most `limit` records.
    func changes(
        after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> ChangePage

    /// Streams every live row of `spaces`, all in one snapshot, space by space, in chunks of bounded size; `body` is
    /// called in order, on one thread, with the space, the ids and versions and the payloads one after another.
    func scan(
        _ spaces: [SpaceID], until deadline: ContinuousClock.Instant,
        _ body: @escaping @Sendable (ScanChunk) -> Void
    ) async throws(TierError) -> Ticket
}

/// Some rows of a scan.
public struct ScanChunk: Sendable {
    public var space: SpaceID
    public var ids: [UInt64]
    public var versions: [UInt64]
    /// Payloads one after another, all of the same size: the space's payload size, or less where it has wide fields;
    /// rows of different sizes are in different chunks.
    public var bytes: [UInt8]

    /// Rows of `space`.
    public init(space: SpaceID, ids: [UInt64], versions: [UInt64], bytes: [UInt8]) {
        self.space = space
        self.ids = ids
        self.versions = versions
        self.bytes = bytes
    }
}
