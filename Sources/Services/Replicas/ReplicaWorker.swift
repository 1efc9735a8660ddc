internal import CacheStack
public import Logging
internal import Synchronization
internal import Telemetry

/// The work of a service, one call for all batches at hand.
public protocol BatchService: Sendable {
    /// Name of the service in streams, metrics and commands.
    var name: String { get }

    /// Works on batches in order; one result for each. Called by one task at a time.
    ///
    /// What it makes durable must be keyed by the batch (`BatchHeader.producer`, `number`): a batch may come again.
    func work(_ items: [StreamItem]) async -> [BatchResult]
}

/// What a service made of a batch.
public enum BatchResult: Sendable, Hashable {
    /// Its effects are durable or in the answer.
    case ended(BatchHeader, requests: Int, answer: [UInt8]?)
    /// Nobody waits for it any more; nothing was done.
    case expired(BatchHeader, requests: Int)
    /// Not now; it is handed out again. The text is safe to log.
    case failed(String)
    /// Never: the bytes are no batch of this service.
    case malformed(String)
}

/// How a replica works; times bound how long a lost replica's batches lie.
public struct ReplicaOptions: Sendable {
    /// Batches taken at once from each partition.
    public var batchesMax = 8
    /// How long a read waits for the first batch.
    public var wait = Duration.milliseconds(50)
    /// How often it tells that it is there.
    public var beatInterval = Duration.milliseconds(500)
    /// Held so long without being ended, a batch is taken over by the owner of its partition.
    public var claimIdle = Duration.seconds(2)
    /// How often the owner looks for such batches.
    public var claimInterval = Duration.milliseconds(500)
    /// Deliveries after which a batch that still fails is put aside.
    public var deliveriesMax = 5
    /// How long it goes on with its partitions after it has left, until the others have learned of it: a beat of theirs.
    public var handOver = Duration.zero
    /// Pause after a fault of Redis.
    public var faultPause = Duration.milliseconds(100)

    /// The defaults.
    public init() {}
}

/// One replica: a member of its service that works on the batches of the partitions it owns.
///
/// **Life.** It joins, and from then on beats every `beatInterval`; each beat brings the members, and with them the
/// partitions that it owns. It takes new batches of those, works, and ends each after its effects. It claims batches
/// of its partitions that somebody has held for `claimIdle`: those of a replica that died, or that owned the
/// partition before and was too slow. A batch is put aside when it is malformed, or has been handed out
/// `deliveriesMax` times.
///
/// **Hand-over.** A new owner begins at once with new batches; the old one ends what it has in hand. Both may hold
/// batches of one partition for a moment, never the same one, unless one is claimed: then `end` lets one of them win.
/// So effects happen once; the order of batches in a partition is restored by who waits for the answers.
///
/// **Drain.** When the task of `run` is cancelled it works off what it has in hand, leaves the members, and returns. Between
/// the last two it goes on with its partitions for `handOver`, so that none lies idle until the others' next beat.
public final class ReplicaWorker: Sendable {
    private struct State {
        var assignment: ReplicaAssignment
        var owned: [Int] = []
        var isDraining = false
        var offered: [UInt64] = []
        /// Partitions whose `offered` was known while this replica owned them.
        var watched: Set<Int> = []
    }

    /// Its name among the members, `SERVICE-NUMBER`.
    public let name: String
    private let service: any BatchService
    private let streams: any ServiceStreams
    private let options: ReplicaOptions
    private let metrics: ReplicaMetrics
    private let logger: Logger
    private let facts: String
    private let state: Mutex<State>

    /// A replica that does nothing until `run`.
    ///
    /// - Parameter facts: what other processes may know of it, such as where it listens.
    public init(
        name: String, facts: String = "", service: any BatchService, streams: any ServiceStreams,
        options: ReplicaOptions = ReplicaOptions(), metrics: ReplicaMetrics, logger: Logger
    ) {
        self.name = name
        self.facts = facts
        self.service = service
        self.streams = streams
        self.options = options
        self.metrics = metrics
        self.logger = logger
        state = Mutex(
            State(assignment: ReplicaAssignment(epoch: 0, members: [], partitions: streams.partitions)))
    }

    /// The members and owners as of the last beat.
    public var assignment: ReplicaAssignment { state.withLock { $0.assignment } }

    /// Whether it is a member and takes batches.
    public var isReady: Bool { metrics.isReady }

    /// Works until the task is cancelled, then drains.
    public func run() async {
        // Its own task: a drain must not be cancelled half-way.
        let working = Task.detached(name: "replica") { await self.work() }
        let beating = Task.detached(name: "beat") { await self.keepBeating() }
        await withTaskCancellationHandler {
            await working.value
        } onCancel: {
            state.withLock { $0.isDraining = true }
        }
        beating.cancel()
        await beating.value
    }

    private var isDraining: Bool { state.withLock { $0.isDraining } }

    // MARK: Membership

    private func keepBeating() async {
        while !Task.isCancelled, !isDraining {
            await beat()
            try? await Task.sleep(for: options.beatInterval)
        }
    }

    private func beat() async {
        do throws(TierError) {
            let members = try await streams.join(name, facts: facts)
            guard !isDraining else { return }
            follow(members)
            observe(try await streams.load())
        } catch {
            metrics.ready.set(0)
            logger.info("a beat was missed", metadata: ["error": "\(error)"])
        }
    }

