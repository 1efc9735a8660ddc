internal import CacheStack
internal import Telemetry

/// What the tier counts.
struct TierMetrics: Sendable {
    let load: BucketHistogram
    let commit: BucketHistogram
    let resolve: BucketHistogram
    let changes: BucketHistogram
    let scan: BucketHistogram
    let committed: Counter
    let conflict: Counter
    let duplicate: Counter
    let keyReused: Counter
    let rejected: Counter
    let failed: Counter
    let inDoubt: Counter
    let rows: Counter
    let reconnects: Counter
    let rollbackFailures: Counter
    let contentionRetries: Counter

    init(_ registry: MetricsRegistry) {
        func duration(_ operation: String) -> BucketHistogram {
            registry.histogram(
                "db_client_operation_duration_seconds", "Duration of database operations, waiting included.",
                [("db_system_name", "postgresql"), ("db_operation_name", operation)])
        }
        func transactions(_ result: String) -> Counter {
            registry.counter(
                "postgres_transactions_total", "Transactions of commit batches by result.", [("result", result)])
        }
        load = duration("load")
        commit = duration("commit")
        resolve = duration("resolve")
        changes = duration("changes")
        scan = duration("scan")
        committed = transactions("committed")
        conflict = transactions("conflict")
        duplicate = transactions("duplicate")
        keyReused = transactions("key_reused")
        rejected = transactions("rejected")
        failed = transactions("failed")
        inDoubt = transactions("in_doubt")
        rows = registry.counter("postgres_rows_written_total", "Rows written by committed batches.")
        reconnects = registry.counter("postgres_reconnects_total", "Connections opened again after a fault.")
        contentionRetries = registry.counter(
            "postgres_contention_retries_total", "Batches attempted again after SQLSTATE 40001 or 40P01.")
        rollbackFailures = registry.counter(
            "postgres_rollback_failures_total", "Rollbacks that failed; their connection was dropped.")
    }
}

extension TierMetrics {
    /// Counts the transactions of a batch by their outcome.
    func count(_ outcome: BatchOutcome, transactions: Int) {
        switch outcome {
        case .inDoubt: inDoubt.increment(by: UInt64(transactions))
        case .decided(let outcomes): for outcome in outcomes { counter(outcome).increment() }
        }
    }

    private func counter(_ outcome: CommitOutcome) -> Counter {
        switch outcome {
        case .committed: committed
        case .conflict: conflict
        case .duplicate: duplicate
        case .keyReused: keyReused
        case .rejected: rejected
        case .failed: failed
        case .inDoubt: inDoubt
        }
    }
}

extension BucketHistogram {
    /// Counts the time since `start`.
    func record(since start: ContinuousClock.Instant) {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        record(nanoseconds: UInt64(seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
    }
}
