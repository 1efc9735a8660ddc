public import CacheStack
internal import Synchronization
public import Telemetry

/// L2 on Redis: a Redis Cluster, or a ring of standalone servers.
///
/// **Shape.** Callers encode a batch of commands (one slot or shard per key) and suspend. One I/O thread owns a
/// pipelined connection per node, all state of the cluster, and every deadline; it writes once per connection and
/// turn, matches replies in order, and resumes the callers, who decode. A batch of 20 GETs on three nodes costs about
/// ten system calls, whoever else is being served by the same ones.
///
/// **What may be written.** Only the three scripts write (`Script`): get-or-lease, fill-under-own-lease,
/// publish-by-version, which never creates a value. Nothing here relies on Redis keeping or ordering anything.
///
/// **Connections.** Plain or under TLS with certificates on both sides (`Configuration.tls`); AUTH is the first word of
/// every one, and nothing is sent before the server's certificate was verified. `NodeState.faultKind` tells why one
/// failed. A ring's shards can come and go while it is used (`addShard`, `removeShard`).
///
/// **Replicas.** Off unless `Configuration.replicaReads`; then reads whose caller allows it ask replicas, and the primary
/// where a replica fails. An entry is a certificate of what was newest at a ticket, which stays true wherever and
/// whenever it is read: a replica that lags gives an older certificate or none, and the reader judges it by its age and
/// by the floors it knows. Leases, fills, publishes and version checks never go to a replica.
///
/// **Faults.** A fault of one node answers that node's keys with `.miss` (reads), `.granted` with token 0 (leases:
/// load it yourself, `fill` will not store it), `.lost` (fills), and is counted in `redis_errors_total`; a call throws
/// only where no key at all got an answer. A batch whose deadline passes costs the connection, since late replies must
/// not answer later commands. Faults in a row open the node's breaker, which then refuses at once.
///
/// **Limits.** All in `Configuration`: commands in flight, bytes to write, bytes and elements of a reply, redirects.
///
/// **Start and end.** `start()` returns at once and never fails: without servers the tier answers with faults, and
/// connects when they come; `waitUntilHealthy` waits for that. After `shutdown()` no thread, socket or caller is left.
public final class RedisTier: Sendable {
    /// What the tier knows of one node.
    public struct NodeState: Sendable, Hashable {
        /// Where it listens.
        public let address: RedisAddress
        /// Whether its connection has answered the handshake.
        public let isConnected: Bool
        /// Whether its breaker refuses commands.
        public let isRefused: Bool
        /// Whether the cluster does not name it any more.
        public let isRetired: Bool
        /// Why its last connection ended, until the next one is made.
        public let lastFault: String?
        /// The same as a code.
        public let faultKind: FaultKind?
    }

    /// What the tier knows of one replica of a cluster.
    public struct ReplicaState: Sendable, Hashable {
        /// Where it listens.
        public let address: RedisAddress
        /// The primary whose keys it answers for; nil once the cluster does not name it any more.
        public let primary: RedisAddress?
        /// Whether its connection has answered the handshake.
        public let isConnected: Bool
        /// Whether it answers and hears from its primary; of several such replicas the nearest are asked.
        public let isUsable: Bool
        /// Average latency of the last probes, waiting behind other commands included.
        public let latency: Duration?
        /// Why its last connection ended, until the next one is made.
        public let lastFault: String?
    }

    let configuration: Configuration
    /// Opens every connection of this tier; usable by any thread.
    let connector: Connector
    let metrics: RedisMetrics
    /// Where a ring's keys live; nil for a cluster.
    let placement: ShardPlacement?
    private let shared: EngineShared
    private let thread: IOThread
    private let tokens: Atomic<UInt64>
    private let currentEpoch: Atomic<UInt32>

    /// A tier that does nothing until `start()`.
    ///
    /// - Parameters:
    ///   - configuration: must have no `problem`; files of TLS may still be missing.
    ///   - metrics: gets the tier's metrics, named in `RedisMetrics`.
    public init(_ configuration: Configuration, metrics registry: MetricsRegistry) {
        if let problem = configuration.shapeProblem { preconditionFailure(problem) }
        self.configuration = configuration
        switch configuration.mode {
        case .cluster: placement = nil
        case .ring(let shards): placement = ShardPlacement(shards)
        }
        var system = SystemRandomNumberGenerator()
        let seed = configuration.tokenSeed ?? system.next()
        let metrics = RedisMetrics(registry)
        let shared = EngineShared()
        self.metrics = metrics
        self.shared = shared
        tokens = Atomic(seed)
        currentEpoch = Atomic(configuration.epoch)
        let connector = Connector(configuration)
        self.connector = connector
        thread = IOThread(shared) {
            Engine(connector, metrics: metrics, shared: shared, seed: ~seed)
        }
    }

