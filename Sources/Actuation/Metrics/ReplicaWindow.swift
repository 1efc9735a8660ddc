internal import Telemetry

/// What one page of one replica says.
struct ReplicaFigures: Sendable, Equatable {
    /// Counters since the process began.
    var requests: Double?
    var failures: Double?
    var busy: Double?
    var latency: BucketCounts?
    /// Gauges.
    var queue: Double?
    var utilisation: Double?
    /// `process_start_time_seconds`.
    var started: Double?
    /// The newest time written behind a sample.
    var newest: Double?

    /// The figures of a page; those that are absent, negative or no numbers are nil.
    init(_ page: PrometheusText, _ metrics: ServiceMetrics) {
        func sum(_ selection: MetricSelection?) -> Double? {
            guard let selection, let value = page.sum(selection.name, selection.labels), value >= 0, value.isFinite
            else { return nil }
            return value
        }
        requests = sum(metrics.requests)
        failures = sum(metrics.failures)
        latency = metrics.latency.flatMap { BucketCounts(page, $0) }
        queue = sum(metrics.queue)
        switch metrics.utilisation {
        case .gauge(let selection): utilisation = sum(selection).flatMap { $0 <= 1 ? $0 : nil }
        case .busySeconds(let selection, _): busy = sum(selection)
        case nil: break
        }
        started = page.sum("process_start_time_seconds").flatMap { $0.isFinite ? $0 : nil }
        newest = page.samples.lazy.compactMap(\.timestamp).max()
    }

    /// Whether no counter is lower than in `earlier`.
    func isNotBehind(_ earlier: ReplicaFigures) -> Bool {
        func holds(_ new: Double?, _ old: Double?) -> Bool {
            guard let new, let old else { return true }
            return new >= old
        }
        return holds(requests, earlier.requests) && holds(failures, earlier.failures) && holds(busy, earlier.busy)
            && holds(latency?.total, earlier.latency?.total)
    }
}

/// The pages of one replica over the last while, as what was counted between them.
///
/// - A process that began anew (`process_start_time_seconds`) counts from zero.
/// - A page from before the last one is refused: by its start time, by the times of its samples, or because a counter
///   is lower though the process is the same. Where the start is not known, a lower counter begins a new count, and
///   that interval is missing. Two pages in a row that are behind the last but not behind one another begin one too.
/// - A page whose sample times stand still says nothing new.
/// - An interval with more requests than the replica can serve, as after a start time that is false, is refused and begins
///   the next one; those that follow it are believed, as an overload would be.
struct ReplicaWindow: Sendable {
    struct Interval: Sendable {
        let end: Double
        let seconds: Double
        let requests: Double?
        let failures: Double?
        let busy: Double?
        let latency: BucketCounts?
    }

    private(set) var intervals: [Interval] = []
    private(set) var last: (figures: ReplicaFigures, at: Double)?
    private var refused: ReplicaFigures?
    /// Whether the last page gave an interval with more than the replica can serve.
    private var isDoubted = false

    /// Takes a page read at `now`; a fault where it is not newer than the last.
    mutating func take(
        _ figures: ReplicaFigures, at now: Double, window: Double, gapMax: Double, rateMax: Double?
    ) -> ActuationFault? {
        let wasDoubted = isDoubted
        isDoubted = false
        guard let (old, at) = last else {
            last = (figures, now)
            return nil
        }
        guard now > at else { return ActuationFault(.stale, "read before the last page") }
        if let new = figures.newest, let before = old.newest, new <= before {
            return ActuationFault(.stale, new < before ? "samples went back in time" : "samples stand still")
        }
        if let fault = lineage(figures, old, now) { return fault }
        refused = nil
        last = (figures, now)
        let hasRestarted = Self.isLater(figures.started, old.started)
        intervals.removeAll { $0.end <= now - window }
        guard now - at <= gapMax else { return ActuationFault(.stale, "the page before is too old to compare with") }
        let interval = Self.interval(figures, hasRestarted ? nil : old, now, now - at)
        if let rateMax, let requests = interval.requests, requests > rateMax * interval.seconds {
            isDoubted = true
            guard wasDoubted else {
                return ActuationFault(.implausible, "more requests than a replica can serve, \(rateMax) a second")
            }
        }
        intervals.append(interval)
        return nil
    }

    /// A fault where the page belongs to an earlier state of the replica, or begins a count of its own.
    private mutating func lineage(
        _ figures: ReplicaFigures, _ old: ReplicaFigures, _ now: Double
    ) -> ActuationFault? {
        if Self.isLater(figures.started, old.started) { return nil }
        let isOlder = Self.isLater(old.started, figures.started)
        if !isOlder, figures.isNotBehind(old) { return nil }
        let isSettled = refused.map { figures.isNotBehind($0) && figures.started == $0.started } ?? false
        if isSettled || old.started == nil || figures.started == nil {
            intervals = []
            last = (figures, now)
            refused = nil
            return ActuationFault(.stale, "counters began anew")
        }
        refused = figures
        return ActuationFault(.stale, isOlder ? "a page of an earlier process" : "counters went back in time")
    }

    /// Start times are told to the clock tick; a second apart is another process.
    private static func isLater(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return false }
        return a > b + 1
    }

    private static func interval(
        _ new: ReplicaFigures, _ old: ReplicaFigures?, _ now: Double, _ seconds: Double
    ) -> Interval {
        func difference(_ path: KeyPath<ReplicaFigures, Double?>) -> Double? {
            guard let value = new[keyPath: path] else { return nil }
            guard let old else { return value }
            return old[keyPath: path].map { value - $0 }
        }
        let latency: BucketCounts? =
            if let old { old.latency.flatMap { new.latency?.since($0) } } else { new.latency }
        return Interval(
            end: now, seconds: seconds, requests: difference(\.requests), failures: difference(\.failures),
            busy: difference(\.busy), latency: latency)
    }
}
