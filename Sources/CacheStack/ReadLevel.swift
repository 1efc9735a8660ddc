/// What a read promises, from cheapest to strongest.
///
/// | level | promise | served from |
/// |---|---|---|
/// | bounded | a committed value that had not been superseded for longer than `maxAge` when the call began; in one process a key never goes back | L1, L2, L3 |
/// | session | bounded, and the session's own writes and everything it has observed | L1 and L2 where the certificate proves it, else L3 |
/// | snapshot | all values are the committed state at one ticket, not older than `maxAge` nor than the token | any mix whose intervals meet, else one L3 snapshot |
/// | strict | linearizable; several keys are one snapshot of the primary | L3 only |
///
/// No money or position may be decided on bounded, session or snapshot data alone: pass the versions read as
/// expectations of the write.
public enum ReadLevel: Sendable, Hashable {
    /// At most `maxAge` behind.
    case bounded(maxAge: Duration = .seconds(10))
    /// At most `maxAge` behind and never behind the token.
    case session(SessionToken, maxAge: Duration = .seconds(10))
    /// One state of all keys, at most `maxAge` behind and never behind the token.
    case snapshot(maxAge: Duration = .seconds(10), token: SessionToken = SessionToken())
    /// The newest state, from L3.
    case strict
}

/// Where a value came from.
public enum CacheLevel: UInt8, Sendable, Hashable {
    case l1 = 1
    case l2, l3
}

/// A row as a read returns it.
public struct CachedValue: Sendable, Equatable {
    public var key: CacheKey
    /// Ticket of the commit that wrote it; zero where the row never existed. What a conditional write expects.
    public var version: Ticket
    /// A ticket at which `version` was the newest: the interval [version, asOf] is proven. For a snapshot: its ticket.
    public var asOf: Ticket
    /// The epoch of both tickets.
    public var epoch: UInt32
    /// Upper bound of how long ago `asOf` was current, at the time of the read.
    public var ageBound: Duration
    /// The row's bytes; nil where the row does not exist.
    public var payload: [UInt8]?
    public var level: CacheLevel
    /// Whether the level's promise was not provable and the caller had allowed that.
    public var isStale: Bool

    /// A value of those parts.
    public init(
        key: CacheKey, version: Ticket, asOf: Ticket, epoch: UInt32, ageBound: Duration, payload: [UInt8]?,
        level: CacheLevel, isStale: Bool = false
    ) {
        self.key = key
        self.version = version
        self.asOf = asOf
        self.epoch = epoch
        self.ageBound = ageBound
        self.payload = payload
        self.level = level
        self.isStale = isStale
    }
}

extension SessionToken {
    /// Raises the token to the version of a value read.
    public mutating func observe(_ value: CachedValue) { observe(value.version, epoch: value.epoch) }
}