    deinit { thread.stop() }

    /// The epoch under which keys are read and leases taken; never falls.
    public var epoch: UInt32 { currentEpoch.load(ordering: .relaxed) }

    /// L3's history has this epoch: keys of older ones are not looked at any more. Fills and publishes do this too.
    public func raiseEpoch(to epoch: UInt32) {
        // Not by Atomic.max, which takes numbers from 2^31 on for negative (Swift 6.3.1).
        var current = currentEpoch.load(ordering: .relaxed)
        while epoch > current {
            current = currentEpoch.weakCompareExchange(expected: current, desired: epoch, ordering: .relaxed).original
        }
    }

    /// The cache stack follows another epoch from now on.
    public func enter(epoch: UInt32) { raiseEpoch(to: epoch) }

    /// Starts the I/O thread, which starts connecting. Returns at once; a second call does nothing.
    public func start() { thread.start() }

    /// Starts, runs until the task is cancelled, and shuts down.
    public func run() async throws {
        start()
        defer { shutdown() }
        try await Task.sleep(for: .seconds(Int64.max / 4))
    }

    /// Closes everything: waiting callers get `.unavailable`, later ones too; the thread has ended on return.
    public func shutdown() { thread.stop() }

    /// The owners of a cluster's slots, as the I/O thread learns of them.
    var slotWatch: SlotWatch { shared.slotWatch }

    /// Every node known so far.
    public var nodeStates: [NodeState] { shared.nodeStates }

    /// Every replica known so far; empty unless replicas may answer.
    public var replicaStates: [ReplicaState] { shared.replicaStates }

    /// Waits until keys all over the key space are answered; for programs that want a warm start.
    ///
    /// - Throws: `.unavailable`, with the addresses and what is wrong with each, once `deadline` has passed. The tier
    ///   goes on trying all the same.
    public func waitUntilHealthy(until deadline: ContinuousClock.Instant) async throws(TierError) {
        while true {
            let now = ContinuousClock.now
            if await isHealthy(until: min(deadline, now + configuration.connectTimeout)) { return }
            guard ContinuousClock.now < deadline, !Task.isCancelled else { throw unhealthy() }
            // A cancelled sleep returns early; the guard above ends the loop then.
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// 64 keys miss a given one of three nodes once in 2e11 times.
    private func isHealthy(until deadline: ContinuousClock.Instant) async -> Bool {
        var list = CommandList(capacity: 64, bytesPerCommand: 48)
        var name = KeyName()
        for id in 0..<64 {
            name.set(CacheKey(SpaceID(rawValue: 0), UInt64(id)), epoch: 0)
            appendGet(name, to: &list)
        }
        let batch = CommandBatch(list, deadline: deadline)
        await perform(batch)
        return batch.faultCount == 0
    }

    private func unhealthy() -> TierError {
        let problems = nodeStates.filter { !$0.isRetired }.map { state in
            "\(state.address): \(state.lastFault ?? (state.isConnected ? "connected" : "connecting"))"
        }
        return TierError(
            .unavailable, "Redis does not serve all keys yet; still trying (\(problems.joined(separator: "; ")))")
    }

    /// Where a key lives: its slot in a cluster, its shard's node in a ring.
    func route(_ name: KeyName) -> UInt16 { placement?.owner(ofHash: name.hash) ?? name.slot }

    /// Hands a change of the ring to the I/O thread; false after `shutdown`.
    func submit(_ control: Engine.Control) -> Bool { shared.submit(control) }

    /// A fresh lease token, never 0 (SplitMix64: distinct for 2^64 calls).
    func nextToken() -> UInt64 {
        var z = tokens.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return z == 0 ? nextToken() : z
    }

    /// Hands a batch to the I/O thread and waits until each of its commands has ended.
    func perform(_ batch: CommandBatch) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            batch.continuation = continuation
            if !thread.submit(batch) {
                batch.failRest(TierError(.unavailable, "the Redis tier was shut down"))
                batch.resume()
            }
        }
    }
}
