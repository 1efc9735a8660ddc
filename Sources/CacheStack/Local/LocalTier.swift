internal import Synchronization

/// L1: the rows of this process, with what is proven about each.
///
/// Rows are spread over shards by hash; each shard is an exact LRU under one lock (one shard: exact for the whole
/// tier). A hit takes the shard's lock, judges the certificate by its age, and copies the payload out; it allocates
/// nothing. Every node carries its version, the ticket and time as of which it was the newest, and a deadline.
///
/// A node is *recertifiable* when the stream of changes tells of every newer version: its certificate then moves along
/// with the watermark, until a floor above its version closes it. Floors are raised by the stream, by own commits and
/// by reads ahead of the watermark; nothing below its floor is installed or served, so a key never goes back.
///
/// | call | promise |
/// |---|---|
/// | `copy`, `withRow` | only open, unsuspected nodes before their deadline, within the bound |
/// | `install` | newer versions only, not below the floor, not of another epoch |
/// | `apply`, then `advance` | floors first, the watermark after: a reader never sees the watermark without its floors |
/// | `restart` | forgets rows and floors; older certificates then count only for themselves |
@safe
public final class LocalTier: Sendable {
    /// Sizes and times of L1.
    public struct Configuration: Sendable {
        /// Most rows held, over all shards.
        public var entriesMax = 262_144
        /// Most bytes held, over all shards: 128 a row and a power of two for a payload above 64 bytes.
        public var bytesMax = 256 << 20
        /// Number of locks; a power of two from 1 to 256. One gives the exact LRU of the whole tier.
        public var shards = 16
        /// A row is served this long after it was installed, less up to a tenth by its key.
        public var lifetime: Duration = .seconds(10)
        /// A row is kept this long after it was known current, less up to a tenth by its key.
        public var sharedLifetime: Duration = .seconds(60)
        /// Most records of newer versions, over all shards; past it older certificates are refused.
        public var floorsMax = 1 << 20

        /// The defaults.
        public init() {}
    }

    /// Counts since the start and sizes now, over all shards. A hit on an absent row counts as a negative; evictions
    /// are by recency, by the byte cap, by age, or (closed, not removed) by a newer version.
    public struct Statistics: Sendable, Hashable {
        public var hits: UInt64 = 0
        public var negatives: UInt64 = 0
        public var misses: UInt64 = 0
        /// Lookups that found a row which could not be served.
        public var stales: UInt64 = 0
        public var evictedLRU: UInt64 = 0
        public var evictedSize: UInt64 = 0
        public var evictedTTL: UInt64 = 0
        /// Rows closed by a newer version.
        public var evictedVersion: UInt64 = 0
        public var entries = 0
        public var bytes = 0
        public var floors = 0
    }

    /// The limits it was made with.
    public let configuration: Configuration
    /// One allocation for all shards: reaching one costs no reference count.
    private nonisolated(unsafe) let shards: UnsafeMutablePointer<Mutex<LocalShard>>
    private let shift: UInt64

    /// An empty tier; counts that do not fit its shards are programmer mistakes.
    public init(_ configuration: Configuration = Configuration()) {
        let shards = configuration.shards
        precondition((1...256).contains(shards) && shards & (shards - 1) == 0, "shards are a power of two up to 256")
        precondition(configuration.entriesMax >= shards, "every shard holds an entry")
        let limits = LocalShard.Limits(
            entries: configuration.entriesMax / shards, bytes: configuration.bytesMax / shards,
            floors: max(1, configuration.floorsMax / shards), lifetime: configuration.lifetime.nanoseconds,
            sharedLifetime: configuration.sharedLifetime.nanoseconds)
        self.configuration = configuration
        unsafe self.shards = .allocate(capacity: shards)
        for shard in 0..<shards { unsafe (self.shards + shard).initialize(to: Mutex(LocalShard(limits))) }
        shift = UInt64(64 - shards.trailingZeroBitCount)
    }

    deinit {
        unsafe shards.deinitialize(count: configuration.shards)
        unsafe shards.deallocate()
    }

    @inline(__always)
    private func withShard<R>(_ mixed: UInt64, _ body: (inout LocalShard) -> R) -> R {
        // A shift by 64 gives zero in Swift: one shard.
        unsafe shards[Int(truncatingIfNeeded: mixed >> shift)].withLock { body(&$0) }
    }

    private func withEachShard(_ body: (inout LocalShard) -> Void) {
        for shard in 0..<configuration.shards { unsafe shards[shard].withLock { body(&$0) } }
    }

