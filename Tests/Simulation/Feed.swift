internal import CacheStack

/// What L2 tells one process of its own accord: messages in the server's order, some late, lost or repeated, over a
/// link that may break.
final class Feed: InvalidationSource, @unchecked Sendable {  // used by the scheduler's thread only
    private unowned let world: World
    private unowned let host: Host
    private var handler: (@Sendable (Invalidation) -> Void)?
    /// On their way, with the times of their arrival, which are in order.
    private var messages: [(message: Invalidation, arrival: Int64)] = []
    private var arrival: Int64 = 0
    private var isLinked = false

    /// A dead link is noticed when two pings have been missed.
    private static let pingTimeout: Int64 = 2_000_000_000

    init(_ world: World, _ host: Host) {
        self.world = world
        self.host = host
    }

    func setHandler(_ handler: (@Sendable (Invalidation) -> Void)?) {
        self.handler = handler
        if handler == nil { isLinked = false } else { connect() }
    }

    // MARK: The link

    /// Makes the link, if there is a server at the other end.
    func connect() {
        guard handler != nil, !isLinked, !host.isCutFromL2, !world.redis.isDown else { return }
        isLinked = true
        send(.region(.everything, .linkMade))
    }

    /// Breaks the link; the process hears of it at once, or where the network is `silent` after two pings.
    func disconnect(silent: Bool) {
        guard isLinked else { return }
        isLinked = false
        messages.removeAll()
        push(.region(.everything, .linkLost), after: silent ? Self.pingTimeout : world.latency())
    }

    // MARK: Messages

    /// Sends what the server has to say, as far as this process has a link to it.
    func send(_ message: Invalidation) {
        guard isLinked, !host.isDead, !world.happens(.lostInvalidations) else { return }
        let late = world.happens(.lateInvalidations) ? world.faults.within(1_000_000...3_000_000_000) : 0
        let delay = world.faults.within(100_000...2_100_000) + late >> Int64(late > 0 ? world.faults.below(6) : 0)
        push(message, after: delay)
        if world.happens(.repeatedInvalidations) { push(message, after: delay) }
    }

    /// Puts a message behind those under way.
    private func push(_ message: Invalidation, after delay: Int64) {
        let now = world.scheduler.now
        arrival = max(arrival, now + delay)
        messages.append((message, arrival))
        world.scheduler.after(arrival - now) { [self] in deliver() }
    }

    /// Hands over what has arrived, unless the process is paused.
    func deliver() {
        guard !host.lane.isPaused, !host.isDead else { return }
        while let first = messages.first, first.arrival <= world.scheduler.now {
            messages.removeFirst()
            world.heard += 1
            handler?(first.message)
        }
    }

    /// Reads the first 17 bytes of each key, over the same network as every other command.
    func versions(of keys: [CacheKey], until deadline: ContinuousClock.Instant) async -> [HeldVersion] {
        do {
            return try await host.shared.versions(of: keys)
        } catch {
            return keys.map { _ in .unknown }
        }
    }
}