    private func follow(_ membership: ServiceMembership) {
        let names = membership.members.keys.sorted()
        let change = state.withLock { state -> ReplicaAssignment? in
            guard state.assignment.epoch != membership.epoch || state.assignment.members != names else { return nil }
            state.assignment = ReplicaAssignment(
                epoch: membership.epoch, members: names, partitions: streams.partitions)
            state.owned = state.assignment.partitions(of: name)
            return state.assignment
        }
        metrics.ready.set(1)
        guard let change else { return }
        metrics.partitions.set(Double(state.withLock { $0.owned.count }))
        logger.info(
            "the members changed", metadata: ["epoch": "\(change.epoch)", "members": "\(change.members.count)"])
    }

    private func observe(_ load: ServiceLoad) {
        let (queue, offered) = state.withLock { state -> (Int, UInt64) in
            var queue = 0
            var grown: UInt64 = 0
            for partition in state.owned {
                queue += load.waiting[partition]
                guard state.watched.contains(partition) else { continue }
                let (new, old) = (load.offered[partition], state.offered[partition])
                grown += new >= old ? new - old : new
            }
            state.offered = load.offered
            state.watched = Set(state.owned)
            return (queue, grown)
        }
        metrics.queue.set(Double(queue))
        _ = metrics.utilisation(at: ReplicaClock.nanoseconds())
        metrics.offered.increment(by: offered)
    }

    // MARK: Work

    private func work() async {
        await prepare()
        var claimAt = ContinuousClock.now
        while !isDraining {
            let owned = state.withLock { $0.owned }
            guard !owned.isEmpty else {
                try? await Task.sleep(for: options.wait)
                continue
            }
            do throws(TierError) {
                if ContinuousClock.now >= claimAt {
                    claimAt = .now + options.claimInterval
                    let claimed = try await streams.claim(
                        owned, as: name, idle: options.claimIdle, limit: options.batchesMax)
                    metrics.count(.claimed, claimed.count)
                    try await handle(claimed)
                }
                try await handle(
                    try await streams.take(owned, as: name, limit: options.batchesMax, wait: options.wait))
            } catch {
                logger.info("Redis did not serve the replica", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: options.faultPause)
                // Redis may have come back empty: then streams and groups are missing.
                if (try? await streams.prepare()) == nil { metrics.ready.set(0) }
            }
        }
        metrics.ready.set(0)
        // Others learn of it one beat later at the latest; where this fails, when the membership has run out.
        try? await streams.leave(name)
        if options.handOver > .zero { await handOver(state.withLock { $0.owned }) }
    }

    /// Works on what comes until the new owners take it; at least once.
    private func handOver(_ owned: [Int]) async {
        let end = ContinuousClock.now + options.handOver
        guard !owned.isEmpty else { return }
        do throws(TierError) {
            repeat {
                try await handle(
                    try await streams.take(owned, as: name, limit: options.batchesMax, wait: options.wait))
            } while ContinuousClock.now < end
        } catch {
            // The new owners claim what was in hand.
            logger.info("the hand-over was cut short", metadata: ["error": "\(error)"])
        }
    }

    private func prepare() async {
        while !isDraining {
            do throws(TierError) {
                return try await streams.prepare()
            } catch {
                logger.warning("the streams are not there yet", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: options.faultPause)
            }
        }
    }

    private func handle(_ items: [StreamItem]) async throws(TierError) {
        guard !items.isEmpty else { return }
        metrics.begin(at: ReplicaClock.nanoseconds())
        defer { metrics.finish(at: ReplicaClock.nanoseconds()) }
        // One that was handed out too often may be what killed its replicas: it is not tried again.
        let worn = items.filter { $0.deliveries > options.deliveriesMax }
        for item in worn { try await bury(item, "handed out \(item.deliveries) times") }
        let fresh = worn.isEmpty ? items : items.filter { $0.deliveries <= options.deliveriesMax }
        guard !fresh.isEmpty else { return }
        let results = await service.work(fresh)
        var ending: [(item: StreamItem, answer: (producer: UInt64, bytes: [UInt8])?)] = []
        for (item, result) in zip(fresh, results) {
            switch result {
            case .ended(let header, _, let answer): ending.append((item, answer.map { (header.producer, $0) }))
            case .expired: ending.append((item, nil))
            case .failed(let text):
                metrics.count(.failed)
                logger.info(
                    "a batch failed and is handed out again",
                    metadata: ["error": "\(text)", "deliveries": "\(item.deliveries)"])
            case .malformed(let text): try await bury(item, text)
            }
        }
        let ended = try await streams.end(ending)
        count(results, endings: ended)
    }

    private func bury(_ item: StreamItem, _ reason: String) async throws(TierError) {
        guard try await streams.bury(item, reason: reason) else { return }
        metrics.count(.buried)
        logger.warning(
            "a batch was put aside",
            metadata: ["reason": "\(reason)", "partition": "\(item.partition)", "entry": "\(item.id)"])
    }

    private func count(_ results: [BatchResult], endings: [Bool]) {
        let now = EventClock.now()
        var endings = endings[...]
        for result in results {
            switch result {
            case .ended(let header, let requests, _): count(header, requests, .ok, endings.popFirst() ?? false, now)
            case .expired(let header, let requests):
                count(header, requests, .timeout, endings.popFirst() ?? false, now)
            case .failed, .malformed: continue
            }
        }
    }

    private func count(
        _ header: BatchHeader, _ requests: Int, _ code: ReplicaMetrics.Code, _ isFirst: Bool, _ now: Int64
    ) {
        metrics.count(isFirst ? .ended : .repeated)
        guard isFirst else { return }
        metrics.requests.increment(by: UInt64(requests))
        metrics.record(code, requests: requests, created: header.created, now: now)
    }
}
