internal import Synchronization
public import Telemetry

/// The metrics of one replica, all registered at zero.
///
/// | metric | labels | what |
/// |---|---|---|
/// | `rpc_server_call_duration_seconds` | service, method, code (ok, timeout, error) | from the sending of a request to its end |
/// | `replica_requests_total` | service | requests this replica ended |
/// | `replica_offered_requests_total` | service | requests sent to partitions while this replica owned them |
/// | `replica_queue_batches` | service | batches that wait in the partitions it owns |
/// | `replica_busy_seconds_total` | service | time with a batch in hand |
/// | `replica_utilisation_ratio` | service | share of the last five seconds or more with a batch in hand |
/// | `replica_ready` | service | 1 while it is a member and takes batches |
/// | `replica_partitions` | service | partitions it owns |
/// | `replica_batches_total` | service, result (ended, claimed, repeated, failed, buried) | |
public final class ReplicaMetrics: Sendable {
    /// How a batch ended.
    enum Result: String, CaseIterable {
        case ended, claimed, repeated, failed, buried
    }

    enum Code: String, CaseIterable {
        case ok, timeout, error
    }

    private struct Window {
        var start: UInt64 = 0
        var busyAtStart: UInt64 = 0
        var ratio = 0.0
    }

    let requests: Counter
    let offered: Counter
    let queue: Gauge
    let ready: Gauge
    let partitions: Gauge
    private let calls: [Code: BucketHistogram]
    private let batches: [Result: Counter]
    private let busyNanoseconds = Atomic<UInt64>(0)
    private let busySince = Atomic<UInt64>(0)
    private let window = Mutex(Window())

    /// The metrics of a replica of `service`.
    public init(_ registry: MetricsRegistry, service: String, method: String) {
        let label: MetricsRegistry.Labels = [("service", service)]
        requests = registry.counter("replica_requests_total", "Requests this replica ended.", label)
        offered = registry.counter(
            "replica_offered_requests_total", "Requests sent to partitions while this replica owned them.", label)
        queue = registry.gauge("replica_queue_batches", "Batches that wait in the partitions it owns.", label)
        ready = registry.gauge("replica_ready", "1 while it is a member and takes batches.", label)
        partitions = registry.gauge("replica_partitions", "Partitions it owns.", label)
        calls = Dictionary(
            uniqueKeysWithValues: Code.allCases.map { code in
                let labels: MetricsRegistry.Labels = [
                    ("service", service), ("method", method), ("code", code.rawValue),
                ]
                let help = "From the sending of a request to its end."
                return (code, registry.histogram("rpc_server_call_duration_seconds", help, labels))
            })
        batches = Dictionary(
            uniqueKeysWithValues: Result.allCases.map { result in
                let labels: MetricsRegistry.Labels = [("service", service), ("result", result.rawValue)]
                return (result, registry.counter("replica_batches_total", "Batches by what became of them.", labels))
            })
        registry.computed("replica_busy_seconds_total", "Time with a batch in hand.", label) { [weak self] in
            Double(self?.busy(at: ReplicaClock.nanoseconds()) ?? 0) / 1e9
        }
        registry.computed("replica_utilisation_ratio", "Share of the last seconds with a batch in hand.", label) {
            [weak self] in self?.utilisation(at: ReplicaClock.nanoseconds()) ?? 0
        }
    }

    /// Whether the replica is a member and takes batches.
    public var isReady: Bool { ready.value == 1 }

    func count(_ result: Result, _ amount: Int = 1) { batches[result]?.increment(by: UInt64(amount)) }

    /// Counts the requests of a batch that was made at `created` and ended at `now`, microseconds since 1970 UTC.
    func record(_ code: Code, requests count: Int, created: Int64, now: Int64) {
        let elapsed = UInt64(max(0, now - created)) * 1_000
        for _ in 0..<count { calls[code]?.record(nanoseconds: elapsed) }
    }

    func begin(at time: UInt64) { busySince.store(time, ordering: .relaxed) }

    func finish(at time: UInt64) {
        let since = busySince.exchange(0, ordering: .relaxed)
        if since > 0, time > since { busyNanoseconds.wrappingAdd(time - since, ordering: .relaxed) }
    }

    /// Busy time so far; a batch in hand counts up to now.
    private func busy(at time: UInt64) -> UInt64 {
        let since = busySince.load(ordering: .relaxed)
        return busyNanoseconds.load(ordering: .relaxed) + (since > 0 && time > since ? time - since : 0)
    }

    /// The ratio since the start of the window, which is renewed once it is five seconds old.
    func utilisation(at time: UInt64) -> Double {
        let busy = busy(at: time)
        return window.withLock { window in
            guard window.start > 0 else {
                window = Window(start: time, busyAtStart: busy, ratio: 0)
                return 0
            }
            let elapsed = time > window.start ? time - window.start : 0
            guard elapsed >= 5_000_000_000 else { return window.ratio }
            let share = busy > window.busyAtStart ? Double(busy - window.busyAtStart) / Double(elapsed) : 0
            window = Window(start: time, busyAtStart: busy, ratio: min(1, share))
            return window.ratio
        }
    }
}
