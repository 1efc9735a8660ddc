/// What the client knows of a Redis Cluster: nodes and slot owners, and when to ask again. Pure: events in, actions out.
///
/// - MOVED changes one slot at once and asks for a refresh; ASK changes nothing.
/// - Refreshes are coalesced and throttled: however many redirects and faults come, one round runs at a time, and
///   rounds start at least `refreshInterval` apart. Without any event one starts every `idleRefreshInterval`.
/// - A view with other replicas than the one before is followed by a few rounds more: what a failover makes of the old
///   primary is told from node to node later than who the new one is.
/// - A round asks up to five nodes, healthy ones first; `TopologyElection` picks the view to believe.
/// - Nodes keep their index for ever, so that an index held elsewhere stays valid; those that no view names any more
///   are retired, seeds excepted. At most `nodesMax` nodes are ever known; then redirects to others are refused.
package struct ClusterState: Sendable {
    /// When to ask, and how long to wait.
    package struct Timing: Sendable, Hashable {
        package var refreshInterval: Duration
        package var idleRefreshInterval: Duration
        package var roundTimeout: Duration

        /// The three times.
        package init(refreshInterval: Duration, idleRefreshInterval: Duration, roundTimeout: Duration) {
            self.refreshInterval = refreshInterval
            self.idleRefreshInterval = idleRefreshInterval
            self.roundTimeout = roundTimeout
        }
    }

    /// What the caller must do.
    package enum Action: Hashable, Sendable {
        /// Send CLUSTER SLOTS to the node; report with `answered` or `failed` and the same round.
        case ask(node: Int, round: UInt32)
        /// Keep a connection to the node.
        case connect(node: Int)
        /// Close the connection to the node once it is idle.
        case retire(node: Int)
    }

    private struct Round {
        var number: UInt32
        var asked: [Int]
        var election: TopologyElection
        var deadline: ContinuousClock.Instant
    }

    /// Nodes a client ever knows at once or after another.
    package static let nodesMax = 256
    /// Nodes asked in one round.
    package static let votersMax = 5
    /// Rounds that follow a change of the replicas, and how many `refreshInterval`s lie between them.
    private static let settling = (rounds: 5, intervals: 10)
    private static let none: Int16 = -1

    /// Every node known so far; the position is its index.
    package private(set) var nodes: [RedisAddress] = []
    /// The replicas that the view in use names, and the index of each one's primary.
    package private(set) var replicas: [(address: RedisAddress, primary: Int)] = []
    /// Rounds that ended with a winner.
    package private(set) var refreshes = 0
    private var isActive: [Bool] = []
    private var owners = [Int16](repeating: none, count: KeySlot.count)
    private let seedCount: Int
    private let timing: Timing
    private var round: Round?
    private var rounds: UInt32 = 0
    private var isWanted = true
    private var settlingRounds = 0
    private var lastStart: ContinuousClock.Instant?

    /// A cluster of which only seeds are known; the first `poll` starts a round.
    package init(seeds: [RedisAddress], timing: Timing) {
        precondition(!seeds.isEmpty && seeds.count <= Self.nodesMax, "1...\(Self.nodesMax) seeds")
        for seed in seeds where !nodes.contains(seed) {
            nodes.append(seed)
            isActive.append(true)
        }
        seedCount = nodes.count
        self.timing = timing
    }

    /// The node that owns a slot, as far as is known.
    package func owner(of slot: UInt16) -> Int? {
        let owner = owners[Int(slot)]
        return owner == Self.none ? nil : Int(owner)
    }

    /// Whether a node is in use.
    package func isActive(_ node: Int) -> Bool { isActive[node] }

    /// The index of a node, made known and active where it was not; nil at the cap.
    package mutating func index(of address: RedisAddress) -> Int? {
        if let index = nodes.firstIndex(of: address) {
            isActive[index] = true
            return index
        }
        guard nodes.count < Self.nodesMax else { return nil }
        nodes.append(address)
        isActive.append(true)
        return nodes.count - 1
    }

    /// A node answered MOVED: patches the slot, wants a refresh, and returns the new owner (nil at the node cap).
    package mutating func moved(slot: UInt16, to address: RedisAddress) -> Int? {
        isWanted = true
        guard let node = index(of: address) else { return nil }
        owners[Int(slot)] = Int16(node)
        return node
    }

    /// Something makes the view doubtful (fault, CLUSTERDOWN, READONLY, slot without owner).
    package mutating func wantRefresh() { isWanted = true }

    /// When `poll` has something to do at the latest.
    package var nextPoll: ContinuousClock.Instant? {
        if let round { return round.deadline }
        guard let lastStart else { return nil }
        if isWanted { return lastStart + timing.refreshInterval }
        guard settlingRounds > 0 else { return lastStart + timing.idleRefreshInterval }
        return lastStart + min(timing.refreshInterval * Self.settling.intervals, timing.idleRefreshInterval)
    }

    /// Starts a round that is due, or ends one that took too long. `isHealthy` tells which nodes answer at present.
    package mutating func poll(now: ContinuousClock.Instant, isHealthy: (Int) -> Bool) -> [Action] {
        if let round {
            return now >= round.deadline ? finish(round.election.winner(isFinal: true)) : []
        }
        if let next = nextPoll, now < next { return [] }
        return startRound(now, isHealthy)
    }

    private mutating func startRound(_ now: ContinuousClock.Instant, _ isHealthy: (Int) -> Bool) -> [Action] {
        let active = nodes.indices.filter { isActive[$0] }
        let healthy = active.filter(isHealthy)
        // Rotate, so that in a large cluster every node is heard in time.
        let pool = healthy.isEmpty ? active : healthy
        let start = Int(rounds) % pool.count
        let asked = Array((pool[start...] + pool[..<start]).prefix(Self.votersMax))
        rounds &+= 1
        isWanted = false
        lastStart = now
        round = Round(
            number: rounds, asked: asked, election: TopologyElection(voters: asked.count),
            deadline: now + timing.roundTimeout)
        return asked.map { .ask(node: $0, round: rounds) }
    }

    /// A node's view arrived.
    package mutating func answered(_ view: ClusterView, round number: UInt32, from node: Int) -> [Action] {
        guard takeAnswer(number, node) else { return [] }
        round?.election.vote(view)
        return conclude()
    }

    /// A node could not be asked, or gave no usable answer.
    package mutating func failed(round number: UInt32, from node: Int) -> [Action] {
        guard takeAnswer(number, node) else { return [] }
        round?.election.abstain()
        return conclude()
    }

    private mutating func takeAnswer(_ number: UInt32, _ node: Int) -> Bool {
        guard round?.number == number, let position = round?.asked.firstIndex(of: node) else { return false }
        round?.asked.remove(at: position)
        return true
    }

    private mutating func conclude() -> [Action] {
        guard let election = round?.election else { return [] }
        if let winner = election.winner() { return finish(winner) }
        return election.isComplete ? finish(nil) : []
    }

    private mutating func finish(_ winner: ClusterView?) -> [Action] {
        round = nil
        guard let winner else {
            isWanted = true
            return []
        }
        refreshes += 1
        return apply(winner)
    }

    private mutating func apply(_ view: ClusterView) -> [Action] {
        var actions: [Action] = []
        var named = Set<Int>()
        for slot in owners.indices { owners[slot] = Self.none }
        let former = replicas
        replicas = []
        for range in view.ranges {
            guard let node = index(of: range.primary) else { continue }
            if named.insert(node).inserted {
                actions.append(.connect(node: node))
                replicas += (view.replicas[range.primary] ?? []).map { ($0, node) }
            }
            for slot in Int(range.first)...Int(range.last) { owners[slot] = Int16(node) }
        }
        for node in nodes.indices where isActive[node] && !named.contains(node) && node >= seedCount {
            isActive[node] = false
            actions.append(.retire(node: node))
        }
        if refreshes > 1, !former.elementsEqual(replicas, by: ==) {
            settlingRounds = Self.settling.rounds
        } else {
            settlingRounds = max(0, settlingRounds - 1)
        }
        // A cluster with unowned slots is being built or repaired: look again soon.
        if view.coveredSlots < KeySlot.count { isWanted = true }
        return actions
    }
}
