internal import Market
internal import Risk
internal import Synchronization
internal import Telemetry

/// The metrics of the trading services, all registered at zero (names: see the README's table).
final class NodeMetrics: Sendable {
    let ordersAccepted: [RequestKind: Counter]
    let ordersRejected: [RequestKind: Counter]
    let acknowledgement: [RequestKind: BucketHistogram]
    let trades: Counter
    let duplicates: Counter
    let refusedAtEntry: Counter
    let riskChecks: Counter
    let sequencerBatch: BucketHistogram
    let sequencerSize: BucketHistogram
    let prefetchDuration: BucketHistogram
    let commitRetries: Counter
    /// Evaluated and failed per risk rule, copied from the sequencer now and then.
    let rules = Mutex(RiskCounters())

    init(_ registry: MetricsRegistry) {
        func perKind<T>(_ make: (String) -> T) -> [RequestKind: T] {
            Dictionary(
                uniqueKeysWithValues: RequestKind.allCases.map { ($0, make(String(describing: $0))) })
        }
        let orders = "orders_total"
        let ordersHelp = "Requests to the order service by type and result."
        ordersAccepted = perKind {
            registry.counter(orders, ordersHelp, [("type", $0), ("result", "accepted")])
        }
        ordersRejected = perKind {
            registry.counter(orders, ordersHelp, [("type", $0), ("result", "rejected")])
        }
        acknowledgement = perKind {
            registry.histogram(
                "order_commit_duration_seconds", "From the execution of a request to its durable answer.",
                [("type", $0)])
        }
        trades = registry.counter("trades_total", "Trades made by matching.")
        duplicates = registry.counter("order_duplicates_total", "Requests whose client order id was used before.")
        refusedAtEntry = registry.counter(
            "orders_refused_total", "Requests refused before sequencing: queue full or store down.")
        riskChecks = registry.counter("risk_checks_total", "Requests that went through the whole risk table.")
        sequencerBatch = registry.histogram("sequencer_batch_duration_seconds", "Execution of one batch of requests.")
        sequencerSize = registry.histogram(
            "sequencer_batch_requests", "Requests in one batch.", bounds: BucketHistogram.sizes)
        prefetchDuration = registry.histogram(
            "prefetch_duration_seconds", "Reading a batch's accounts and instruments through the cache.")
        commitRetries = registry.counter("commit_retries_total", "Commits of the partition that were tried again.")
        for rule in RiskRule.table {
            registerRule(rule, registry)
        }
    }

    private func registerRule(_ rule: RiskRule, _ registry: MetricsRegistry) {
        let number = rule.number
        let labels = [("rule", "\(number)"), ("name", rule.name)]
        registry.computed("risk_rule_evaluated_total", "Evaluations of a risk rule.", labels) { [weak self] in
            Double(self?.rules.withLock { $0.evaluated(number) } ?? 0)
        }
        registry.computed("risk_rule_failed_total", "Requests that a risk rule refused.", labels) { [weak self] in
            Double(self?.rules.withLock { $0.failed(number) } ?? 0)
        }
    }

    /// Counts the durable answers of a batch.
    func count(_ reports: [ExecutionReport], now: Int64) {
        for report in reports {
            let kind: RequestKind
            switch report.type {
            case .new, .rejected: kind = .new
            case .canceled where report.originalClientOrderID != nil: kind = .cancel
            case .replaced: kind = .replace
            case .cancelRejected: kind = report.answersReplace ? .replace : .cancel
            default: continue
            }
            let isRejected = report.type == .rejected || report.type == .cancelRejected
            (isRejected ? ordersRejected : ordersAccepted)[kind]?.increment()
            acknowledgement[kind]?.record(nanoseconds: UInt64(max(0, now - report.time)) * 1_000)
        }
    }
}
