internal import Glibc

/// L1: the rows of this process, with what is proven about each.
///
/// Rows are spread over shards by hash. A read takes no lock and touches no reference count: it copies certificate and
/// payload out of the row's slot and proves by sequence numbers that they belong together (`SlotMemory` states the
/// orderings). It judges the certificate by its age. Writers, evictions and the stream hold the shard's lock. Every
/// node carries its version, the ticket and time as of which it was the newest, and a deadline.
///
/// A node is *recertifiable* when the stream of changes tells of every newer version: its certificate then moves along
/// with the watermark, until a floor above its version closes it. Floors are raised by the stream, by own commits and
/// by reads ahead of the watermark; nothing below its floor is installed or served, so a key never goes back.
///
/// | call | promise |
/// |---|---|
/// | `copy`, `withRow`, `value` | only open, unsuspected nodes before their deadline, within the bound; no lock |
/// | `install` | newer versions only, not below the floor, not of another epoch |
/// | `apply`, then `advance` | floors first, the watermark after: a reader never sees the watermark without its floors |
/// | `restart` | forgets rows and floors; older certificates then count only for themselves |
/// | `pin`, `unpin` | a pinned row is not evicted |
/// | `openSnapshot`, `closeSnapshot` | between them up to three superseded versions of a row are kept |
///
/// `copy` into a buffer is inlined where it is called, with all that a hit needs: kept apart, the call's saved registers
/// and its result in memory are a third of its instructions, and the fewer there are, the more reads wait for memory at
/// once. For that the types under it are visible to the compiler in other modules; their constants are computed, since
/// a stored one would be reached by a call there.
///
/// **Eviction.** One policy a shard; with one shard and the default policy the tier is an exact LRU, as far as hits of
/// different threads have an order at all: hits are recorded in a ring a thread (`UseRecord`), which the policy hears
/// of before it is asked. A read waits for no lock: with a full ring it empties it if the lock is free, and else loses
/// that one record. Policies that only mark what is used need no record.
@safe
public final class LocalTier: Sendable {
    /// Sizes and times of L1.
    public struct Configuration: Sendable {
        /// Most rows held, over all shards.
        public var entriesMax = 262_144
        /// Most bytes held, over all shards: 128 a row and a power of two for a payload above 64 bytes.
        public var bytesMax = 256 << 20
        /// Most weight held, over all shards, by `weigh`.
        public var weightMax = Int.max
        /// The weight of a row by its key and its payload's bytes, at least 0; nil: rows weigh nothing. Called under a
        /// shard's lock: it must be quick and must not use the tier.
        public var weigh: (@Sendable (CacheKey, Int) -> Int)?
        /// Number of locks; a power of two from 1 to 256. One gives the exact order of the whole tier.
        public var shards = 16
        /// Which row leaves a full shard.
        public var policy = PolicyName.lru
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
    /// are by the policy, by the byte or weight cap, by age, or (closed, not removed) by a newer version.
    public struct Statistics: Sendable, Hashable {
        public var hits: UInt64 = 0
        public var negatives: UInt64 = 0
        public var misses: UInt64 = 0
        /// Lookups that found a row which could not be served.
        public var stales: UInt64 = 0
        /// Hits the policy never heard of: the record was full while another thread held the lock.
        public var unrecorded: UInt64 = 0
        public var evictedLRU: UInt64 = 0
        public var evictedSize: UInt64 = 0
        public var evictedTTL: UInt64 = 0
        /// Rows closed by a newer version.
        public var evictedVersion: UInt64 = 0
        public var entries = 0
        public var bytes = 0
        public var weight = 0
        public var pinned = 0
        /// Superseded versions kept for open snapshots.
        public var versions = 0
        /// Bytes of memory for longer payloads, in use or not.
        public var reservedBytes = 0
        public var floors = 0
    }

    /// The limits it was made with.
    public let configuration: Configuration
    /// One allocation for all shards: reaching one costs no reference count.
    private nonisolated(unsafe) let shards: UnsafeMutablePointer<LockedShard>
    @usableFromInline nonisolated(unsafe) let views: UnsafeMutablePointer<LocalView>
    private nonisolated(unsafe) let region: UnsafeMutableRawPointer
    @usableFromInline let mask: UInt64
    private let counters: LocalCounters
    @usableFromInline let counts: LocalCounters.Base
    @usableFromInline let threads: ThreadNumber
    let snapshots = OpenSnapshots()

