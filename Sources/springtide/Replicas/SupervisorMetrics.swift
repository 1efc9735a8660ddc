internal import Services
internal import Telemetry

/// The supervisor's metrics, all there from the start.
///
/// | metric | labels |
/// |---|---|
/// | `supervisor_replicas` | service, state (desired, ready, pending, draining) |
/// | `supervisor_restarts_total` | service |
/// | `supervisor_orders_total` | result (accepted, repeated, stale, refused) |
/// | `supervisor_epoch` | |
/// | `service_offered_requests_total`, `service_queue_batches`, `service_members` | service |
final class SupervisorMetrics: Sendable {
    private let gauges: [String: Gauge]
    private let restarts: [String: Counter]
    private let orders: [String: Counter]
    private let offered: [String: Gauge]
    private let queues: [String: Gauge]
    private let members: [String: Gauge]
    let epoch: Gauge

    init(_ registry: MetricsRegistry, services: [String]) {
        var gauges: [String: Gauge] = [:]
        for service in services {
            for state in ["desired", "ready", "pending", "draining"] {
                gauges["\(service)/\(state)"] = registry.gauge(
                    "supervisor_replicas", "Replicas by state.", [("service", service), ("state", state)])
            }
        }
        self.gauges = gauges
        func each<T>(_ make: (MetricsRegistry.Labels) -> T) -> [String: T] {
            Dictionary(uniqueKeysWithValues: services.map { ($0, make([("service", $0)])) })
        }
        restarts = each {
            registry.counter("supervisor_restarts_total", "Replicas that ended by themselves or were killed.", $0)
        }
        let totals = each { _ in Gauge() }
        for (service, total) in totals {
            registry.computed(
                "service_offered_requests_total", "Requests sent to the service's streams.", [("service", service)]
            ) { total.value }
        }
        offered = totals
        queues = each { registry.gauge("service_queue_batches", "Batches that wait or are worked on.", $0) }
        members = each { registry.gauge("service_members", "Replicas that have told of themselves lately.", $0) }
        orders = Dictionary(
            uniqueKeysWithValues: ["accepted", "repeated", "stale", "refused"].map {
                ($0, registry.counter("supervisor_orders_total", "Orders by what became of them.", [("result", $0)]))
            })
        epoch = registry.gauge("supervisor_epoch", "The highest epoch that has given an order.")
    }

    func set(_ service: String, desired: Int, ready: Int, pending: Int, draining: Int) {
        gauges["\(service)/desired"]?.set(Double(desired))
        gauges["\(service)/ready"]?.set(Double(ready))
        gauges["\(service)/pending"]?.set(Double(pending))
        gauges["\(service)/draining"]?.set(Double(draining))
    }

    func set(_ service: String, _ load: ServiceLoad, members count: Int) {
        offered[service]?.set(Double(load.offered.reduce(0, +)))
        queues[service]?.set(Double(load.waiting.reduce(0, +)))
        members[service]?.set(Double(count))
    }

    func restarted(_ service: String) { restarts[service]?.increment() }

    func count(_ answer: ReplicaControl.Answer) {
        let result =
            switch answer {
            case .accepted: "accepted"
            case .repeated: "repeated"
            case .stale: "stale"
            case .decisionReused, .outOfBounds, .unknownService: "refused"
            }
        orders[result]?.increment()
    }
}
