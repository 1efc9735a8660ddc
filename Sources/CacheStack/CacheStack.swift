internal import Synchronization
public import Telemetry

/// A cache of three levels over versioned rows: L1 in this process, L2 shared, L3 durable.
///
/// **Versions.** L3 issues one ticket for each committed batch. It is the version of every row the batch wrote, the
/// snapshot time at which those rows became visible, and the batch's place in the outbox. Tickets have no gaps and are
/// in commit order.
///
/// **Certificates.** Every entry says: version v of this row was the newest one at ticket `asOf`, which was current at
/// such a time. A read accepts an entry by the age of its certificate at that moment, never by how long it was held.
/// So L2 may lose, delay or serve anything: that costs hits, not correctness.
///
/// **The stream.** `run` follows L3's outbox. It raises the floor of each changed row, which closes older versions in
/// L1, and then moves the watermark W. A row the stream did not touch is as good as new at W: its certificate moves
/// along. At the start, after a gap or in a new epoch everything held is forgotten and W is the current ticket.
///
/// | read level | accepts | else |
/// |---|---|---|
/// | bounded | age at most `maxAge`, version at or above the row's floor | next level |
/// | session | bounded, and `asOf` at or above the token | L3; behind the token: an error |
/// | snapshot | rows whose intervals [version, asOf] meet at one ticket N, at most `maxAge` old | one L3 snapshot |
/// | strict | nothing held | L3 |
///
/// A miss walks down: L2's value; or a lease on it, under which one process loads from L3 and fills; or waiting for the
/// process that has the lease. Within the process one load of a key runs at a time, and readers share it. Loads from
/// L3 pass a bulkhead with a bounded queue. An entry of L2 that is read near the end of its life, and that the stream
/// vouches for, is renewed there without a load. A fault of L2 is a miss. Where L2 is away or lacks a row, a row of L1
/// that the stream proves is served on and given back to L2. When L3 fails, reads go on while certificates suffice; then
/// they fail, or return a value marked stale where the caller allows it.
///
/// **Writes** go to L3 in groups, conditional on the versions read; first committer wins. After the commit and before
/// the answer the new versions are in L1 and older ones are refused; L2 hears of them by `publish`, which never
/// creates a value. A commit whose answer was lost is looked up by its mark; until that succeeds it is *in doubt*.
///
/// Locks: one for each shard of L1, and one each for flights, commit queue, publish queue, stream and clock. None is
/// held across a suspension. Only the stream's is held while others (the shards') are taken.
public final class CacheStack: Sendable {
    /// Sizes, times and limits; the defaults suit a process of a few GB.
    public struct Configuration: Sendable {
        /// L1's sizes and lifetimes.
        public var local = LocalTier.Configuration()
        /// The longest `maxAge` a read may ask for; longer ones are shortened to it.
        public var maxAgeMax: Duration = .seconds(60)
        /// Deadline of one L2 operation; past it L2 counts as failed for that read.
        public var sharedTimeout: Duration = .milliseconds(50)
        /// Deadline of one load from L3, and of one reading of the stream.
        public var loadTimeout: Duration = .seconds(2)
        /// How long to wait for another loader before loading without a lease; L2 leases live as long.
        public var leaseWaitMax: Duration = .seconds(2)
        /// A fill is not sent when its query is older.
        public var fillAgeMax: Duration = .seconds(1)
        /// Loads from L3 at a time.
        public var loadsMax = 8
        /// Loads waiting for their turn; more are refused as overloaded.
        public var loadQueueMax = 1_024
        /// Rows in one load.
        public var loadRowsMax = 512
        /// Most keys of one snapshot or strict read.
        public var snapshotKeysMax = 16_384
        /// Tickets an L2 entry may be ahead of what this process knows before it is taken for poison.
        public var ticketSlack: UInt64 = 1 << 20
        /// Transactions in a batch.
        public var commitMembersMax = 256
        /// Rows in a batch; a transaction above it goes alone.
        public var commitRowsMax = 50_000
        /// Transactions waiting for a batch; more are refused as overloaded.
        public var commitQueueMembersMax = 65_536
        /// Rows of the transactions waiting; more are refused as overloaded.
        public var commitQueueRowsMax = 1_000_000
        /// Deadline of a batch, and of one lookup of a batch in doubt.
        public var commitTimeout: Duration = .seconds(5)
        /// How long a batch in doubt is looked up before its members hear so.
        public var resolutionTimeout: Duration = .seconds(10)
        /// Spaces whose rows enter L1 when they are committed; those of others are only updated where held.
        public var installedOnCommit: Set<SpaceID> = []
        /// Versions waiting to be announced to L2, one for each row; more are dropped and counted.
        public var publishQueueMax = 65_536
        /// Versions announced in one call.
        public var publishBatchMax = 512
        /// Entries of L2 with less life than this left are renewed when they are read and the stream vouches for them:
        /// what is read often then never expires, and is never loaded again while it does not change. Zero: never.
        public var renewalWindow: Duration = .seconds(30)
        /// How often the stream is read.
        public var pollInterval: Duration = .milliseconds(50)
        /// Records of the stream in one reading.
        public var pollRecordsMax = 1_000
        /// When versions are announced to L2 once more.
        public var repair = Repair.afterFaults
        /// How far back a repair reaches: as long as L2 keeps an entry, and two seconds.
        public var repairWindow: Duration = .seconds(62)
        /// Versions kept for a repair, 40 bytes each; the oldest are dropped first.
        public var repairKeysMax = 262_144
        /// Rows marked by messages of L2 that are kept apart; past it every row counts as marked for a while.
        public var suspectsMax = 65_536
        /// What of the reads is checked against L3.
        public var shadow = ShadowSettings()
        /// The clock and the sleeping.
        public var time = TimeSource.system
        /// Where batches run, for tests that own the order of all tasks; nil: the default executor.
        package var executor: (any TaskExecutor)?

