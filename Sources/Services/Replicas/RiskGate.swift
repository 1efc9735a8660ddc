internal import CacheStack
public import Logging
public import Market
internal import Synchronization
public import Telemetry

/// How a node has its requests screened.
public struct GateOptions: Sendable {
    /// After that a request goes on without its verdict.
    public var timeout = Duration.milliseconds(250)
    /// Requests of one batch at most.
    public var requestsMax = 256
    /// Requests that may wait for verdicts; those beyond go on without.
    public var waitingMax = 50_000

    /// The defaults.
    public init() {}
}

/// The node's side of the replicated risk screen: requests go to the replicas in batches by account, and on to the
/// sequencer with or after their verdicts.
///
/// **Order.** An account belongs to one partition for good, and what leaves a partition leaves in the order it came:
/// a verdict that comes early waits for those in front of it. Accounts do not wait for each other.
///
/// **Who decides.** The sequencer, always: it runs the whole table on what it owns, and writes the refusal that a
/// client gets. A screen's refusal is counted and compared; it never answers a client. So a gate whose replicas are
/// away, late or wrong costs time and nothing else: after `timeout` a request goes on unscreened, and while no replica
/// is known, or the streams are full, it goes on at once.
///
/// **Batches.** Everything that waits when the last append has returned is sent, one batch a partition: at low rates
/// one request each, at high rates whatever came during one round trip.
public final class RiskGate: Sendable {
    /// What became of a request at the gate.
    public enum Passage: String, Sendable, CaseIterable {
        /// Screened: the replicas would accept it, or refuse it.
        case accepted, refused
        /// No verdict within the time.
        case late
        /// Not sent: no replica, streams full, Redis away, or too many wait.
        case bypassed
    }

    private struct Waiting {
        var request: OrderRequest
        var trace: TracedRequest?
    }

    private struct Batch {
        var number: UInt64
        var items: [Waiting]
        var sent: Int64
        var deadline: Int64
        var passages: [Passage]?
    }

    private struct State {
        var unsent: [[Waiting]]
        var sent: [[Batch]]
        var waiting = 0
        var lastNumber: UInt64 = 0
        var hasReplicas = false
        var isClosed = false
    }

    private let streams: any ServiceStreams
    private let options: GateOptions
    private let logger: Logger
    private let forward: @Sendable ([OrderRequest], [TracedRequest]) -> Void
    private let producer = UInt64.random(in: 1...UInt64(Int64.max))
    private let state: Mutex<State>
    /// Held while requests are handed on, so that what was taken first goes first.
    private let passing = Mutex(())
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let passages: [Passage: Counter]
    private let durations: BucketHistogram

    /// A gate that screens nothing until `run`; `forward` gets what may go on, never out of an account's order.
    public init(
        streams: any ServiceStreams, options: GateOptions = GateOptions(), metrics: MetricsRegistry, logger: Logger,
        forward: @escaping @Sendable ([OrderRequest], [TracedRequest]) -> Void
    ) {
        self.streams = streams
        self.options = options
        self.logger = logger
        self.forward = forward
        state = Mutex(
            State(
                unsent: Array(repeating: [], count: streams.partitions),
                sent: Array(repeating: [], count: streams.partitions)))
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        passages = Dictionary(
            uniqueKeysWithValues: Passage.allCases.map {
                (
                    $0,
                    metrics.counter("risk_screen_total", "Requests by what the screen said.", [("result", $0.rawValue)])
                )
            })
        durations = metrics.histogram(
            "risk_screen_duration_seconds", "From the sending of a request to the screen to its verdict.")
        metrics.computed("risk_screen_waiting", "Requests that wait for their verdict.") { [weak self] in
            Double(self?.state.withLock { $0.waiting } ?? 0)
        }
    }

    /// Takes requests in the order of their arrival; never blocks.
    ///
    /// - Parameter traces: of those that are sampled, with their positions in `requests`.
    public func submit(_ requests: [OrderRequest], traces: [TracedRequest] = []) {
        passing.withLock { _ in
            let direct = state.withLock { state in take(requests, traces, &state) }
            hand(on: direct, .bypassed)
        }
        waker.yield()
    }

    /// Queues what can be screened, and hands back the rest. Behind a request of its account nothing passes.
    private func take(
        _ requests: [OrderRequest], _ traces: [TracedRequest], _ state: inout State
    ) -> [Waiting] {
        var direct: [Waiting] = []
        var sampled = traces.sorted { $0.position < $1.position }[...]
        for (index, request) in requests.enumerated() {
            let trace = sampled.first?.position == index ? sampled.popFirst() : nil
            let partition = ReplicaAssignment.partition(of: request.account, count: streams.partitions)
            let isFree = state.unsent[partition].isEmpty && state.sent[partition].isEmpty
            let cannot = !state.hasReplicas || state.isClosed || state.waiting >= options.waitingMax
            if cannot, isFree {
                direct.append(Waiting(request: request, trace: trace))
            } else {
                state.unsent[partition].append(Waiting(request: request, trace: trace))
                state.waiting += 1
            }
        }
        return direct
    }

