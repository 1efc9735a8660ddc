public import Engine
public import Telemetry

/// The metrics of a run while it goes: counts and durations by scenario and operation, and where the run stands.
///
/// Fed by every finished request (three histograms and a counter, all lock-free: some 150 ns) and by the progress of each
/// second. Warm-up is included: a scraper sees what happens now.
///
/// | metric | labels |
/// |---|---|
/// | `loadgen_requests_total` | scenario, op, outcome |
/// | `loadgen_request_duration_seconds`, `loadgen_service_duration_seconds`, `loadgen_send_lag_seconds` | scenario, op |
/// | `loadgen_dropped_requests_total` | scenario, op |
/// | `loadgen_users`, `loadgen_asked_iterations_per_second` | scenario |
/// | `loadgen_offered_requests_per_second`, `loadgen_sent_requests_per_second`, `loadgen_in_flight_requests`, `loadgen_connections`, `loadgen_elapsed_seconds`, `loadgen_length_seconds` | |
public final class LoadMetrics: SampleSink {
    private struct Row {
        var outcomes: [Counter]
        var dropped: Counter
        var response: BucketHistogram
        var service: BucketHistogram
        var lag: BucketHistogram
    }

    /// What is written when somebody asks; safe to read from any thread.
    public let registry = MetricsRegistry()
    private let facts: PlanFacts
    private let interval: Double
    private var rows: [Row?]
    private var merged: Row?
    private var mergedBefore: OperationResult?
    private let users: [Gauge]
    private let asked: [Gauge]
    private let offered: Gauge
    private let sent: Gauge
    private let inFlight: Gauge
    private let connections: Gauge
    private let elapsed: Gauge

    /// The metrics of a plan, all at zero.
    public init(_ plan: LoadPlan) {
        let facts = PlanFacts(plan)
        let registry = registry
        self.facts = facts
        interval = facts.intervalSeconds
        users = facts.scenarios.map {
            registry.gauge("loadgen_users", "Users of the closed model now.", [("scenario", $0.name)])
        }
        asked = facts.scenarios.map {
            registry.gauge(
                "loadgen_asked_iterations_per_second", "Rate of a capacity search's step; 0 otherwise.",
                [("scenario", $0.name)])
        }
        offered = registry.gauge("loadgen_offered_requests_per_second", "Arrivals of the last interval.")
        sent = registry.gauge("loadgen_sent_requests_per_second", "Requests sent in the last interval.")
        inFlight = registry.gauge("loadgen_in_flight_requests", "Requests without an answer.")
        connections = registry.gauge("loadgen_connections", "Connections up.")
        elapsed = registry.gauge("loadgen_elapsed_seconds", "Time since the start of the run.")
        registry.gauge("loadgen_length_seconds", "Time the plan lasts.").set(facts.seconds)
        ProcessMetrics.register(in: registry)
        rows = [Row?](repeating: nil, count: max(1, facts.scenarios.count * facts.operations.count))
        for (index, scenario) in plan.scenarios.enumerated() {
            for operation in Self.operations(plan, mix: scenario.mix) { _ = row(index, operation) }
        }
    }

    /// Operations that a mix can send, those of its flows included.
    private static func operations(_ plan: LoadPlan, mix: Int) -> [Int] {
        guard plan.mixes.indices.contains(mix) else { return [] }
        return plan.mixes[mix].items.flatMap { item -> [Int] in
            switch item.item {
            case .operation(let operation): return [operation]
            case .flow(let flow):
                return plan.flows[flow].steps.compactMap { step in
                    if case .request(let request) = step { request.operation } else { nil }
                }
            }
        }
    }

