internal import Synchronization

/// The metrics of a process: creates them once, and writes them as Prometheus or OpenMetrics text.
///
/// Names follow Prometheus: base units, plural unit suffix, `_total` for counts. Asking twice for the same name and
/// labels gives the same metric. Creation takes a lock; recording never does: hold the metric, not its name.
public final class MetricsRegistry: Sendable {
    /// Label names with their values; written sorted by name.
    public typealias Labels = [(name: String, value: String)]

    enum Kind: String {
        case counter, gauge, histogram
    }

    enum Cell {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(BucketHistogram)
        /// Read when the text is written.
        case computed(@Sendable () -> Double)
    }

    struct Family {
        var kind: Kind
        var help: String
        var series: [String: Cell] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    /// A registry without metrics.
    public init() {}

    /// The counter of that name (it ends in `_total`) and labels.
    public func counter(_ name: String, _ help: String, _ labels: Labels = []) -> Counter {
        precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
        let cell = register(name, .counter, help, labels) { .counter(Counter()) }
        guard case .counter(let counter) = cell else { preconditionFailure("\(name) is registered as another kind") }
        return counter
    }

    /// The gauge of that name and labels.
    public func gauge(_ name: String, _ help: String, _ labels: Labels = []) -> Gauge {
        let cell = register(name, .gauge, help, labels) { .gauge(Gauge()) }
        guard case .gauge(let gauge) = cell else { preconditionFailure("\(name) is registered as another kind") }
        return gauge
    }

    /// A gauge, or for names in `_total` a counter, whose value is computed whenever the text is written.
    public func computed(
        _ name: String, _ help: String, _ labels: Labels = [], _ value: @escaping @Sendable () -> Double
    ) {
        _ = register(name, name.hasSuffix("_total") ? .counter : .gauge, help, labels) { .computed(value) }
    }

    /// The histogram of that name and labels; `bounds` count at the first call only.
    public func histogram(
        _ name: String, _ help: String, _ labels: Labels = [], bounds: [Double] = BucketHistogram.durations
    ) -> BucketHistogram {
        let cell = register(name, .histogram, help, labels) { .histogram(BucketHistogram(bounds: bounds)) }
        guard case .histogram(let histogram) = cell else {
            preconditionFailure("\(name) is registered as another kind")
        }
        return histogram
    }

    private func register(
        _ name: String, _ kind: Kind, _ help: String, _ labels: Labels, _ make: () -> Cell
    ) -> Cell {
        precondition(Exposition.isName(name), "not a metric name: \(name)")
        let key = Exposition.labels(labels)
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind, help: help)
            precondition(family.kind == kind, "\(name) is registered as another kind")
            if let cell = family.series[key] { return cell }
            let cell = make()
            family.series[key] = cell
            families[name] = family
            return cell
        }
    }

    /// All metrics as text, families by name and series by labels.
    ///
    /// - Parameter openMetrics: OpenMetrics 1.0 (with `# EOF`) instead of Prometheus 0.0.4.
    public func text(openMetrics: Bool = false) -> String {
        let families = families.withLock { $0 }
        return Exposition.text(families, openMetrics: openMetrics)
    }
}
