public import CacheStack
public import Telemetry

/// L3: the durable tier over PostgreSQL 15 and later, the only issuer of commit tickets.
///
/// Rows live in typed tables, one for each `SpaceSchema`: key column(s), `ver` (the ticket of the batch that wrote the
/// row), `deleted` (a deletion is a version too), then the fields. The cache's own tables are the clock, the outbox
/// and the idempotency keys (`Schemas/0001_cache.sql`).
///
/// libpq blocks and has no deadlines, so it runs on threads of this tier, each with a connection of its own, in
/// non-blocking pipeline mode, every wait bounded by the caller's absolute deadline:
///
/// | threads | calls | after a broken connection |
/// |---|---|---|
/// | 1 committer | `commit`, `resolve` | before COMMIT was sent: repeated once, then `failed`; after: `inDoubt` |
/// | `readers` (2) | `load` | repeated once |
/// | 1 for the stream | `changes` | repeated once |
/// | 1 for operators | `scan`, `verifySchemas`, `prune`, `query` | repeated once; a scan that has begun fails |
///
/// Connections open at first use and again after faults, with pauses. Queues are bounded: one call too many is answered
/// `overloaded`. `init` starts the threads, `close()` ends them.
public final class PostgresTier: DurableTier {
    let configuration: Configuration
    let catalog: Catalog
    private let metrics: TierMetrics
    private let committer: WorkerPool<Committer>
    private let readers: WorkerPool<Loader>
    private let stream: WorkerPool<ChangeReader>
    let operators: WorkerPool<Session>

    /// A tier over `schemas`; it connects at first use.
    ///
    /// - Throws: `protocolViolation` where a schema is malformed, or two share a space or a table.
    public init(
        _ configuration: Configuration, schemas: [SpaceSchema], metrics registry: MetricsRegistry = MetricsRegistry()
    ) throws(TierError) {
        precondition((1...32).contains(configuration.readers), "1 to 32 readers")
        precondition((0...20).contains(configuration.contentionRetriesMax), "0 to 20 retries after contention")
        let catalog: Catalog
        do {
            catalog = try Catalog(schemas)
        } catch {
            throw error.tierError
        }
        let metrics = TierMetrics(registry)
        let queueMax = configuration.queueMax
        self.configuration = configuration
        self.catalog = catalog
        self.metrics = metrics
        committer = WorkerPool("pg-commit", threads: 1, queueMax: queueMax) {
            Committer(
                Session(configuration, .rows, metrics), catalog, metrics,
                Committer.Limits(
                    rowsMax: configuration.batchRowsMax, bytesMax: configuration.batchBytesMax,
                    contentionRetriesMax: configuration.contentionRetriesMax))
        }
        readers = WorkerPool("pg-load", threads: configuration.readers, queueMax: queueMax) {
            Loader(Session(configuration, .rows, metrics), catalog)
        }
        stream = WorkerPool("pg-changes", threads: 1, queueMax: queueMax) {
            ChangeReader(Session(configuration, .rows, metrics))
        }
        operators = WorkerPool("pg-operator", threads: 1, queueMax: queueMax) {
            Session(configuration, .scans, metrics)
        }
        export(registry)
    }

    deinit {
        committer.requestStop()
        readers.requestStop()
        stream.requestStop()
        operators.requestStop()
    }

    /// Ends the threads and closes the connections; calls under way finish, queued ones are refused.
    public func close() async {
        await committer.stop()
        await readers.stop()
        await stream.stop()
        await operators.stop()
    }

    /// Reads rows in one snapshot; at most `loadKeysMax` keys.
    public func load(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> LoadedRows {
        guard keys.count <= configuration.loadKeysMax else {
            throw TierError(.overloaded, "\(keys.count) keys in one load; the limit is \(configuration.loadKeysMax)")
        }
        let start = ContinuousClock.now
        defer { metrics.load.record(since: start) }
        return try await readers.run(until: deadline) { loader throws(DatabaseFault) in
            try loader.load(keys, until: deadline)
        }
    }

    /// Commits `batch` under one ticket; at most `batchRowsMax` rows.
    ///
    /// A batch that the server fails with 40001 or 40P01 is repeated up to `contentionRetriesMax` times, then `failed`
    /// with `overloaded`. One of more than `batchBytesMax` bytes is committed in halves, under several tickets.
    ///
    /// A batch the database refuses (a constraint) is halved until the transactions to blame stand alone; they are
    /// `rejected`, the others commit, under several tickets then.
    public func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) async -> BatchOutcome {
        guard !batch.isEmpty else { return .decided([]) }
        let start = ContinuousClock.now
        defer { metrics.commit.record(since: start) }
        let outcome: BatchOutcome
        do {
            outcome = try await committer.run(until: deadline) { committer throws(DatabaseFault) in
                committer.commit(batch, until: deadline)
            }
        } catch {
            outcome = .decided(batch.map { _ in .failed(error) })
        }
        metrics.count(outcome, transactions: batch.count)
        return outcome
    }

    /// Whether the batch of `mark` committed. Throws `deadline` while its transaction is still open.
    public func resolve(
        _ mark: BatchMark, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> Bool {
        let start = ContinuousClock.now
        defer { metrics.resolve.record(since: start) }
        return try await committer.run(until: deadline) { committer throws(DatabaseFault) in
            try committer.resolve(mark, until: deadline)
        }
    }

    /// The outbox after `ticket`. Records are contiguous; a first one above `ticket + 1`, or none while `newest` is
    /// above `ticket`, means that retention has passed.
    public func changes(
        after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> ChangePage {
        precondition(limit > 0, "a page has at least one record")
        let start = ContinuousClock.now
        defer { metrics.changes.record(since: start) }
        return try await stream.run(until: deadline) { reader throws(DatabaseFault) in
            try reader.changes(after: ticket, limit: limit, until: deadline)
        }
    }

    /// Streams every live row of `spaces` in one snapshot, in chunks of at most 20,000 rows.
    public func scan(
        _ spaces: [SpaceID], until deadline: ContinuousClock.Instant,
        _ body: @escaping @Sendable (ScanChunk) -> Void
    ) async throws(TierError) -> Ticket {
        let start = ContinuousClock.now
        defer { metrics.scan.record(since: start) }
        let catalog = catalog
        return try await operators.run(until: deadline) { session throws(DatabaseFault) in
            try Scanner(session, catalog).scan(spaces, until: deadline, body)
        }
    }

    /// Commits and resolutions that wait: for tests.
    package var queueDepth: Int { committer.depth }

    private func export(_ registry: MetricsRegistry) {
        func depth(_ pool: String, _ depth: @escaping @Sendable () -> Int) {
            registry.computed(
                "db_client_connection_pending_requests", "Calls waiting for a connection.",
                [("db_system_name", "postgresql"), ("pool", pool)]
            ) { Double(depth()) }
        }
        depth("commit") { [weak committer] in committer?.depth ?? 0 }
        depth("load") { [weak readers] in readers?.depth ?? 0 }
        depth("changes") { [weak stream] in stream?.depth ?? 0 }
        depth("operator") { [weak operators] in operators?.depth ?? 0 }
    }
}
