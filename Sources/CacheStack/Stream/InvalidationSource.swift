/// What L2 tells of its own accord: fast, best effort, naming keys and never versions.
public enum Invalidation: Sendable {
    /// Why nothing more precise can be said about a region.
    public enum Cause: String, Sendable, CaseIterable {
        /// L2 was emptied.
        case flushed
        /// The link that would have told is gone.
        case linkLost = "link_lost"
        /// The link is back, or there for the first time: what happened before it was not told.
        case linkMade = "link_made"
        /// The keys have moved to another node of L2; the old one may have dropped them without a word.
        case moved
    }

    /// Something happened to these keys: written by anyone, this process included, expired, evicted or deleted.
    case keys([CacheKey])
    /// Whatever there was to tell about the keys of a region may have been lost.
    case region(KeyRegion, Cause)
}

/// A part of the key space, such as the keys of one node of L2.
public struct KeyRegion: Sendable {
    private let test: @Sendable (CacheKey) -> Bool

    /// The keys for which `test` is true; it must be pure and take well below a microsecond.
    public init(_ test: @escaping @Sendable (CacheKey) -> Bool) { self.test = test }

    /// All keys.
    public static let everything = KeyRegion { _ in true }

    /// Whether the key belongs to it.
    public func contains(_ key: CacheKey) -> Bool { test(key) }
}

/// What L2 holds of a key, as far as its first 17 bytes say.
public enum HeldVersion: Sendable, Hashable {
    /// A value of that version.
    case value(Ticket)
    /// No value: absent, a tombstone, a lease, or no entry at all.
    case other
    /// The key's node did not answer in time.
    case unknown
}

/// The fast path of invalidation: messages of L2 about keys, and the cheap question that settles each.
///
/// It makes reads fresher, never correct: messages may be lost, late, doubled or made up, and nothing but time is lost.
/// What the read levels promise rests on certificates and on the stream alone.
public protocol InvalidationSource: Sendable {
    /// Hands messages to `handler` from now on, those of one node in the node's order, on a thread of the source; nil
    /// ends that. Once the call with nil has returned `handler` is not called any more.
    func setHandler(_ handler: (@Sendable (Invalidation) -> Void)?)

    /// What L2 holds of each key, in the order of the keys, read after the call began.
    func versions(of keys: [CacheKey], until deadline: ContinuousClock.Instant) async -> [HeldVersion]
}
