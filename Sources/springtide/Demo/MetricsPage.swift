internal import LocalStack

/// The node's own metrics, fetched over HTTP and parsed as far as the verdict needs them.
struct MetricsPage: Sendable {
    /// The page as it came.
    private(set) var text = ""
    private var values: [(name: String, labels: String, value: Double)] = []

    /// Fetches `/metrics` of a node on this machine; empty where it does not answer.
    static func fetch(port: Int) async -> MetricsPage {
        let body = await Task.detached { Loopback.httpGet(port: UInt16(port), path: "/metrics") }.value
        guard let body else { return MetricsPage() }
        var page = MetricsPage()
        page.text = body
        for line in body.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " "), let value = Double(line[line.index(after: blank)...]) else {
                continue
            }
            let series = line[..<blank]
            let brace = series.firstIndex(of: "{") ?? series.endIndex
            page.values.append((String(series[..<brace]), String(series[brace...]), value))
        }
        return page
    }

    /// Sum of all series of `name` whose labels hold every one of `parts`, such as `tier="l1"`.
    func sum(_ name: String, _ parts: String...) -> Double {
        values.filter { value in value.name == name && parts.allSatisfy { value.labels.contains($0) } }
            .reduce(0) { $0 + $1.value }
    }
}
