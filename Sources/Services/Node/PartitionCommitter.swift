internal import CacheStack
internal import Logging
internal import Market
internal import Synchronization
internal import Telemetry

/// Makes the batches of one partition durable, whatever it takes, and says how that ended.
///
/// A batch that failed is sent again unchanged: the partition's row is its fence, so it can take effect once only. A
/// batch whose answer was lost and that did commit shows as a conflict with the row it wrote itself.
final class PartitionCommitter: Sendable {
    /// How a batch ended.
    enum Outcome: Sendable {
        case durable(Ticket)
        /// Another process owns the partition now.
        case fenced
        /// L3 refuses the rows: a defect, the node must stop. The text is safe to log.
        case refused(String)
        /// The node is stopping.
        case stopped
    }

    private let cache: CacheStack
    private let logger: Logger
    private let metrics: NodeMetrics
    private let isDown = Atomic<Bool>(false)
    private let isStopping = Atomic<Bool>(false)

    init(cache: CacheStack, metrics: NodeMetrics, logger: Logger) {
        self.cache = cache
        self.metrics = metrics
        self.logger = logger
    }

    /// Whether the store refuses commits now: then new orders are refused at entry.
    var isStoreDown: Bool { isDown.load(ordering: .relaxed) }

    /// Ends the attempts of a commit in progress.
    func stop() { isStopping.store(true, ordering: .relaxed) }

    /// Commits `batch`; tries again every 100 ms for as long as the store is away.
    func commit(_ batch: PartitionBatch) async -> Outcome {
        while !isStopping.load(ordering: .relaxed) {
            switch await cache.commit(batch.transaction) {
            case .committed(let ticket, _, _), .duplicate(let ticket):
                isDown.store(false, ordering: .relaxed)
                return .durable(ticket)
            case .conflict(let key, let current):
                return await examine(batch, key, current)
            case .keyReused: return .refused("the batch carries a used idempotency key")
            case .rejected(let text): return .refused(text)
            case .failed(let error):
                logger.info("a batch was not committed and is tried again", metadata: ["error": "\(error)"])
                await pause()
            case .inDoubt:
                logger.info("a batch is in doubt and is examined")
                await pause()
            }
        }
        return .stopped
    }

    private func pause() async {
        isDown.store(true, ordering: .relaxed)
        metrics.commitRetries.increment()
        try? await Task.sleep(for: .milliseconds(100))
    }

    /// The fence has moved: by an earlier attempt of this very batch, or by another owner.
    private func examine(_ batch: PartitionBatch, _ key: CacheKey, _ current: Ticket) async -> Outcome {
        while !isStopping.load(ordering: .relaxed) {
            guard let value = try? await cache.read([key], .strict).first else {
                await pause()
                continue
            }
            guard let payload = value.payload else { return .fenced }
            isDown.store(false, ordering: .relaxed)
            return PartitionRow(id: key.id, payload: payload[...]) == batch.row ? .durable(value.version) : .fenced
        }
        return .stopped
    }
}
