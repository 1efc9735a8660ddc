internal import CacheStack
internal import Synchronization
internal import Telemetry

/// The tier's metrics, made once; recording never takes a lock, except for a node's breaker gauge.
final class RedisMetrics: Sendable {
    let gets: BucketHistogram
    private let scripts: [BucketHistogram]
    private let errors: [TierError.Code: Counter]
    let moved: Counter
    let asked: Counter
    let tryAgain: Counter
    let noScript: Counter
    let reconnects: Counter
    let refreshes: Counter
    let poison: Counter
    let replicaReads: Counter
    let replicaFallbacks: Counter
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        let duration = { (name: String) in
            registry.histogram(
                "db_client_operation_duration_seconds", "Duration of a batch of operations, waiting included.",
                [("db_system_name", "redis"), ("db_operation_name", name)])
        }
        gets = duration("GET")
        scripts = Script.allCases.map { duration($0.name) }
        let codes: [TierError.Code] = [
            .unavailable, .deadline, .overloaded, .breakerOpen, .protocolViolation, .constraint, .cannotWrite,
        ]
        errors = Dictionary(
            uniqueKeysWithValues: codes.map { code in
                let labels = [("code", code.rawValue)]
                return (code, registry.counter("redis_errors_total", "Commands that got no answer.", labels))
            })
        let redirect = { (kind: String) in
            registry.counter("redis_redirects_total", "Commands sent again.", [("kind", kind)])
        }
        moved = redirect("moved")
        asked = redirect("ask")
        tryAgain = redirect("tryagain")
        noScript = redirect("noscript")
        reconnects = registry.counter("redis_reconnects_total", "Connections started after one was lost.")
        refreshes = registry.counter("redis_topology_refreshes_total", "Times a view of the cluster was elected.")
        poison = registry.counter("redis_poison_total", "Values that failed a check.")
        replicaReads = registry.counter("redis_replica_reads_total", "Commands sent to replicas.")
        replicaFallbacks = registry.counter(
            "redis_replica_fallbacks_total", "Commands asked of the primary because a replica did not answer.")
    }

    func operation(_ script: Script?) -> BucketHistogram {
        script.map { scripts[Int($0.rawValue)] } ?? gets
    }

    func count(_ code: TierError.Code, _ amount: Int = 1) { errors[code]?.increment(by: UInt64(amount)) }

    /// 0 closed, 1 half open, 2 open.
    func set(_ state: Breaker.State, of address: RedisAddress) {
        registry.gauge(
            "redis_breaker_state", "0 = closed, 1 = half open, 2 = open.", [("address", "\(address)")]
        ).set(Double(state.rawValue))
    }
}
