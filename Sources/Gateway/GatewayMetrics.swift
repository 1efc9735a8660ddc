internal import Telemetry

/// What the gateway counts; held, never looked up by name on the way of an order.
struct GatewayMetrics: Sendable {
    let messagesIn: Counter
    let messagesOut: Counter
    let bytesIn: Counter
    let bytesOut: Counter
    let garbled: Counter
    let sessionRejects: Counter
    let businessRejects: Counter
    let resends: Counter
    let unroutable: Counter
    let slowReaders: Counter
    let refusedLogons: Counter
    let refusedConnections: Counter
    let failedWrites: Gauge
    let sessions: Gauge
    let connections: Gauge
    let batch: BucketHistogram
    let ack: BucketHistogram
    let unreadableTraces: Counter

    init(_ registry: MetricsRegistry) {
        func refused(_ reason: String) -> Counter {
            registry.counter("fix_refused_total", "Connections and logons refused.", [("reason", reason)])
        }
        messagesIn = registry.counter("fix_messages_total", "FIX messages.", [("direction", "in")])
        messagesOut = registry.counter("fix_messages_total", "FIX messages.", [("direction", "out")])
        bytesIn = registry.counter("fix_bytes_total", "Bytes of FIX connections.", [("direction", "in")])
        bytesOut = registry.counter("fix_bytes_total", "Bytes of FIX connections.", [("direction", "out")])
        garbled = registry.counter("fix_garbled_total", "Stretches of bytes ignored because they are no message.")
        sessionRejects = registry.counter("fix_rejects_total", "Messages refused.", [("level", "session")])
        businessRejects = registry.counter("fix_rejects_total", "Messages refused.", [("level", "business")])
        resends = registry.counter("fix_resend_requests_total", "ResendRequests answered.")
        unroutable = registry.counter("fix_unroutable_reports_total", "Reports for sessions that do not exist.")
        slowReaders = registry.counter("fix_slow_readers_total", "Peers disconnected because they did not read.")
        refusedLogons = refused("logon")
        refusedConnections = refused("limit")
        failedWrites = registry.gauge("fix_store_failed_writes", "Writes of sent messages that failed.")
        sessions = registry.gauge("fix_sessions", "Sessions on line.")
        connections = registry.gauge("fix_connections", "FIX connections, logged on or not.")
        batch = registry.histogram(
            "gateway_batch_size", "Requests submitted together.", bounds: BucketHistogram.sizes)
        ack = registry.histogram(
            "order_ack_duration_seconds", "From the last byte of a request to the first report on it.")
        unreadableTraces = registry.counter(
            "trace_unreadable_contexts_total", "Requests whose trace context was ignored because it is malformed.")
    }
}