    /// An empty tier; counts that do not fit its shards are programmer mistakes.
    public init(_ configuration: Configuration = Configuration()) {
        let shards = configuration.shards
        precondition((1...256).contains(shards) && shards & (shards - 1) == 0, "shards are a power of two up to 256")
        precondition(configuration.entriesMax >= shards, "every shard holds an entry")
        let limits = LocalShard.Limits(
            entries: configuration.entriesMax / shards, bytes: configuration.bytesMax / shards,
            weight: configuration.weightMax / shards, floors: max(1, configuration.floorsMax / shards),
            lifetime: configuration.lifetime.nanoseconds, sharedLifetime: configuration.sharedLifetime.nanoseconds,
            weigh: configuration.weigh, stripes: Self.stripes, policy: configuration.policy)
        self.configuration = configuration
        unsafe self.shards = .allocate(capacity: shards)
        unsafe views = .allocate(capacity: shards)
        unsafe region = SlotMemory.region(shards: shards, capacity: limits.entries)
        for index in 0..<shards {
            let shard = unsafe LocalShard(limits, number: index, in: region)
            unsafe (views + index).initialize(to: shard.view)
            unsafe (self.shards + index).initialize(to: LockedShard(shard))
        }
        mask = UInt64(shards - 1)
        counters = LocalCounters()
        counts = counters.base
        threads = ThreadNumber.registry
    }

    deinit {
        unsafe shards.deinitialize(count: configuration.shards)
        unsafe shards.deallocate()
        unsafe views.deallocate()
        unsafe region.deallocate()
    }

    /// Rings a shard: two a processor, 2 to 16.
    private static var stripes: Int {
        let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        var stripes = 2
        while stripes < min(16, processors * 2) { stripes *= 2 }
        return stripes
    }

    @inlinable @inline(__always)
    func index(_ mixed: UInt64) -> Int {
        Int(truncatingIfNeeded: (mixed &>> 56) & mask)
    }

    @inline(__always)
    func view(_ mixed: UInt64) -> LocalView { unsafe views[index(mixed)] }

    @inline(__always)
    func withShard<R>(_ mixed: UInt64, _ body: (inout LocalShard) -> R) -> R {
        unsafe shards[index(mixed)].withLock { body(&$0) }
    }

    func withEachShard(_ body: (inout LocalShard) -> Void) {
        for shard in 0..<configuration.shards { unsafe shards[shard].withLock { body(&$0) } }
    }

    // MARK: Reading

    /// Finds a row that may be served and lets `take` have it; a payload that was in the slot is at `inline` then,
    /// which has room for 64 bytes. Where `take` returns nil, the row changed meanwhile, and all is done again. Counts
    /// and records the result.
    @inline(__always)
    private func served<R>(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, inline: UnsafeMutableRawPointer,
        _ take: (SlotMemory, SlotMemory.Reading) -> R?
    ) -> R? {
        let mixed = LocalHash.mix(LocalHash.number(key))
        let view = unsafe views + index(mixed)
        var reading = SlotMemory.Reading()
        // All that needs more than a glance is done elsewhere, so that this stays short and in registers.
        guard unsafe view.pointee.memory.glance(key, mixed, bound, now.nanoseconds, inline: inline, &reading),
            let result = unsafe take(view.pointee.memory, reading)
        else {
            return unsafe servedAgain(key, mixed, bound, now.nanoseconds, inline: inline, take)
        }
        unsafe noteHit(view, reading.slot, isAbsent: reading.row.isAbsent)
        return result
    }

    /// Counts a hit and tells the policy.
    @inlinable @inline(__always)
    func noteHit(_ view: UnsafePointer<LocalView>, _ slot: Int32, isAbsent: Bool) {
        var thread = threads.known
        if _fastPath(LocalCounters.Base.isOwner(thread)) {
            counts.addOwn(isAbsent ? .negatives : .hits, thread: thread)
        } else {
            thread = threads.current
            counts.add(isAbsent ? .negatives : .hits, thread: thread)
        }
        if unsafe _slowPath(!view.pointee.use(slot, thread: thread)) { unsafe catchUp(slot, view, thread) }
    }