    /// Takes a request, on the engine's thread.
    public func finished(_ sample: RequestSample) {
        guard let row = row(sample.scenario, sample.operation) else { return }
        row.outcomes[Int(sample.outcome.rawValue)].increment()
        guard sample.connection >= 0 else {
            if sample.outcome == .dropped { row.dropped.increment() }
            return
        }
        row.lag.record(nanoseconds: sample.sent - min(sample.intended, sample.sent))
        guard sample.outcome.isAnswered || sample.outcome == .timeout else { return }
        row.response.record(nanoseconds: sample.done - min(sample.intended, sample.done))
        row.service.record(nanoseconds: sample.done - min(sample.sent, sample.done))
    }

    /// Takes the figures of a second, on the engine's thread.
    public func show(_ progress: LoadProgress) {
        show(progress.interval, elapsed: progress.elapsed)
        for (index, scenario) in progress.scenarios.enumerated() where users.indices.contains(index) {
            users[index].set(Double(scenario.users))
            asked[index].set(scenario.rate)
        }
    }

    private func show(_ interval: LoadInterval, elapsed seconds: Double) {
        offered.set(Double(interval.offered) / self.interval)
        sent.set(Double(interval.sent) / self.interval)
        inFlight.set(Double(interval.inFlight))
        connections.set(Double(interval.connectionsUp))
        elapsed.set(seconds)
    }

    /// Takes sums of several processes, whose single requests are not known here: they are written under `scenario="all"`
    /// and `op="all"`, durations to the middles of the histogram's sub-buckets.
    public func show(totals: OperationResult, interval: LoadInterval, elapsed: Double) {
        show(interval, elapsed: elapsed)
        let row = merged ?? makeRow([("scenario", "all"), ("op", "all")])
        merged = row
        let before = mergedBefore ?? OperationResult(scenario: -1, operation: -1, digits: totals.response.digits)
        for (index, counter) in row.outcomes.enumerated() {
            counter.increment(by: UInt64(max(0, totals.counts[index] - before.counts[index])))
        }
        let dropped = totals.count(.dropped) - before.count(.dropped)
        row.dropped.increment(by: UInt64(max(0, dropped)))
        Self.add(totals.response, before.response, to: row.response)
        Self.add(totals.service, before.service, to: row.service)
        Self.add(totals.lag, before.lag, to: row.lag)
        mergedBefore = totals
    }

    /// Records what came to a histogram since before.
    private static func add(_ now: HDRHistogram, _ before: HDRHistogram, to histogram: BucketHistogram) {
        let known = Dictionary(uniqueKeysWithValues: before.occupied.map { ($0.low, $0.count) })
        for bucket in now.occupied {
            let middle = UInt64(bucket.low + (bucket.high - bucket.low) / 2)
            let count = bucket.count - min(bucket.count, known[bucket.low] ?? 0)
            for _ in 0..<count { histogram.record(nanoseconds: middle) }
        }
    }

    /// The metrics of one operation of one scenario; made where a request proves a combination that was not foreseen.
    private func row(_ scenario: Int, _ operation: Int) -> Row? {
        guard facts.scenarios.indices.contains(scenario), facts.operations.indices.contains(operation) else {
            return nil
        }
        let place = scenario * facts.operations.count + operation
        if let row = rows[place] { return row }
        let labels: MetricsRegistry.Labels = [
            ("scenario", facts.scenarios[scenario].name), ("op", facts.operations[operation]),
        ]
        let row = makeRow(labels)
        rows[place] = row
        return row
    }

    private func makeRow(_ labels: MetricsRegistry.Labels) -> Row {
        Row(
            outcomes: Outcome.allCases.map {
                registry.counter("loadgen_requests_total", "Finished requests.", labels + [("outcome", $0.name)])
            },
            dropped: registry.counter("loadgen_dropped_requests_total", "Requests that were never sent.", labels),
            response: registry.histogram(
                "loadgen_request_duration_seconds", "Response time from the intended send time.", labels),
            service: registry.histogram("loadgen_service_duration_seconds", "Time from send to answer.", labels),
            lag: registry.histogram("loadgen_send_lag_seconds", "Time from intended send to send.", labels))
    }
}