    // MARK: Reading

    /// Hands the row and its bytes to `body` under the shard's lock, if the row may be served; returns whether it was.
    ///
    /// `body` must be short and must not use the tier. The bytes are valid only during the call.
    @inline(__always)
    public func withRow(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, _ body: (LocalRow, RawSpan) -> Void
    ) -> Bool {
        let mixed = LocalHash.mix(LocalHash.number(key))
        return withShard(mixed) { shard in
            guard let (slot, row) = shard.lookup(key, mixed, bound, now.nanoseconds) else { return false }
            let bytes = unsafe shard.payload(slot)
            unsafe body(row, bytes.bytes)
            return true
        }
    }

    /// Copies the row's bytes over `buffer` (its capacity is kept), if the row may be served.
    public func copy(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, into buffer: inout [UInt8]
    ) -> LocalRow? {
        var found: LocalRow?
        _ = withRow(key, bound, at: now) { row, bytes in
            buffer.removeAll(keepingCapacity: true)
            unsafe bytes.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
            found = row
        }
        return found
    }

    /// The row with its own copy of the bytes (nil: absent), if it may be served.
    public func value(_ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime) -> (LocalRow, [UInt8]?)? {
        var found: (LocalRow, [UInt8]?)?
        _ = withRow(key, bound, at: now) { row, bytes in
            found = (row, row.isAbsent ? nil : unsafe bytes.withUnsafeBytes { unsafe Array($0) })
        }
        return found
    }

    /// A row whatever its age: closed rows too, for snapshots; with `isStaleAllowed` also suspect and expired ones.
    public func anyValue(
        _ key: CacheKey, at now: MonotonicTime, isStaleAllowed: Bool = false
    ) -> (LocalRow, [UInt8]?)? {
        let mixed = LocalHash.mix(LocalHash.number(key))
        return withShard(mixed) { shard in
            guard let (slot, row) = shard.any(key, mixed, now.nanoseconds, isStaleAllowed: isStaleAllowed) else {
                return nil
            }
            return (row, row.isAbsent ? nil : unsafe Array(shard.payload(slot)))
        }
    }

    /// What a certificate offered by another tier is worth: its row as of now, moved along with the watermark where
    /// the stream vouches for it. Nil where its epoch is another or its version is below the key's floor.
    public func judge(
        _ key: CacheKey, _ certificate: Certificate, born: MonotonicTime, at now: MonotonicTime, followsStream: Bool
    ) -> LocalRow? {
        withShard(LocalHash.mix(LocalHash.number(key))) {
            $0.judge(key, certificate, born: born.nanoseconds, now: now.nanoseconds, followsStream: followsStream)
        }
    }

    // MARK: Writing

    /// Installs a row unless a newer version is known, and keeps the better of two certificates of one version.
    ///
    /// - Parameters:
    ///   - born: a time at or before which the certificate was current, on this process's clock.
    ///   - followsStream: whether the outbox lists this row's changes.
    ///   - onlyIfPresent: update a row that is held, but take no place for another.
    /// - Returns: false where it was refused: below the floor, older, of another epoch, or too large.
    @discardableResult
    public func install(
        _ entry: CertifiedEntry, born: MonotonicTime, at now: MonotonicTime, followsStream: Bool,
        onlyIfPresent: Bool = false
    ) -> Bool {
        let mixed = LocalHash.mix(LocalHash.number(entry.key))
        let offer = LocalShard.Offer(
            born: born.nanoseconds, now: now.nanoseconds, followsStream: followsStream, onlyIfPresent: onlyIfPresent)
        return withShard(mixed) { shard in
            guard let payload = entry.payload else {
                return unsafe shard.install(entry.key, mixed, entry.certificate, payload: nil, offer)
            }
            return unsafe payload.withUnsafeBytes { bytes in
                unsafe shard.install(entry.key, mixed, entry.certificate, payload: bytes, offer)
            }
        }
    }

