internal import LocalStack
internal import Telemetry

/// The node's own metrics, fetched over HTTP.
struct MetricsPage: Sendable {
    /// The page as it came.
    let text: String
    private let page: PrometheusText

    /// A page; lines that are no samples are left out.
    init(_ text: String = "") {
        self.text = text
        page = PrometheusText(readable: text)
    }

    /// Fetches `/metrics` of a node on this machine; empty where it does not answer.
    static func fetch(port: Int) async -> MetricsPage {
        MetricsPage(await Task.detached { Loopback.httpGet(port: UInt16(port), path: "/metrics") }.value ?? "")
    }

    /// Sum of all series of `name` whose labels hold all of `labels`; 0 where there is none.
    func sum(_ name: String, _ labels: [String: String] = [:]) -> Double { page.sum(name, labels) ?? 0 }
}
