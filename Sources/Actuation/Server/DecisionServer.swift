public import Telemetry

/// The sidecar's HTTP interface, for KEDA, Prometheus, probes and people.
///
/// | path | answer |
/// |---|---|
/// | `/v1/desired-replicas/SERVICE` | the replicas decided, as JSON for KEDA's metrics-api scaler; 404, 503 |
/// | `/v1/decisions` | all decisions with their reasons |
/// | `/metrics` | Prometheus text, or OpenMetrics to those who accept it |
/// | `/healthz` | 200 while the control loop turns, else 503: restart it |
/// | `/readyz` | 200 once it can answer, else 503 with why |
public enum DecisionServer {
    /// The routes over `board` and `registry`.
    ///
    /// - Parameters:
    ///   - isAlive: whether the control loop turns.
    ///   - notReady: why it cannot answer yet; nil where it can.
    public static func routes(
        _ board: DecisionBoard, registry: MetricsRegistry, isAlive: @escaping @Sendable () -> Bool = { true },
        notReady: @escaping @Sendable () -> String? = { nil }
    ) -> [HTTPRoute] {
        [
            HTTPRoute("/v1/desired-replicas/{service}") { service, _ in board.desired(service) },
            HTTPRoute("/v1/decisions") { _, _ in board.all() },
            HTTPRoute("/metrics") { _, accept in
                let isOpen = accept.contains("application/openmetrics-text")
                return HTTPRoute.Reply(
                    contentType: isOpen
                        ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                        : "text/plain; version=0.0.4; charset=utf-8",
                    registry.text(openMetrics: isOpen))
            },
            HTTPRoute("/healthz") { _, _ in
                isAlive() ? text("ok", 200) : text("the control loop stands still", 503)
            },
            HTTPRoute("/readyz") { _, _ in notReady().map { text($0, 503) } ?? text("ok", 200) },
        ]
    }

    private static func text(_ text: String, _ status: Int) -> HTTPRoute.Reply {
        HTTPRoute.Reply(status: status, contentType: "text/plain; charset=utf-8", text + "\n")
    }
}