    /// Applies one row of an own commit: updates it where it is held (or `installs` it), and raises its floor where
    /// the stream lists the row; where it does not, an older held version is closed without a floor.
    ///
    /// - Parameters:
    ///   - payload: nil where the row was deleted.
    ///   - sent: when the commit was sent; the certificate is the commit's own.
    func applyCommit(
        _ key: CacheKey, _ certificate: Certificate, payload: RawSpan?, sent: MonotonicTime, at now: MonotonicTime,
        followsStream: Bool, installs: Bool
    ) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        let offer = LocalShard.Offer(
            born: sent.nanoseconds, now: now.nanoseconds, followsStream: followsStream, onlyIfPresent: !installs)
        let ticket = certificate.version.rawValue
        withShard(mixed) { shard in
            if let payload {
                unsafe payload.withUnsafeBytes { bytes in
                    _ = unsafe shard.install(key, mixed, certificate, payload: bytes, offer)
                }
            } else {
                _ = unsafe shard.install(key, mixed, certificate, payload: nil, offer)
            }
            if followsStream {
                shard.raiseFloor(key, mixed, to: ticket, epoch: certificate.epoch, at: now.nanoseconds)
            } else {
                shard.close(key, mixed, below: ticket)
            }
        }
    }

    /// Records that `key` has been at version `ticket` of `epoch`: older versions are closed and refused from now on.
    public func raiseFloor(_ key: CacheKey, to ticket: Ticket, epoch: UInt32, at now: MonotonicTime) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) {
            $0.raiseFloor(key, mixed, to: ticket.rawValue, epoch: epoch, at: now.nanoseconds)
        }
    }

    /// Records a version about to be returned that is ahead of the stream, so that no older one is returned later.
    func noteRead(_ key: CacheKey, _ certificate: Certificate, at now: MonotonicTime) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) { shard in
            guard certificate.version.rawValue > shard.horizon.watermark else { return }
            shard.raiseFloor(
                key, mixed, to: certificate.version.rawValue, epoch: certificate.epoch, at: now.nanoseconds)
        }
    }

    /// Drops a row.
    public func drop(_ key: CacheKey) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) { shard in
            let slot = shard.find(key, mixed)
            if slot >= 0 { shard.remove(slot) }
        }
    }

    /// Marks a row as possibly changed: it is not served until an `install` confirms it.
    public func markSuspect(_ key: CacheKey) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) { shard in
            let slot = shard.find(key, mixed)
            if slot >= 0 { unsafe shard[slot].pointee.flags.insert(.suspect) }
        }
    }

    /// Marks every row held as possibly changed.
    public func markAllSuspect() {
        withEachShard { shard in
            var slot = shard.newest
            while slot >= 0 {
                unsafe shard[slot].pointee.flags.insert(.suspect)
                slot = shard.older(slot)
            }
        }
    }

    // MARK: The stream

    /// Moves the watermark: every change up to `watermark` was applied.
    ///
    /// `born` is when that was read, if it was the newest ticket then: a stream that has not caught up moves only its
    /// tickets, not its time.
    public func advance(to watermark: Ticket, born: MonotonicTime?, epoch: UInt32) {
        withEachShard { shard in
            guard shard.horizon.epoch == epoch else { return }
            shard.horizon.watermark = max(shard.horizon.watermark, watermark.rawValue)
            if let born { shard.horizon.born = max(shard.horizon.born, born.nanoseconds) }
        }
    }

    /// Forgets all rows and floors, and starts at `watermark` in `epoch`.
    ///
    /// With `refusingOlder` (after a gap), certificates of before `watermark` are refused, so that a key does not go
    /// back to what L2 may still hold.
    public func restart(at watermark: Ticket, born: MonotonicTime, epoch: UInt32, refusingOlder: Bool) {
        withEachShard { shard in
            shard.removeAll()
            shard.floors.restart(base: watermark.rawValue, refusingOlder: refusingOlder)
            shard.horizon = .init(watermark: watermark.rawValue, born: born.nanoseconds, epoch: epoch)
        }
    }

    // MARK: Counting

    /// Counts and sizes; takes every shard's lock once.
    public var statistics: Statistics {
        var sum = Statistics()
        withEachShard { shard in
            sum.hits += shard.counts.hits
            sum.negatives += shard.counts.negatives
            sum.misses += shard.counts.misses
            sum.stales += shard.counts.stales
            sum.evictedLRU += shard.counts.evictedLRU
            sum.evictedSize += shard.counts.evictedSize
            sum.evictedTTL += shard.counts.evictedTTL
            sum.evictedVersion += shard.counts.evictedVersion
            sum.entries += shard.count
            sum.bytes += shard.bytes
            sum.floors += shard.floors.count
        }
        return sum
    }

    /// Traps unless every shard is consistent; for tests.
    package func checkInvariants() { withEachShard { $0.checkInvariants() } }
}
