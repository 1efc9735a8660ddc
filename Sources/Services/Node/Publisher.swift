internal import CacheStack
internal import Glibc
internal import Market
internal import Telemetry

/// The last stage: hands the output of durable batches to the world, in order, one batch at a time.
final class Publisher: Sendable {
    let inbox = BatchQueue<PartitionBatch>(limit: 100_000)
    private let cache: CacheStack
    private let metrics: NodeMetrics
    private let deliver: @Sendable (NodeOutput) -> Void

    init(cache: CacheStack, metrics: NodeMetrics, deliver: @escaping @Sendable (NodeOutput) -> Void) {
        self.cache = cache
        self.metrics = metrics
        self.deliver = deliver
    }

    /// Works until the inbox is closed.
    func run() {
        while let batches = inbox.takeAll() {
            for batch in batches { publish(batch) }
        }
    }

    private func publish(_ batch: PartitionBatch) {
        metrics.trades.increment(by: UInt64(batch.trades.count))
        metrics.duplicates.increment(by: UInt64(batch.lookups.count))
        let reports = batch.reports + repeats(batch.lookups)
        metrics.count(reports, now: EventClock.now())
        deliver(NodeOutput(reports: reports, trades: batch.trades, tops: batch.tops, traces: batch.traces))
    }

    /// The first answers to requests whose orders have left memory, from their rows.
    private func repeats(_ lookups: [OrderLookup]) -> [ExecutionReport] {
        guard !lookups.isEmpty else { return [] }
        let keys = lookups.map { OrderRow.key($0.order) }
        var values = BlockingRead.values(keys, .strict, of: cache)
        // The batch was durable a moment ago: a failed read is worth repeating, then the client must ask again.
        for _ in 0..<3 where values.isEmpty {
            usleep(100_000)
            values = BlockingRead.values(keys, .strict, of: cache)
        }
        let now = EventClock.now()
        return zip(lookups, values).compactMap { lookup, value in
            guard let payload = value.payload else { return nil }
            return OrderReports.repeated(OrderRow(id: lookup.order, payload: payload[...]), lookup.request, now: now)
        }
    }
}
