internal import CacheStack
internal import Synchronization
internal import Telemetry

/// Everything that happens on the I/O thread: routes commands, moves bytes, keeps deadlines, follows redirects.
///
/// One turn of the loop: wait; take what sockets brought; take new batches; run timers; write once per connection;
/// resume callers. Replies are taken before deadlines are judged, so a late turn does not cost a connection.
///
/// Confined to whoever holds the lock of `EngineSeat`: the I/O thread does except while it waits, and then a caller may
/// hand in its batch itself (`admit`), which saves a lone caller the waking of the thread.
final class Engine {
    /// A command to repeat later.
    struct Retry {
        var at: ContinuousClock.Instant
        var batch: CommandBatch
        var index: Int
        var attempts: UInt8
    }

    let configuration: RedisTier.Configuration
    let connector: Connector
    let metrics: RedisMetrics
    let shared: EngineShared
    /// What is known of the cluster; nil in a ring.
    var cluster: ClusterState?
    var nodes: [NodeConnection] = []
    /// Connections to replicas, by their index in `replicaSet`; none unless replicas may answer.
    var replicas: [NodeConnection] = []
    var replicaSet = ReplicaSet()
    /// Counts the batches that may ask replicas.
    var replicaTurn = 0
    var now = ContinuousClock.now
    var retries: [Retry] = []
    var hasTimerChange = true
    private var active: [CommandBatch] = []
    private var completed: [CommandBatch] = []
    private var batches: [CommandBatch] = []
    private var controls: [Control] = []
    /// Whether this is a caller's thread.
    private var isAdmitting = false
    /// When the I/O thread will stop waiting of its own accord; nil: never.
    private var wakesAt: ContinuousClock.Instant?
    private var dirty: [NodeConnection] = []
    /// When timers must run at the latest.
    var nextTimer: ContinuousClock.Instant?
    private var random: UInt64
    private let buffer: UnsafeMutableRawBufferPointer

    init(_ connector: Connector, metrics: RedisMetrics, shared: EngineShared, seed: UInt64) {
        self.connector = connector
        configuration = connector.configuration
        self.metrics = metrics
        self.shared = shared
        random = seed
        buffer = .allocate(byteCount: 65_536, alignment: 16)
        switch configuration.mode {
        case .cluster(let seeds):
            let timing = ClusterState.Timing(
                refreshInterval: configuration.refreshInterval,
                idleRefreshInterval: configuration.idleRefreshInterval, roundTimeout: configuration.connectTimeout)
            let cluster = ClusterState(seeds: seeds, timing: timing)
            self.cluster = cluster
            for seed in cluster.nodes { addNode(seed) }
        case .ring(let shards):
            for shard in shards { addNode(shard.address) }
        }
    }

    deinit { buffer.deallocate() }

    // MARK: The loop

    /// Takes what the last wait brought and what callers want; how long to wait next, or nil once the tier was shut
    /// down: then nothing is left open and every caller has an answer.
    ///
    /// Where one batch has ended and no other is on its way, it is handed back to be resumed when the lock is free and
    /// the inbox says that this thread waits: its caller's next batch can then be sent at once (`admit`). Of several
    /// callers' next batches as many as possible shall share a write: those are resumed while this thread works.
    func turn(_ events: Int) -> (milliseconds: Int32, lone: CommandBatch?)? {
        handleEvents(events)
        now = ContinuousClock.now
        let isStopping = shared.take(&batches, &controls)
        if !controls.isEmpty {
            perform(controls)
            controls.removeAll()
        }
        for batch in batches { accept(batch) }
        batches.removeAll(keepingCapacity: true)
        guard !isStopping else {
            close()
            return nil
        }
        runTimers()
        flush()
        let lone = active.isEmpty && completed.count == 1 ? completed.popLast() : nil
        resumeCompleted()
        let time = sleepTime()
        wakesAt = time < 0 ? nil : now + .milliseconds(time)
        return (shared.mayDoze() ? time : 0, lone)
    }

    /// Takes a caller's batch on the caller's thread and sends it, while the I/O thread waits; false where that thread
    /// has other commands in flight, whose replies wake it anyway and with which the batch can share a write, or has a
    /// connection to make: resolving a name may block, and callers' threads must not.
    func admit(_ batch: CommandBatch) -> Bool {
        guard active.isEmpty, nodes.allSatisfy({ $0.phase != .idle || $0.isRetired }) else { return false }
        isAdmitting = true
        defer { isAdmitting = false }
        now = ContinuousClock.now
        accept(batch)
        flush()
        resumeCompleted()
        // The thread must not sleep past a time that has come up just now.
        let isLate = nextTimer.map { next in wakesAt.map { next < $0 } ?? true } ?? false
        if hasTimerChange || isLate { shared.poller.wakeUp() }
        return true
    }

    private func handleEvents(_ count: Int) {
        guard count > 0 else { return }
        now = ContinuousClock.now
        for index in 0..<count {
            guard let event = shared.poller.event(index), let node = connection(Int(event.tag)) else { continue }
            handle(event, node)
        }
    }

