/// A typed row as a read returns it: the value, or nil where the row does not exist, and what is proven about it.
public struct Cached<Value: Sendable>: Sendable {
    /// The value; nil where the row is absent at `version`.
    public let value: Value?
    /// Ticket of the commit that wrote or deleted it; zero where the row never existed.
    public let version: Ticket
    /// A ticket at which `version` was the newest. For a snapshot: its ticket.
    public let asOf: Ticket
    /// The epoch of both tickets.
    public let epoch: UInt32
    /// Upper bound of how long ago `asOf` was current, at the time of the read.
    public let ageBound: Duration
    /// Where it came from.
    public let level: CacheLevel
    /// Whether the level's promise was not provable and the caller had allowed that.
    public let isStale: Bool

    init(_ value: Value?, _ row: CachedValue) {
        self.value = value
        version = row.version
        asOf = row.asOf
        epoch = row.epoch
        ageBound = row.ageBound
        level = row.level
        isStale = row.isStale
    }
}

extension Cached: Equatable where Value: Equatable {}

extension SessionToken {
    /// Raises the token to the version of a value read.
    public mutating func observe<Value>(_ value: Cached<Value>) { observe(value.version, epoch: value.epoch) }
}
