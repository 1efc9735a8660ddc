public import CacheStack
internal import Synchronization
public import Telemetry

/// The fast path of invalidation on Redis: CLIENT TRACKING in broadcast mode, one connection and thread a primary.
///
/// Follows the topology of its tier: a primary that appears is connected to, one that owns nothing any more is left,
/// and keys whose slot changed hands are doubtful at once, since a slot that is moved without MIGRATE sends nothing.
/// A lost link makes all keys of its primary doubtful, and its return once more, as nobody told of the time between.
/// Nothing here moves a watermark: Redis loses messages with a failover, and primaries have no common order.
///
/// Runs from `setHandler` with a handler to `setHandler(nil)`; a `CacheStack` does both in its `run`.
public final class RedisTracking: InvalidationSource {
    /// How the link to one primary is.
    public struct LinkState: Sendable, Hashable {
        public let address: RedisAddress
        /// Whether every change is told.
        public let isLive: Bool
        /// Why the last connection ended; safe to log.
        public let lastFault: String?
        /// Time since the last message about keys; nil before the first.
        public let lastMessageAge: Duration?
    }

    private struct State {
        var handler: (@Sendable (Invalidation) -> Void)?
        var owners: SlotOwners
        var links: [RedisAddress: TrackingLink] = [:]
        /// Links asked to end whose threads were not waited for yet.
        var leaving: [TrackingLink] = []
        var isStopping = false
        var follower: TrackingThread?
    }

    /// How often the topology is looked at without cause.
    private static let idleInterval = Duration.seconds(1)
    private static let ringNodesMax = 2_048

    private let tier: RedisTier
    private let pingInterval: Duration
    private let metrics: TrackingMetrics
    /// Slots of a cluster, or nodes a ring may ever have.
    private let routes: Int
    private let state: Mutex<State>
    private let wake = WakeUp()

    /// Tracking beside a tier, with the tier's servers and credentials. Does nothing before `setHandler`.
    ///
    /// - Parameter pingInterval: two of them without a sign of life end a link.
    public init(_ tier: RedisTier, pingInterval: Duration = .seconds(1), metrics registry: MetricsRegistry) {
        precondition(pingInterval >= .milliseconds(1), "a ping has time to come back")
        self.tier = tier
        self.pingInterval = pingInterval
        metrics = TrackingMetrics(registry)
        routes = tier.placement == nil ? KeySlot.count : Self.ringNodesMax
        state = Mutex(State(owners: SlotOwners(routes: routes)))
    }

    /// The links as they are, by address.
    public var links: [LinkState] {
        state.withLock { Array($0.links.values) }.map(\.status).sorted { "\($0.address)" < "\($1.address)" }
    }

    public func setHandler(_ handler: (@Sendable (Invalidation) -> Void)?) {
        stop()
        guard let handler else { return }
        state.withLock { state in
            state.handler = handler
            state.isStopping = false
            state.follower = TrackingThread { self.follow() }
        }
        tier.slotWatch.setWake { [wake] in wake.raise() }
    }

    private func stop() {
        tier.slotWatch.setWake(nil)
        let follower = state.withLock { state in
            state.isStopping = true
            return state.follower.take()
        }
        wake.raise()
        follower?.join()
        let links = state.withLock { state in
            defer { (state.links, state.leaving) = ([:], []) }
            return Array(state.links.values) + state.leaving
        }
        for link in links { link.stop() }
        for link in links { link.join() }
        state.withLock { $0.handler = nil }
        for link in links { metrics.setLive(false, link.address) }
    }

    // MARK: Topology

    /// The thread that follows the topology.
    private func follow() {
        while !state.withLock({ $0.isStopping }) {
            wake.lower()
            adopt(currentView)
            wake.wait(nil, until: .now + Self.idleInterval)
        }
    }

    /// In a ring each server owns one route, its index.
    private var currentView: SlotWatch.View {
        guard tier.placement != nil else { return tier.slotWatch.view }
        let shards = Set(tier.shards.map(\.address))
        let nodes = tier.nodeStates.map(\.address)
        var owners = [Int16](repeating: -1, count: routes)
        for (index, address) in nodes.enumerated().prefix(routes) where shards.contains(address) {
            owners[index] = Int16(index)
        }
        return SlotWatch.View(owners: owners, nodes: nodes)
    }