    private func handle(_ event: Poller.Event, _ node: NodeConnection) {
        guard node.hasTransport else { return }
        if let problem = node.advance(shared.poller) { return fault(node, problem) }
        if event.isWritable || node.pendingOutput > 0 { markDirty(node) }
        guard event.isReadable, node.phase == .handshaking || node.phase == .ready else { return }
        if let problem = node.receive(
            buffer, bulks: { bytes in takeBulks(bytes, from: node) }, { reply in take(reply, from: node) })
        {
            fault(node, problem)
        } else if node.isRetired, node.inFlight.isEmpty {
            _ = node.disconnect()
            publishState(of: node)
        }
    }

    private func flush() {
        // A fault may make others dirty: those are flushed in the same turn.
        var position = 0
        while position < dirty.count {
            let node = dirty[position]
            position += 1
            node.isDirty = false
            if let problem = node.flush(shared.poller) { fault(node, problem) }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    func markDirty(_ node: NodeConnection) {
        guard !node.isDirty else { return }
        node.isDirty = true
        dirty.append(node)
    }

    // MARK: Batches

    private func accept(_ batch: CommandBatch) {
        guard batch.deadline > now + configuration.minimumBudget else {
            metrics.count(.deadline, batch.remaining)
            batch.failRest(TierError(.deadline, "too little time is left to ask Redis"))
            completed.append(batch)
            return
        }
        batch.activeIndex = active.count
        active.append(batch)
        if nextTimer.map({ batch.deadline < $0 }) ?? true { nextTimer = batch.deadline }
        let usesReplicas = mayUseReplicas(batch)
        if usesReplicas { replicaTurn &+= 1 }
        guard usesReplicas else { return dispatch(batch) }
        for index in 0..<batch.count where !dispatchToReplica(batch, index) {
            dispatch(batch, index, to: route(batch.list.routes[index]), attempts: 0)
        }
    }

    /// Queues the commands of a fresh batch, those that follow one another to the same node at once.
    private func dispatch(_ batch: CommandBatch) {
        var first = 0
        while first < batch.count {
            let node = route(batch.list.routes[first])
            var end = first + 1
            while end < batch.count,
                batch.list.routes[end] == batch.list.routes[first] || route(batch.list.routes[end]) === node
            {
                end += 1
            }
            dispatch(batch, first..<end, to: node)
            first = end
        }
    }

    /// Queues a run of commands at a node; where it does not take all, those that it does.
    private func dispatch(_ batch: CommandBatch, _ run: Range<Int>, to node: NodeConnection?) {
        let range = batch.list.commands(run)
        guard let node, node.phase != .idle, node.refusal(bytes: range.count, commands: run.count) == nil else {
            for index in run { dispatch(batch, index, to: node, attempts: 0) }
            return
        }
        node.append(
            InFlight(kind: .command, index: UInt32(run.lowerBound), count: UInt32(run.count), batch: batch),
            batch.list.request[range])
        markDirty(node)
    }

    /// The node for a slot or shard; where a slot's owner is not known, any node, which will redirect.
    func route(_ route: UInt16) -> NodeConnection? {
        guard cluster != nil else { return nodes[Int(route)] }
        if let owner = cluster?.owner(of: route) { return nodes[owner] }
        cluster?.wantRefresh()
        hasTimerChange = true
        return nodes.first { $0.phase == .ready } ?? nodes.first { $0.hasTransport } ?? nodes.first
    }

    /// Queues a command at a node, or ends it where the node refuses.
    func dispatch(
        _ batch: CommandBatch, _ index: Int, to node: NodeConnection?, attempts: UInt8, asking: Bool = false
    ) {
        guard batch.isPending(index) else { return }
        guard let node else { return fail(batch, index, TierError(.overloaded, "too many Redis nodes")) }
        if node.phase == .idle { connectIfDue(node) }
        let range = batch.list.command(index)
        if let refusal = node.refusal(bytes: range.count) { return fail(batch, index, refusal) }
        if asking { node.append(InFlight(kind: .asking), Self.asking[...]) }
        node.append(
            InFlight(kind: .command, isAsking: asking, attempts: attempts, index: UInt32(index), batch: batch),
            batch.list.request[range])
        markDirty(node)
    }

    private static let asking = CommandEncoder.command("ASKING")

    /// Ends a command with a fault.
    func fail(_ batch: CommandBatch, _ index: Int, _ error: @autoclosure () -> TierError) {
        guard batch.isPending(index) else { return }
        let error = error()
        metrics.count(error.code)
        batch.fail(index, error)
        settle(batch)
    }

    /// Completes a batch whose last command has ended.
    func settle(_ batch: CommandBatch) {
        guard batch.remaining == 0, batch.activeIndex >= 0 else { return }
        let last = active.removeLast()
        if last !== batch {
            active[batch.activeIndex] = last
            last.activeIndex = batch.activeIndex
        }
        batch.activeIndex = -1
        completed.append(batch)
    }

    private func resumeCompleted() {
        for batch in completed { batch.resume() }
        completed.removeAll(keepingCapacity: true)
    }

    // MARK: Faults

    /// The connection of `node` is useless: closes it, ends its commands, and lets the breaker decide what next.
    func fault(_ node: NodeConnection, _ problem: NodeFault) {
        let lost = node.disconnect()
        let error = problem.error
        node.lastFault = problem
        if !node.isRetired { node.breaker.fault(now: now, random: uniform()) }
        if node.isReplica { suspendReplica(node) } else { publishState(of: node) }
        cluster?.wantRefresh()
        hasTimerChange = true
        for item in lost {
            if item.kind == .topology { topologyFailed(round: item.index, node) }
            guard item.kind == .command, let batch = item.batch else { continue }
            if node.isReplica { fallBack(batch, item) } else { fail(batch, Int(item.index), error) }
        }
    }

    /// Ends batches whose deadline has passed, and the connections that still owe them a reply. A connection being made
    /// has a deadline of its own: impatient callers must not keep it from ever being ready.
    private func expire() {
        let late = active.filter { $0.deadline <= now }
        for batch in late {
            for node in nodes + replicas where node.phase == .ready && node.inFlight.contains(batch) {
                fault(node, node.lateness)
            }
            guard batch.remaining > 0 else { continue }
            metrics.count(.deadline, batch.remaining)
            batch.failRest(TierError(.deadline, "Redis did not answer in time"))
            settle(batch)
        }
    }

    // MARK: Timers

    private func runTimers() {
        guard hasTimerChange || nextTimer.map({ $0 <= now }) ?? false else { return }
        hasTimerChange = false
        expire()
        for node in nodes { runTimers(of: node) }
        for node in replicas {
            runTimers(of: node)
            runReplicaTimers(of: node)
        }
        pollTopology()
        repeatCommands()
        var next = active.lazy.map(\.deadline).min()
        func consider(_ time: ContinuousClock.Instant?) {
            guard let time else { return }
            next = next.map { min($0, time) } ?? time
        }
        for node in nodes + replicas {
            consider(node.internalDeadline)
            consider(node.retireAt)
            consider(node.replyDeadline)
            consider(node.probeAt)
            if node.phase == .idle, !node.isRetired { consider(node.breaker.retryAt ?? now) }
        }
        for retry in retries { consider(retry.at) }
        if cluster != nil { consider(cluster?.nextPoll ?? now) }
        nextTimer = next
    }

    private func runTimers(of node: NodeConnection) {
        if let deadline = node.internalDeadline, deadline <= now {
            fault(node, node.lateness)
        }
        retireIfDue(node)
        connectIfDue(node)
    }

    /// Connects an idle node if its breaker lets it.
    func connectIfDue(_ node: NodeConnection) {
        guard !isAdmitting else {
            hasTimerChange = true
            return
        }
        guard node.phase == .idle, !node.isRetired, node.breaker.mayConnect(now: now) else { return }
        if node.lastFault != nil { metrics.reconnects.increment() }
        do throws(NodeFault) {
            try node.connect(shared.poller, now: now)
            markDirty(node)
            publishState(of: node)
            hasTimerChange = true
        } catch {
            fault(node, error.at(node.address))
        }
    }

    private func repeatCommands() {
        guard retries.contains(where: { $0.at <= now }) else { return }
        let due = retries.filter { $0.at <= now }
        retries.removeAll { $0.at <= now }
        for retry in due {
            guard retry.batch.isPending(retry.index) else { continue }
            dispatch(
                retry.batch, retry.index, to: route(retry.batch.list.routes[retry.index]), attempts: retry.attempts)
        }
    }

    private func sleepTime() -> Int32 {
        guard !hasTimerChange else { return 0 }
        guard let nextTimer else { return -1 }
        let rest = nextTimer - now
        guard rest > .zero else { return 0 }
        let (seconds, attoseconds) = rest.components
        return Int32(min(seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1, 60_000))
    }

    // MARK: Nodes

    @discardableResult
    func addNode(_ address: RedisAddress) -> NodeConnection {
        let node = NodeConnection(
            index: nodes.count, address: address, configuration: configuration, connector: connector)
        nodes.append(node)
        publishState(of: node)
        return node
    }

    func publishState(of node: NodeConnection) {
        if node.isReplica { return shared.set(replicaState(of: node), at: node.index - Self.replicaBase) }
        metrics.set(node.breaker.state, of: node.address)
        shared.set(
            RedisTier.NodeState(
                address: node.address, isConnected: node.phase == .ready, isRefused: !node.breaker.admits,
                isRetired: node.isRetired, lastFault: node.lastFault?.message, faultKind: node.lastFault?.kind),
            at: node.index)
    }

    /// A number in 0..<1, for delays (SplitMix64).
    private func uniform() -> Double {
        random &+= 0x9E37_79B9_7F4A_7C15
        var z = random
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ z >> 31) >> 11) / 9_007_199_254_740_992
    }

    private func close() {
        let error = TierError(.unavailable, "the Redis tier was shut down")
        for node in nodes + replicas { _ = node.disconnect() }
        for batch in active {
            batch.failRest(error)
            completed.append(batch)
        }
        active.removeAll()
        retries.removeAll()
        resumeCompleted()
    }
}
