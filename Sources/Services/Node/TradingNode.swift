public import CacheStack
internal import Dispatch
internal import Foundation
public import Logging
public import Market
internal import Synchronization
public import Telemetry

/// What a node tells the world when a batch is durable: never earlier.
public struct NodeOutput: Sendable {
    /// Answers and news for the sessions, in the order of execution.
    public var reports: [ExecutionReport]
    public var trades: [TradeRow]
    /// Instruments whose best prices changed.
    public var tops: [TopOfBook]
    /// The sampled requests that `reports` answer, for whoever brings the answers to the sessions.
    public var traces: [TracedRequest]

    /// The output of one batch.
    package init(
        reports: [ExecutionReport], trades: [TradeRow], tops: [TopOfBook], traces: [TracedRequest] = []
    ) {
        self.reports = reports
        self.trades = trades
        self.tops = tops
        self.traces = traces
    }
}

/// How a node ended.
public enum NodeEnd: Sendable, Hashable {
    /// It was asked to, and everything accepted is durable.
    case stopped
    /// It was asked to, and the store did not take the last batch in time: what that held was never acknowledged.
    case unfinished
    /// Another process owns the partition; nothing acknowledged is lost, this process must not go on.
    case fenced
    /// L3 refused rows that must be right: a defect. The text is safe to log.
    case refused(String)
}

/// One partition's order service: prefetch, sequence, execute, commit, acknowledge, publish.
///
///     submit -> Prefetcher -> Sequencer -> PartitionCommitter -> deliver
///               (thread)      (thread)     (one task a batch)    (publisher's thread)
///
/// Stages are joined by bounded queues and take whatever waits at once. The sequencer owns all trading state; a batch
/// commits while the next executes; answers leave when their batch is durable. While the store is down new orders are
/// refused at once (rule 143), cancels go on and are answered when it is back. A node that was killed is started
/// again by `recover` over the same L3.
public final class TradingNode: Sendable {
    /// Number of the rule that stands for "the durable store does not follow" (143: journal lag).
    public static let storeRule: UInt8 = 143

    /// How long a stopping node tries to make its last batch durable.
    static let stopTimeout = Duration.seconds(10)

    /// The account service of this node's sessions.
    public let directory: SessionDirectory
    let configuration: PartitionConfiguration
    let cache: CacheStack
    let durable: any DurableTier
    let metrics: NodeMetrics
    let logger: Logger
    private let committer: PartitionCommitter
    private let sequencerInbox = BatchQueue<SequencerMessage>(limit: 1_000_000)
    private let prefetcher: Prefetcher
    private let publisher: Publisher
    private let deliver: @Sendable (NodeOutput) -> Void
    private let owner = UInt64.random(in: 1...UInt64(Int64.max))
    private let end = Mutex<NodeEnd?>(nil)
    /// Instruments by symbol, fixed for the day.
    private let instrumentsBySymbol = Mutex<[UInt32: InstrumentID]>([:])
    private let recovered = Mutex<RecoveredPartition?>(nil)

    /// A node over a cache stack and its L3.
    ///
    /// - Parameter deliver: called with every durable batch's output, in order, on the publisher's thread; refusals at
    ///   entry come on the submitter's.
    public init(
        configuration: PartitionConfiguration, cache: CacheStack, durable: any DurableTier,
        metrics registry: MetricsRegistry,
        logger: Logger, deliver: @escaping @Sendable (NodeOutput) -> Void
    ) {
        self.configuration = configuration
        self.cache = cache
        self.durable = durable
        self.logger = logger
        self.deliver = deliver
        metrics = NodeMetrics(registry)
        directory = SessionDirectory(durable: durable)
        committer = PartitionCommitter(cache: cache, metrics: metrics, logger: logger)
        prefetcher = Prefetcher(
            cache: cache, directory: directory, metrics: metrics, inboxMax: configuration.inboxMax,
            output: sequencerInbox)
        publisher = Publisher(cache: cache, metrics: metrics, deliver: deliver)
        registry.computed("node_queue_depth", "Requests waiting for a stage.", [("stage", "prefetch")]) {
            [prefetcher] in Double(prefetcher.inbox.count)
        }
        registry.computed("node_queue_depth", "Requests waiting for a stage.", [("stage", "sequencer")]) {
            [sequencerInbox] in Double(sequencerInbox.count)
        }
    }

    /// Loads the partition from L3 and takes it over; must return before `run`.
    ///
    /// - Throws: `TierError` where L3 cannot be read, `RecoveryError` where its rows do not make a sound partition.
    public func recover() async throws {
        try await directory.refresh()
        let recovery = PartitionRecovery(configuration: configuration, durable: durable)
        let partition = try await recovery.load()
        instrumentsBySymbol.withLock { $0 = recovery.symbols }
        recovered.withLock { $0 = partition }
        try await warm()
        logger.info("the partition is restored", metadata: partition.summary)
    }

    /// Reads profiles and instruments through the cache ahead of the first orders: a node that starts into the open
    /// finds them in L1 and L2 instead of asking PostgreSQL one by one.
    private func warm() async throws {
        let ids = KeyCollector()
        let limit = configuration.warmAccountsMax
        let spaces = [TradingSpaces.instruments.space, TradingSpaces.accounts.space]
        _ = try await durable.scan(spaces, until: .now + PartitionRecovery.timeout) { chunk in
            ids.append(chunk, upTo: limit)
        }
        let keys = ids.keys
        let began = ContinuousClock.now
        for start in stride(from: 0, to: keys.count, by: Self.warmBatch) {
            // What is read together expires together: spread it, or the first expiry is a wave of misses.
            try await Task.sleep(until: began + .seconds(Double(start) / Self.warmRate), clock: .continuous)
            _ = try await cache.read(Array(keys[start..<min(start + Self.warmBatch, keys.count)]), .bounded())
        }
    }