        /// The defaults.
        public init() {}
    }

    /// The configuration it was made with.
    public let configuration: Configuration
    let local: LocalTier
    let shared: (any SharedTier)?
    let durable: any DurableTier
    let time: TimeSource
    let spaces: SpaceTable
    let metrics: StackMetrics
    let flights = FlightTable()
    let bulkhead: Bulkhead
    let clock = Mutex(L3Clock())
    let tail = Mutex(OutboxTail())
    let publishQueue: Mutex<PublishQueue>
    /// The newest ticket this process has heard of.
    let newest = Atomic<UInt64>(0)
    /// The epoch followed; 0 before the first answer of L3.
    let epoch = Atomic<UInt32>(0)
    let isRunning = Atomic<Bool>(false)
    let publishSignal = Signal()
    /// The newest ticket that was the current one when the stream was read to its end.
    let anchor = Mutex<Anchor?>(nil)
    /// The ticket at which this process took up the epoch, and a time at which that was the newest one.
    let start = Mutex((ticket: Ticket.zero, born: MonotonicTime(nanoseconds: 0)))
    let committer: GroupCommitter
    let fast: FastPath
    let shadow: ShadowChecker

    /// A stack over the given tiers; nothing is asked of them before the first call or `run`.
    ///
    /// - Parameters:
    ///   - schemas: every space that will be read or written; others are programmer mistakes.
    ///   - shared: L2; nil for a stack of two levels.
    ///   - invalidations: what L2 tells of its own accord, followed by `run`; nil where it tells nothing.
    public init(
        _ configuration: Configuration = Configuration(), schemas: [SpaceSchema], shared: (any SharedTier)?,
        durable: any DurableTier, invalidations: (any InvalidationSource)? = nil, metrics registry: MetricsRegistry
    ) {
        precondition(configuration.loadRowsMax > 0 && configuration.pollRecordsMax > 0, "batches hold something")
        self.configuration = configuration
        self.shared = shared
        self.durable = durable
        time = configuration.time
        spaces = SpaceTable(schemas, hasShared: shared != nil, installed: configuration.installedOnCommit)
        local = LocalTier(configuration.local)
        metrics = StackMetrics(registry)
        bulkhead = Bulkhead(concurrencyMax: configuration.loadsMax, queueMax: configuration.loadQueueMax)
        committer = GroupCommitter(configuration.commitLimits, executor: configuration.executor)
        publishQueue = Mutex(PublishQueue(countMax: configuration.publishQueueMax))
        fast = FastPath(configuration, source: shared == nil ? nil : invalidations, metrics: registry)
        shadow = ShadowChecker(configuration.shadow, schemas: schemas, metrics: registry)
        StackMetrics.export(local, to: registry)
        fast.export(to: registry, time: time)
        shadow.export(to: registry, time: time)
        let (committer, bulkhead) = (committer, bulkhead)
        registry.computed("cache_commit_queue_transactions", "Transactions waiting for a batch.") {
            Double(committer.depth)
        }
        registry.computed("cache_load_queue_batches", "Loads waiting for the bulkhead.") {
            Double(bulkhead.depth.waiting)
        }
    }

    /// Ticket up to which every change was applied to L1; zero before the first answer of L3.
    public var watermark: Ticket { tail.withLock { $0.position } }

    /// A deadline `timeout` from now, as the tiers want it.
    func deadline(_ timeout: Duration) -> ContinuousClock.Instant { .now + timeout }
}

extension CacheStack.Configuration {
    var commitLimits: GroupCommitter.Queue.Limits {
        .init(
            membersMax: commitMembersMax, rowsMax: commitRowsMax, queueMembersMax: commitQueueMembersMax,
            queueRowsMax: commitQueueRowsMax)
    }
}

/// What the stack needs to know of each space, by its number.
struct SpaceTable: Sendable {
    private struct Traits: OptionSet {
        let rawValue: UInt8
        static let known = Traits(rawValue: 1)
        static let inOutbox = Traits(rawValue: 2)
        static let inL2 = Traits(rawValue: 4)
        static let installed = Traits(rawValue: 8)
    }

    private var traits: [Traits]

    init(_ schemas: [SpaceSchema], hasShared: Bool, installed: Set<SpaceID>) {
        traits = Array(repeating: [], count: Int(schemas.map(\.space.rawValue).max() ?? 0) + 1)
        for schema in schemas {
            let index = Int(schema.space.rawValue)
            precondition(traits[index].isEmpty, "two schemas have the space \(index)")
            traits[index] = .known
            if schema.isShared { traits[index].insert(hasShared ? [.inOutbox, .inL2] : .inOutbox) }
            if installed.contains(schema.space) { traits[index].insert(.installed) }
        }
    }

    private func traits(_ space: SpaceID) -> Traits {
        let index = Int(space.rawValue)
        precondition(index < traits.count && !traits[index].isEmpty, "space \(index) has no schema")
        return traits[index]
    }

    /// Whether the outbox lists the changes of its rows.
    func isInOutbox(_ space: SpaceID) -> Bool { traits(space).contains(.inOutbox) }

    /// Whether L2 may hold its rows.
    func isInL2(_ space: SpaceID) -> Bool { traits(space).contains(.inL2) }

    /// Whether L2 may hold rows of the key's space; false for spaces of other programs.
    func mayBeInL2(_ key: CacheKey) -> Bool {
        let index = Int(key.space.rawValue)
        return index < traits.count && traits[index].contains(.inL2)
    }

    /// Whether its rows enter L1 when they are committed.
    func isInstalledOnCommit(_ space: SpaceID) -> Bool { traits(space).contains(.installed) }
}
