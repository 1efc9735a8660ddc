internal import Synchronization
internal import Telemetry

/// The state of a stack's fast invalidation: suspects, expected echoes, what may have to be repaired or refilled, and
/// the counts.
final class FastPath: Sendable {
    /// How long the message of an own write may take.
    static let echoWindow = Duration.milliseconds(500)

    /// Where messages come from; nil where L2 tells nothing of its own accord.
    let source: (any InvalidationSource)?
    let suspects: Mutex<Suspects>
    let echoes: Mutex<Echoes>
    let repairer: Mutex<Repairer>
    let repairSignal = Signal()
    let refills: Mutex<RefillQueue>
    let refillSignal = Signal()
    let metrics: FastPathMetrics
    /// When the last message came, on the stack's clock; the least number before the first.
    private let heardAt = Atomic<Int64>(.min)

    init(
        _ configuration: CacheStack.Configuration, source: (any InvalidationSource)?, metrics registry: MetricsRegistry
    ) {
        self.source = source
        suspects = Mutex(
            Suspects(lifetime: configuration.local.lifetime.nanoseconds, keysMax: configuration.suspectsMax))
        echoes = Mutex(Echoes(window: Self.echoWindow.nanoseconds, countMax: configuration.suspectsMax))
        repairer = Mutex(
            Repairer(window: configuration.repairWindow.nanoseconds, namedMax: configuration.repairKeysMax))
        refills = Mutex(RefillQueue(countMax: configuration.publishQueueMax))
        metrics = FastPathMetrics(registry)
    }

    /// Registers what is computed from this object; apart from `init`, since `self` is captured.
    func export(to registry: MetricsRegistry, time: TimeSource) {
        registry.computed(
            "cache_invalidation_last_message_age_seconds", "Time since L2 last told of a change; NaN before the first."
        ) {
            let at = self.heardAt.load(ordering: .relaxed)
            return at == .min ? .nan : Double(time.now().nanoseconds - at) / 1e9
        }
        registry.computed("cache_repairs_waiting", "Versions waiting to be announced to L2 once more.") {
            Double(self.repairer.withLock { $0.count.pending })
        }
        registry.computed("cache_repair_memory_versions", "Versions of the stream kept for a repair of L2.") {
            Double(self.repairer.withLock { $0.count.named })
        }
    }

    func noteMessage(at now: MonotonicTime) { heardAt.store(now.nanoseconds, ordering: .relaxed) }

    /// Notes writes that are about to be sent to L2, so that their messages are not taken for news.
    func expectEchoes(_ keys: some Sequence<CacheKey>, at now: MonotonicTime) {
        guard source != nil else { return }
        echoes.withLock { echoes in for key in keys { echoes.expect(key, at: now) } }
    }

    /// Takes back the expectation for writes that turned out to have changed nothing.
    func withdrawEchoes(_ keys: some Collection<CacheKey>, at now: MonotonicTime) {
        guard source != nil, !keys.isEmpty else { return }
        echoes.withLock { echoes in for key in keys { echoes.withdraw(key, at: now) } }
    }
}

/// The metrics of the fast path and of repair, all registered at zero.
struct FastPathMetrics: Sendable {
    let keys: Counter
    let echoes: Counter
    let regions: [Invalidation.Cause: Counter]
    let marked: Counter
    let confirmed: Counter
    let reloaded: Counter
    let unasked: Counter
    let checkSeconds: BucketHistogram
    let repaired: Counter
    let repairFailed: Counter
    let repairRequests: Counter
    let repairDropped: Counter
    let vouchedAway: Counter
    let vouchedMissing: Counter
    let refilled: Counter
    let refillsRefused: Counter
    let refillsFailed: Counter
    let refillsDropped: Counter

    init(_ registry: MetricsRegistry) {
        let messages = { (kind: String) in
            registry.counter("cache_invalidations_total", "What L2 told, by kind.", [("kind", kind)])
        }
        keys = messages("key")
        echoes = registry.counter(
            "cache_invalidation_echoes_total", "Messages about this process's own writes, not acted upon.")
        regions = Dictionary(uniqueKeysWithValues: Invalidation.Cause.allCases.map { ($0, messages($0.rawValue)) })
        marked = registry.counter("cache_suspects_marked_total", "Rows of L1 marked as possibly changed by a message.")
        let checks = { (result: String) in
            registry.counter(
                "cache_suspect_checks_total",
                "Suspect rows read: confirmed by L2's version, reloaded, or served unasked as L2 did not answer.",
                [("result", result)])
        }
        confirmed = checks("confirmed")
        reloaded = checks("reloaded")
        unasked = checks("unasked")
        checkSeconds = registry.histogram(
            "cache_suspect_check_duration_seconds", "Duration of a batched version check.")
        let repairs = { (result: String) in
            registry.counter("cache_repairs_total", "Versions announced to L2 once more.", [("result", result)])
        }
        repaired = repairs("sent")
        repairFailed = repairs("failed")
        repairDropped = repairs("dropped")
        repairRequests = registry.counter(
            "cache_repair_requests_total", "Times a part of L2 was found in need of repair.")
        let vouched = { (reason: String) in
            registry.counter(
                "cache_local_renewals_total",
                "Rows that L1 serves past their time because the stream proves them, by what L2 had to say.",
                [("reason", reason)])
        }
        vouchedAway = vouched("l2_away")
        vouchedMissing = vouched("l2_miss")
        let refills = { (result: String) in
            registry.counter(
                "cache_refills_total", "Rows given back to L2 from L1 without a load.", [("result", result)])
        }
        refilled = refills("stored")
        refillsRefused = refills("refused")
        refillsFailed = refills("failed")
        refillsDropped = refills("dropped")
    }
}
