public import Logging
internal import Synchronization
public import Telemetry

/// The node's side of the replicated notifications: the news of durable batches go to the replicas.
///
/// What a stream does not take is sent again until it does, under the same number, so that it is one row in the end.
/// News wait in memory for that, at most `waitingMax`; what does not fit, and what a stopping node cannot send within
/// two seconds, is dropped and counted. A node that is killed loses those that no stream has taken yet; orders
/// themselves are durable, and so is every refusal.
public final class NewsFeed: Sendable {
    /// News that may wait for the streams.
    public static let waitingMax = 100_000

    private struct State {
        var waiting: [[NewsItem]]
        var count = 0
        var lastNumber: UInt64 = 0
        /// Set when the feed is to end: news that are not taken by then are dropped.
        var end: ContinuousClock.Instant?
    }

    private let streams: any ServiceStreams
    private let logger: Logger
    private let producer = UInt64.random(in: 1...UInt64(Int64.max))
    private let state: Mutex<State>
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let sent: Counter
    private let dropped: Counter

    /// A feed that sends nothing until `run`.
    public init(streams: any ServiceStreams, metrics: MetricsRegistry, logger: Logger) {
        self.streams = streams
        self.logger = logger
        state = Mutex(State(waiting: Array(repeating: [], count: streams.partitions)))
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let help = "News of durable batches by what became of them."
        sent = metrics.counter("notices_sent_total", help, [("result", "sent")])
        dropped = metrics.counter("notices_sent_total", help, [("result", "dropped")])
    }

    /// Takes the news of a durable batch; never blocks.
    public func update(_ output: NodeOutput) { update(output.reports.compactMap(NewsItem.init)) }

    /// Takes news; never blocks.
    public func update(_ news: [NewsItem]) {
        guard !news.isEmpty else { return }
        let lost = state.withLock { state -> Int in
            let room = max(0, Self.waitingMax - state.count)
            for item in news.prefix(room) {
                state.waiting[ReplicaAssignment.partition(of: item.account, count: streams.partitions)].append(item)
            }
            state.count += min(room, news.count)
            return max(0, news.count - room)
        }
        if lost > 0 { dropped.increment(by: UInt64(lost)) }
        waker.yield()
    }

    /// News that no stream has taken yet.
    public var waiting: Int { state.withLock { $0.count } }

    /// Sends until the task is cancelled; then once more what is there.
    public func run() async {
        let sending = Task.detached(name: "news") { for await _ in self.wake { await self.sendAll() } }
        await withTaskCancellationHandler {
            await sending.value
        } onCancel: {
            state.withLock { $0.end = .now + .seconds(2) }
            waker.finish()
        }
        await sendAll()
    }

    /// Sends what waits; a batch that was not taken is tried again every 50 ms until the feed's end.
    private func sendAll() async {
        while true {
            var batches = state.withLock { takeBatches(&$0) }
            guard !batches.isEmpty else { return }
            while !batches.isEmpty {
                let outcomes = await streams.send(batches.map { ($0.partition, $0.news.count, $0.bytes) })
                let left = zip(batches, outcomes).filter { $0.1 != .sent }.map(\.0)
                let done = batches.reduce(0) { $0 + $1.news.count } - left.reduce(0) { $0 + $1.news.count }
                sent.increment(by: UInt64(done))
                state.withLock { $0.count -= done }
                batches = left
                guard !left.isEmpty else { break }
                guard state.withLock({ $0.end }).map({ .now < $0 }) ?? true else { return drop(left) }
                // The last round runs in a cancelled task, which cannot sleep of its own.
                await Task.detached { try? await Task.sleep(for: .milliseconds(50)) }.value
            }
        }
    }

    private func drop(_ batches: [(partition: Int, news: [NewsItem], bytes: [UInt8])]) {
        let count = batches.reduce(0) { $0 + $1.news.count }
        state.withLock { $0.count -= count }
        dropped.increment(by: UInt64(count))
        logger.warning("notices were dropped: the streams do not take them", metadata: ["count": "\(count)"])
    }

    private func takeBatches(
        _ state: inout State
    ) -> [(partition: Int, news: [NewsItem], bytes: [UInt8])] {
        let now = EventClock.now()
        var batches: [(partition: Int, news: [NewsItem], bytes: [UInt8])] = []
        for partition in state.waiting.indices where !state.waiting[partition].isEmpty {
            state.lastNumber += 1
            let news = Array(state.waiting[partition].prefix(256))
            state.waiting[partition].removeFirst(news.count)
            let header = BatchHeader(kind: .news, producer: producer, number: state.lastNumber, created: now)
            batches.append((partition, news, BatchFormat.encode(header, news: news)))
        }
        return batches
    }
}