    /// Screens until the task is cancelled; then everything that waits goes on unscreened.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepSending() }
            group.addTask { await self.keepListening() }
            group.addTask { await self.keepWatching() }
            await group.waitForAll()
        }
        passing.withLock { _ in
            let rest = state.withLock { state -> [Waiting] in
                state.isClosed = true
                let rest = state.sent.indices.flatMap { partition in
                    state.sent[partition].flatMap(\.items) + state.unsent[partition]
                }
                for partition in state.sent.indices {
                    state.sent[partition] = []
                    state.unsent[partition] = []
                }
                state.waiting = 0
                return rest
            }
            hand(on: rest, .bypassed)
        }
    }

    // MARK: Sending

    private func keepSending() async {
        for await _ in wake {
            while !Task.isCancelled, await sendOnce() {}
            if Task.isCancelled { return }
        }
    }

    /// Sends one batch of each partition that has something; false where nothing was there.
    private func sendOnce() async -> Bool {
        let now = EventClock.now()
        let batches = state.withLock { takeBatches(&$0, now) }
        guard !batches.isEmpty else { return false }
        let outcomes = await streams.send(
            batches.map { partition, batch in
                let header = BatchHeader(
                    kind: .orders, producer: producer, number: batch.number, created: batch.sent,
                    deadline: batch.deadline)
                let bytes = BatchFormat.encode(header, orders: batch.items.map(\.request))
                return (partition, batch.items.count, bytes)
            })
        let lost = zip(batches, outcomes).filter { $0.1 != .sent }
        for ((partition, batch), _) in lost { settle(partition, batch.number, .bypassed) }
        if case .unknown(let text)? = lost.first?.1 {
            logger.info("requests go on unscreened", metadata: ["error": "\(text)"])
        }
        return true
    }

    private func takeBatches(_ state: inout State, _ now: Int64) -> [(Int, Batch)] {
        var batches: [(Int, Batch)] = []
        for partition in state.unsent.indices where !state.unsent[partition].isEmpty {
            state.lastNumber += 1
            let items = Array(state.unsent[partition].prefix(options.requestsMax))
            state.unsent[partition].removeFirst(items.count)
            let batch = Batch(
                number: state.lastNumber, items: items, sent: now,
                deadline: now + Int64(options.timeout / .microseconds(1)))
            state.sent[partition].append(batch)
            batches.append((partition, batch))
        }
        return batches
    }

    // MARK: Verdicts

    private func keepListening() async {
        var last = "0-0"
        while !Task.isCancelled {
            do {
                let answers = try await streams.answers(to: producer, after: last, wait: .milliseconds(100))
                for answer in answers {
                    last = answer.id
                    take(answer.bytes)
                }
            } catch {
                // Requests go on when their time has passed; a reply stream that is gone starts anew.
                last = "0-0"
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func take(_ bytes: [UInt8]) {
        guard let (header, verdicts) = try? BatchFormat.verdicts(bytes), header.producer == producer else { return }
        durations.record(nanoseconds: UInt64(max(0, EventClock.now() - header.created)) * 1_000)
        settle(verdicts.map { $0.rule == 0 ? .accepted : .refused }, header.number)
    }

    private func settle(_ partition: Int, _ number: UInt64, _ passage: Passage) {
        release { state in
            guard let index = state.sent[partition].firstIndex(where: { $0.number == number }) else { return }
            state.sent[partition][index].passages = state.sent[partition][index].items.map { _ in passage }
        }
    }

    private func settle(_ passages: [Passage], _ number: UInt64) {
        release { state in
            for partition in state.sent.indices {
                guard let index = state.sent[partition].firstIndex(where: { $0.number == number }) else { continue }
                guard state.sent[partition][index].items.count == passages.count else { return }
                state.sent[partition][index].passages = passages
                return
            }
        }
    }

    /// Every few milliseconds: what is late goes on. Every half second: whether there are replicas.
    private func keepWatching() async {
        var lookAt = ContinuousClock.now
        while !Task.isCancelled {
            if ContinuousClock.now >= lookAt {
                lookAt = .now + .milliseconds(500)
                let hasReplicas = ((try? await streams.members())?.members.isEmpty ?? true) == false
                state.withLock { $0.hasReplicas = hasReplicas }
            }
            if state.withLock({ $0.waiting }) > 0 { expire(EventClock.now()) }
            try? await Task.sleep(for: .milliseconds(5))
        }
        waker.finish()
    }

    private func expire(_ now: Int64) {
        release { state in
            for partition in state.sent.indices {
                for index in state.sent[partition].indices {
                    let batch = state.sent[partition][index]
                    guard batch.passages == nil, batch.deadline < now else { continue }
                    state.sent[partition][index].passages = batch.items.map { _ in .late }
                }
            }
        }
    }

    // MARK: Handing on

    /// Changes the state, then hands on every batch that is settled and has nothing unsettled in front of it.
    private func release(_ change: (inout State) -> Void) {
        passing.withLock { _ in
            let settled = state.withLock { state -> [Batch] in
                change(&state)
                var settled: [Batch] = []
                for partition in state.sent.indices {
                    let count = state.sent[partition].prefix { $0.passages != nil }.count
                    settled += state.sent[partition].prefix(count)
                    state.sent[partition].removeFirst(count)
                }
                state.waiting -= settled.reduce(0) { $0 + $1.items.count }
                return settled
            }
            guard !settled.isEmpty else { return }
            for passage in settled.flatMap({ $0.passages ?? [] }) { passages[passage]?.increment() }
            hand(on: settled.flatMap(\.items))
        }
    }

    private func hand(on items: [Waiting], _ passage: Passage) {
        guard !items.isEmpty else { return }
        passages[passage]?.increment(by: UInt64(items.count))
        hand(on: items)
    }

    private func hand(on items: [Waiting]) {
        var traces: [TracedRequest] = []
        for (index, item) in items.enumerated() {
            guard var trace = item.trace else { continue }
            trace.position = index
            traces.append(trace)
        }
        forward(items.map(\.request), traces)
    }
}
