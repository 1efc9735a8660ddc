internal import Telemetry

/// The metrics of a stack, all registered at zero when it is made.
struct StackMetrics: Sendable {
    /// Requests of one tier by result.
    struct Requests: Sendable {
        let hit: Counter
        let miss: Counter
        let stale: Counter
        let negative: Counter
        let error: Counter

        init(_ registry: MetricsRegistry, tier: String) {
            func counter(_ result: String) -> Counter {
                registry.counter(
                    "cache_requests_total", "Rows asked of a tier, by result.", [("tier", tier), ("result", result)])
            }
            hit = counter("hit")
            miss = counter("miss")
            stale = counter("stale")
            negative = counter("negative")
            error = counter("error")
        }
    }

    let l2: Requests
    let l3: Requests
    let poison: Counter
    let coalesced: Counter
    let staleServed: Counter
    let loadSeconds: BucketHistogram
    let l2Seconds: BucketHistogram
    let commitSeconds: BucketHistogram
    let batchMembers: BucketHistogram
    let batchRows: BucketHistogram
    let commits: [String: Counter]
    let conflicts: Counter
    let resolved: Counter
    let unresolved: Counter
    let overloads: Counter
    let published: Counter
    let publishFailed: Counter
    let publishDropped: Counter
    let renewals: Counter
    let gaps: Counter
    let epochs: Counter
    let pollErrors: Counter
    let clockSteps: Counter
    let watermark: Gauge
    let watermarkLag: Gauge

    static let outcomes = ["committed", "conflict", "duplicate", "key_reused", "rejected", "failed", "in_doubt"]

    init(_ registry: MetricsRegistry) {
        l2 = Requests(registry, tier: "l2")
        l3 = Requests(registry, tier: "l3")
        poison = registry.counter("cache_poison_total", "Entries of L2 that failed a check.", [("tier", "l2")])
        coalesced = registry.counter("cache_loads_coalesced_total", "Reads that joined a load in progress.")
        staleServed = registry.counter("cache_stale_served_total", "Values returned without proof, on request.")
        let seconds = "cache_operation_duration_seconds"
        loadSeconds = registry.histogram(seconds, "Duration of a tier's batched reads.", [("tier", "l3")])
        l2Seconds = registry.histogram(seconds, "Duration of a tier's batched reads.", [("tier", "l2")])
        commitSeconds = registry.histogram("cache_commit_duration_seconds", "Duration of a batch commit.")
        batchMembers = registry.histogram(
            "cache_commit_batch_transactions", "Transactions in a batch.", bounds: BucketHistogram.sizes)
        batchRows = registry.histogram("cache_commit_batch_rows", "Rows in a batch.", bounds: BucketHistogram.sizes)
        commits = Dictionary(
            uniqueKeysWithValues: Self.outcomes.map { outcome in
                let help = "Transactions by outcome."
                return (outcome, registry.counter("cache_commits_total", help, [("outcome", outcome)]))
            })
        conflicts = registry.counter("cache_write_conflicts_total", "Transactions refused by a newer version.")
        let lookups = ("cache_commit_resolutions_total", "Lookups of a batch in doubt.")
        resolved = registry.counter(lookups.0, lookups.1, [("result", "known")])
        unresolved = registry.counter(lookups.0, lookups.1, [("result", "unknown")])
        overloads = registry.counter("cache_overloads_total", "Reads refused because the load queue was full.")
        published = registry.counter("cache_publishes_total", "Versions announced to L2.", [("result", "sent")])
        publishFailed = registry.counter("cache_publishes_total", "Versions announced to L2.", [("result", "failed")])
        publishDropped = registry.counter("cache_publishes_total", "Versions announced to L2.", [("result", "dropped")])
        renewals = registry.counter("cache_renewals_total", "Certificates of L2 renewed without a load.")
        gaps = registry.counter("cache_stream_gaps_total", "Times the stream had a gap and L1 was emptied.")
        epochs = registry.counter("cache_epoch_changes_total", "Times another epoch was entered.")
        pollErrors = registry.counter("cache_stream_poll_errors_total", "Polls of the stream that failed.")
        clockSteps = registry.counter("cache_l3_clock_steps_total", "Times L3's clock went back.")
        watermark = registry.gauge("cache_watermark", "Ticket up to which every change was applied.")
        watermarkLag = registry.gauge("cache_watermark_lag_tickets", "Newest ticket of L3 less the watermark.")
    }

    /// Exports L1's own counts, summed when the text is written.
    static func export(_ local: LocalTier, to registry: MetricsRegistry) {
        typealias Reading = @Sendable (LocalTier.Statistics) -> Double
        let results: [(String, Reading)] = [
            ("hit", { Double($0.hits) }), ("miss", { Double($0.misses) }), ("stale", { Double($0.stales) }),
            ("negative", { Double($0.negatives) }), ("error", { _ in 0 }),
        ]
        for (result, reading) in results {
            registry.computed(
                "cache_requests_total", "Rows asked of a tier, by result.", [("tier", "l1"), ("result", result)]
            ) { reading(local.statistics) }
        }
        let reasons: [(String, Reading)] = [
            ("lru", { Double($0.evictedLRU) }), ("size", { Double($0.evictedSize) }),
            ("ttl", { Double($0.evictedTTL) }), ("version", { Double($0.evictedVersion) }),
        ]
        for (reason, reading) in reasons {
            registry.computed(
                "cache_evictions_total", "Rows that left a tier, by reason.", [("tier", "l1"), ("reason", reason)]
            ) { reading(local.statistics) }
        }
        let sizes: [(String, String, Reading)] = [
            ("cache_entries", "Rows held.", { Double($0.entries) }),
            ("cache_size_bytes", "Bytes held.", { Double($0.bytes) }),
            ("cache_floors", "Keys whose newest version is remembered.", { Double($0.floors) }),
        ]
        for (name, help, reading) in sizes {
            registry.computed(name, help, [("tier", "l1")]) { reading(local.statistics) }
        }
    }

    func count(_ outcomes: [CommitOutcome]) {
        for outcome in outcomes {
            let name =
                switch outcome {
                case .committed: "committed"
                case .conflict: "conflict"
                case .duplicate: "duplicate"
                case .keyReused: "key_reused"
                case .rejected: "rejected"
                case .failed: "failed"
                case .inDoubt: "in_doubt"
                }
            commits[name]?.increment()
            if name == "conflict" { conflicts.increment() }
        }
    }
}