    /// The same with patience: for misses, rows that may not be served, and rows that a writer changes.
    @inline(never)
    private func servedAgain<R>(
        _ key: CacheKey, _ mixed: UInt64, _ bound: AgeBound, _ now: Int64, inline: UnsafeMutableRawPointer,
        _ take: (SlotMemory, SlotMemory.Reading) -> R?
    ) -> R? {
        var reading = SlotMemory.Reading()
        var outcome = SlotMemory.Outcome.contended
        var result: R?
        var tries = 16
        while tries > 0, outcome == .contended {
            tries &-= 1
            let memory = view(mixed).memory
            outcome = unsafe memory.read(key, mixed, bound, now, inline: inline, &reading)
            guard outcome == .hit else { continue }
            result = take(memory, reading)
            if result == nil { outcome = .contended }
        }
        if outcome == .contended {
            // With the lock held nothing moves.
            (outcome, result) = withShard(mixed) { shard in
                let outcome = unsafe shard.memory.read(key, mixed, bound, now, inline: inline, &reading)
                return (outcome, outcome == .hit ? take(shard.memory, reading) : nil)
            }
        }
        switch outcome {
        case .hit: unsafe noteHit(views + index(mixed), reading.slot, isAbsent: reading.row.isAbsent)
        case .stale: counts.add(.stales, thread: threads.current)
        case .miss, .contended: counts.add(.misses, thread: threads.current)
        }
        return result
    }

    /// As above, with room for the payload on the stack.
    @inline(__always)
    private func served<R>(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime,
        _ take: (SlotMemory, SlotMemory.Reading, UnsafeRawPointer) -> R?
    ) -> R? {
        unsafe withUnsafeTemporaryAllocation(byteCount: SlotMemory.inlineBytes, alignment: 8) { buffer -> R? in
            guard let inline = buffer.baseAddress else { return nil }
            return unsafe served(key, bound, at: now, inline: inline) { memory, reading in
                unsafe take(memory, reading, UnsafeRawPointer(inline))
            }
        }
    }

    /// Makes room in the full record and puts the hit there, if the lock is free.
    @usableFromInline @inline(never)
    func catchUp(_ slot: Int32, _ view: UnsafePointer<LocalView>, _ thread: Int) {
        let isDone: Void? = unsafe shards[view - UnsafePointer(views)].withLockIfAvailable { $0.catchUp() }
        if unsafe isDone == nil || !view.pointee.use(slot, thread: thread) { counts.add(.unrecorded, thread: thread) }
    }

    /// Hands the row and a copy of its bytes to `body`, if the row may be served; returns whether it was.
    ///
    /// Takes no lock. Payloads above 1 KiB are copied to the heap. The bytes are valid only during the call.
    @inline(__always)
    public func withRow(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, _ body: (LocalRow, RawSpan) -> Void
    ) -> Bool {
        let isServed: Bool? = unsafe served(key, bound, at: now) { memory, reading, inline in
            let length = Int(reading.length)
            if reading.block == 0 {
                let bytes = unsafe UnsafeRawBufferPointer(start: inline, count: length)
                unsafe body(reading.row, bytes.bytes)
                return true
            }
            return unsafe withUnsafeTemporaryAllocation(byteCount: length, alignment: 8) { buffer -> Bool? in
                guard unsafe memory.copyBlock(of: reading, to: buffer) else { return nil }
                unsafe body(reading.row, UnsafeRawBufferPointer(buffer).bytes)
                return true
            }
        }
        return isServed ?? false
    }

    /// Keys of one `prefetch`: more cache lines than these processors load at once.
    public static let prefetchMax = 64

    /// Begins to load what reads of these keys will want, all at once, so that the reads that follow do not wait for memory
    /// one after another. Takes no lock and counts nothing; keys past `prefetchMax` are left out.
    public func prefetch(_ keys: Span<CacheKey>) {
        let count = min(keys.count, Self.prefetchMax)
        for index in 0..<count {
            let mixed = LocalHash.mix(LocalHash.number(keys[index]))
            view(mixed).memory.prefetchPlace(mixed)
        }
        for index in 0..<count {
            let mixed = LocalHash.mix(LocalHash.number(keys[index]))
            view(mixed).memory.prefetchSlot(mixed)
        }
    }