    private func adopt(_ view: SlotWatch.View) {
        let (moved, fresh, handler) = state.withLock { state in
            var moved = state.owners.take(view)
            let before = state.links.count
            let nodes =
                tier.placement == nil ? state.owners.nodes : view.owners.filter { $0 >= 0 }.map { view.nodes[Int($0)] }
            for address in state.links.keys where !nodes.contains(address) {
                guard let link = state.links.removeValue(forKey: address) else { continue }
                link.stop()
                state.leaving.append(link)
            }
            let hasLeft = state.links.count < before
            var fresh: [TrackingLink] = []
            for address in nodes where state.links[address] == nil {
                let link = makeLink(address)
                state.links[address] = link
                fresh.append(link)
            }
            // A ring that grows or shrinks moves a share of all keys.
            if tier.placement != nil, hasLeft || (before > 0 && !fresh.isEmpty) { moved = Array(0..<routes) }
            return (moved, fresh, state.handler)
        }
        if !moved.isEmpty {
            metrics.moved.increment(by: UInt64(moved.count))
            handler?(.region(region(moved), .moved))
        }
        for link in fresh { link.start() }
    }

    private func makeLink(_ address: RedisAddress) -> TrackingLink {
        TrackingLink(
            address, tier.connector, pingInterval: pingInterval, epoch: { [tier] in tier.epoch },
            tell: { [weak self] link, event in self?.take(event, from: link) })
    }

    private func take(_ event: TrackingLink.Event, from link: TrackingLink) {
        let (handler, owned) = state.withLock { ($0.handler, $0.owners.routes(of: link.address)) }
        switch event {
        case .live:
            metrics.setLive(true, link.address)
            handler?(.region(region(owned), .linkMade))
        case .lost:
            metrics.lost.increment()
            metrics.setLive(false, link.address)
            handler?(.region(region(owned), .linkLost))
        case .keys(let keys, let foreign):
            metrics.messages.increment()
            metrics.keys.increment(by: UInt64(keys.count))
            metrics.foreign.increment(by: UInt64(foreign))
            if !keys.isEmpty { handler?(.keys(keys)) }
        case .flushed:
            metrics.flushes.increment()
            handler?(.region(region(owned), .flushed))
        }
    }

    /// The keys of some routes.
    private func region(_ members: [Int]) -> KeyRegion {
        var isMember = [Bool](repeating: false, count: routes)
        for route in members { isMember[route] = true }
        let tier = tier
        return KeyRegion { [isMember] key in
            var name = KeyName()
            name.set(key, epoch: tier.epoch)
            return isMember[Int(tier.route(name))]
        }
    }

    // MARK: Asking

    /// GETRANGE of 17 bytes for each key, pipelined.
    public func versions(of keys: [CacheKey], until deadline: ContinuousClock.Instant) async -> [HeldVersion] {
        guard !keys.isEmpty else { return [] }
        var list = CommandList(capacity: keys.count, bytesPerCommand: 80)
        let epoch = tier.epoch
        var name = KeyName()
        for key in keys {
            name.set(key, epoch: epoch)
            list.append(route: tier.route(name)) { buffer in
                buffer.append(contentsOf: Self.head)
                CommandEncoder.argument(name.bytes, to: &buffer)
                buffer.append(contentsOf: Self.range)
            }
        }
        let batch = CommandBatch(list, deadline: deadline)
        metrics.questions.increment(by: UInt64(keys.count))
        await tier.perform(batch)
        return keys.indices.map { index in
            guard let root = batch.root(index) else { return .unknown }
            let bytes = batch.replies.text(root)
            guard bytes.count == EntryFormat.restOffset, bytes.first == UInt8(ascii: "V"),
                let version = EntryFormat.ticket(Array(bytes), at: 1)
            else { return .other }
            return .value(version)
        }
    }

    private static let head = Array("*4\r\n$8\r\nGETRANGE\r\n".utf8)
    private static let range = Array("$1\r\n0\r\n$2\r\n16\r\n".utf8)
}

/// The metrics of tracking, registered at zero.
struct TrackingMetrics: Sendable {
    let messages: Counter
    let keys: Counter
    let foreign: Counter
    let flushes: Counter
    let lost: Counter
    let moved: Counter
    let questions: Counter
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        messages = registry.counter("redis_tracking_messages_total", "Invalidation messages that named keys.")
        keys = registry.counter("redis_tracking_keys_total", "Keys of this cache named by invalidation messages.")
        foreign = registry.counter(
            "redis_tracking_foreign_keys_total", "Names in invalidation messages of another epoch or program.")
        flushes = registry.counter("redis_tracking_flushes_total", "Messages that a primary was emptied.")
        lost = registry.counter("redis_tracking_links_lost_total", "Tracking links that were live and ended.")
        moved = registry.counter("redis_tracking_slots_moved_total", "Slots that changed hands.")
        questions = registry.counter("redis_tracking_version_checks_total", "Keys whose version was asked for.")
    }

    func setLive(_ isLive: Bool, _ address: RedisAddress) {
        registry.gauge("redis_tracking_live", "Whether the primary tells of every change.", [("address", "\(address)")])
            .set(isLive ? 1 : 0)
    }
}
