/// A family of cached rows with one layout: what a table is to SQL.
@frozen
public struct SpaceID: Hashable, Sendable, RawRepresentable {
    /// Number of the space, 1...65535; it is part of the L2 key and of the outbox.
    public let rawValue: UInt16

    /// The space of that number.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// The identity of a cached row: its space and its 64-bit id.
///
/// Ids are numbers because they are hashed and compared on the hot path; text is interned once, at the edge.
@frozen
public struct CacheKey: Hashable, Sendable {
    public let space: SpaceID
    public let id: UInt64

    /// The row `id` of `space`.
    @inlinable
    public init(_ space: SpaceID, _ id: UInt64) {
        self.space = space
        self.id = id
    }
}

/// A commit number: row version, snapshot time and position in the outbox at once. 0 = before all commits.
@frozen
public struct Ticket: Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    /// The ticket of that number; at most 16 decimal digits.
    @inlinable
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before the first commit: the version of a row that never existed.
    public static let zero = Ticket(0)

    @inlinable
    public static func < (a: Ticket, b: Ticket) -> Bool { a.rawValue < b.rawValue }
}

/// What an entry proves: version `version` of the row was the newest at ticket `asOf`, current at L3 time `asOfTime`.
@frozen
public struct Certificate: Hashable, Sendable {
    /// Ticket of the commit that wrote this version; zero where the row never existed.
    public var version: Ticket
    /// The snapshot in which the version was seen to be the newest.
    public var asOf: Ticket
    /// L3 time of that snapshot, microseconds since 1970 UTC.
    public var asOfTime: Int64
    /// Raised when L3 time or history went back; entries of other epochs are not believed.
    public var epoch: UInt32

    /// A certificate of those four facts.
    @inlinable
    public init(version: Ticket, asOf: Ticket, asOfTime: Int64, epoch: UInt32) {
        self.version = version
        self.asOf = asOf
        self.asOfTime = asOfTime
        self.epoch = epoch
    }
}

/// A row as a tier holds it: its key, what is known of its version, and its bytes (nil: the row is absent).
public struct CertifiedEntry: Sendable, Equatable {
    public var key: CacheKey
    public var certificate: Certificate
    public var payload: [UInt8]?

    /// An entry of those three parts.
    public init(key: CacheKey, certificate: Certificate, payload: [UInt8]?) {
        self.key = key
        self.certificate = certificate
        self.payload = payload
    }
}