    /// Copies the row's bytes to `target`, if the row may be served: no lock, no allocation, no reference count.
    ///
    /// - Returns: the row and its whole length; where that is more than `target` holds, only its beginning was copied.
    ///   Nil: the row may not be served; the beginning of `target` may have been written to.
    @inlinable @inline(__always)
    public func copy(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, to target: UnsafeMutableRawBufferPointer
    ) -> (row: LocalRow, length: Int)? {
        // A target with room for a whole slot is written to directly; that is the way of nearly all reads.
        if target.count >= SlotMemory.inlineBytes, let direct = target.baseAddress {
            let mixed = LocalHash.mix(LocalHash.number(key))
            let view = unsafe views + index(mixed)
            var reading = SlotMemory.Reading()
            if unsafe view.pointee.memory.glance(key, mixed, bound, now.nanoseconds, inline: direct, &reading),
                reading.block == 0
            {
                unsafe noteHit(view, reading.slot, isAbsent: reading.row.isAbsent)
                return (reading.row, Int(reading.length))
            }
        }
        return unsafe copyAgain(key, bound, at: now, to: target)
    }

    /// The same for every target, payload and outcome.
    @usableFromInline @inline(never)
    func copyAgain(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, to target: UnsafeMutableRawBufferPointer
    ) -> (row: LocalRow, length: Int)? {
        unsafe served(key, bound, at: now) { memory, reading, inline in
            let length = Int(reading.length)
            if reading.block != 0 {
                return unsafe memory.copyBlock(of: reading, to: target) ? (reading.row, length) : nil
            }
            if let start = target.baseAddress {
                unsafe start.copyMemory(from: inline, byteCount: min(length, target.count))
            }
            return (reading.row, length)
        }
    }

    /// Copies the row's bytes over `buffer` (its capacity is kept), if the row may be served; takes no lock.
    public func copy(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, into buffer: inout [UInt8]
    ) -> LocalRow? {
        unsafe served(key, bound, at: now) { memory, reading, inline in
            let length = Int(reading.length)
            buffer.removeAll(keepingCapacity: true)
            if reading.block == 0 {
                unsafe buffer.append(contentsOf: UnsafeRawBufferPointer(start: inline, count: length))
                return reading.row
            }
            buffer.append(contentsOf: repeatElement(0, count: length))
            let isWhole = unsafe buffer.withUnsafeMutableBytes { unsafe memory.copyBlock(of: reading, to: $0) }
            return isWhole ? reading.row : nil
        }
    }

    /// The row with its own copy of the bytes (nil: absent), if it may be served; no lock, one allocation for them.
    public func value(_ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime) -> (LocalRow, [UInt8]?)? {
        unsafe served(key, bound, at: now) { memory, reading, inline in
            if reading.row.isAbsent { return (reading.row, nil) }
            let length = Int(reading.length)
            if reading.block == 0 {
                return unsafe (reading.row, Array(UnsafeRawBufferPointer(start: inline, count: length)))
            }
            var isWhole = false
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { bytes, count in
                isWhole = unsafe memory.copyBlock(of: reading, to: UnsafeMutableRawBufferPointer(bytes))
                count = length
            }
            return isWhole ? (reading.row, bytes) : nil
        }
    }

    // MARK: Counting

    /// Counts and sizes; takes every shard's lock once.
    public var statistics: Statistics {
        var sum = Statistics()
        sum.hits = counters.sum(.hits)
        sum.negatives = counters.sum(.negatives)
        sum.misses = counters.sum(.misses)
        sum.stales = counters.sum(.stales)
        sum.unrecorded = counters.sum(.unrecorded)
        withEachShard { shard in
            sum.evictedLRU += shard.counts.evictedLRU
            sum.evictedSize += shard.counts.evictedSize
            sum.evictedTTL += shard.counts.evictedTTL
            sum.evictedVersion += shard.counts.evictedVersion
            sum.entries += shard.count
            sum.bytes += shard.bytes
            sum.weight += shard.weight
            sum.pinned += shard.pinnedCount
            sum.versions += shard.chains.count
            sum.reservedBytes += shard.arena.reservedBytes
            sum.floors += shard.floors.count
        }
        return sum
    }

    /// What is wrong with the structure, by shard; empty where all is well. Reads everything; for tests and drills.
    public func check() -> [String] {
        var found: [String] = []
        var number = 0
        withEachShard { shard in
            found += shard.violations().map { "shard \(number): \($0)" }
            number += 1
        }
        return found
    }

    /// Traps unless every shard is consistent; for tests.
    package func checkInvariants() {
        let found = check()
        precondition(found.isEmpty, found.joined(separator: "; "))
    }
}