    private static let warmBatch = 512
    /// Rows a second; at L1's ten seconds, 100,000 rows then expire evenly.
    private static let warmRate = 10_000.0

    /// The instrument of an exchange symbol, nil where it is unknown.
    public func instrument(symbol: UInt32) -> InstrumentID? { instrumentsBySymbol.withLock { $0[symbol] } }

    /// All symbols with their instruments.
    public var instruments: [UInt32: InstrumentID] { instrumentsBySymbol.withLock { $0 } }

    /// Takes requests in the order of their arrival; never blocks. What cannot be taken is answered at once.
    ///
    /// - Parameter traces: of those that are sampled, with their positions in `requests`; handed back in the output
    ///   that answers them.
    public func submit(_ requests: [OrderRequest], traces: [TracedRequest] = []) {
        var taken = requests
        var sampled = traces
        if committer.isStoreDown {
            refuse(
                requests.filter { $0.kind != .cancel }, traces.filter { requests[$0.position].kind != .cancel },
                rule: Self.storeRule)
            taken = requests.filter { $0.kind == .cancel }
            sampled = traces.filter { requests[$0.position].kind == .cancel }.map { trace in
                var trace = trace
                trace.position = requests[..<trace.position].count { $0.kind == .cancel }
                return trace
            }
        }
        let count = prefetcher.inbox.put(contentsOf: taken, traces: sampled)
        if count < taken.count {
            refuse(Array(taken[count...]), sampled.filter { $0.position >= count }, rule: OrderReports.capacityRule)
        }
    }

    /// Answers requests that never reach the sequencer; nothing of them is kept, they may be sent again.
    private func refuse(_ requests: [OrderRequest], _ traces: [TracedRequest], rule: UInt8) {
        guard !requests.isEmpty else { return }
        metrics.refusedAtEntry.increment(by: UInt64(requests.count))
        let now = EventClock.now()
        let reports = requests.map { request in
            var report = ExecutionReport(
                type: request.kind == .new ? .rejected : .cancelRejected, status: .rejected, order: 0, execution: 0,
                request: request, time: now)
            report.rule = rule
            report.rejectReason = 99
            return report
        }
        var refused = traces
        for index in refused.indices { refused[index].isRefused = true }
        deliver(NodeOutput(reports: reports, trades: [], tops: [], traces: refused))
    }

    /// Runs the stages until the task is cancelled, then makes everything accepted durable and ends.
    public func run() async -> NodeEnd {
        guard let state = recovered.withLock({ $0.take() }) else {
            preconditionFailure("recover() must succeed before run()")
        }
        let sequencer = Sequencer(
            partition: state.partition, owner: owner, fence: state.fence, inbox: sequencerInbox, metrics: metrics
        ) { [self] batch in commit(batch) }
        let stages = NodeThreads()
        stages.start("prefetch") { [prefetcher] in prefetcher.run() }
        stages.start("sequencer", owning: sequencer) { $0.run() }
        stages.start("publisher") { [publisher] in publisher.run() }
        while end.withLock({ $0 }) == nil, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
            sequencerInbox.put(.tick)
        }
        prefetcher.inbox.close()
        let grace = Task.detached { [committer] in
            guard (try? await Task.sleep(for: Self.stopTimeout)) != nil else { return }
            committer.stop()
        }
        await stages.wait("sequencer")
        publisher.inbox.close()
        await stages.wait("publisher")
        grace.cancel()
        return end.withLock { $0 } ?? .stopped
    }

    /// Runs `body` on the sequencer's thread, between two batches of requests.
    func inspect<T: Sendable>(_ body: @escaping @Sendable (TradingPartition) -> T) async -> T? {
        await withCheckedContinuation { continuation in
            let isQueued = sequencerInbox.put(.inspect { continuation.resume(returning: body($0)) })
            if !isQueued { continuation.resume(returning: nil) }
        }
    }

    private func commit(_ batch: PartitionBatch) {
        Task(name: "commit") {
            switch await committer.commit(batch) {
            case .durable(let ticket):
                publisher.inbox.put(batch.traces.isEmpty ? batch : ended(batch))
                sequencerInbox.put(.committed(ticket))
            case .fenced: abandon(.fenced)
            case .refused(let text): abandon(.refused(text))
            case .stopped: abandon(.unfinished)
            }
        }
    }

    /// The batch with its sampled requests' commit ended now.
    private func ended(_ batch: PartitionBatch) -> PartitionBatch {
        var batch = batch
        batch.traces.end(.commit, at: SpanRecorder.wallClock(), batch: batch.requestCount)
        return batch
    }

    private func abandon(_ reason: NodeEnd) {
        logger.error("the node stops", metadata: ["reason": "\(reason)"])
        end.withLock { $0 = reason }
        sequencerInbox.put(.abandon)
        sequencerInbox.close()
        prefetcher.inbox.close()
    }
}

/// Gathers the keys of scanned rows, up to a limit.
private final class KeyCollector: Sendable {
    private let collected = Mutex<[CacheKey]>([])

    func append(_ chunk: ScanChunk, upTo limit: Int) {
        collected.withLock { keys in
            let room = max(0, limit - keys.count)
            keys.append(contentsOf: chunk.ids.prefix(room).map { CacheKey(chunk.space, $0) })
        }
    }

    var keys: [CacheKey] { collected.withLock { $0 } }
}
