/// What a supervisor is asked to keep running, and who may ask.
///
/// Pure: it takes orders and says what it made of them. The supervisor starts and stops processes accordingly.
public struct ReplicaControl: Sendable {
    /// One service that is supervised.
    public struct Service: Sendable, Equatable {
        public var name: String
        /// Replicas allowed, both ends included.
        public var bounds: ClosedRange<Int>
        /// Replicas that ought to run.
        public internal(set) var desired: Int
        /// The decision that asked for them; empty for the start.
        public internal(set) var decision = ""

        /// A service that begins with `initial` replicas, clamped to its bounds.
        public init(name: String, bounds: ClosedRange<Int>, initial: Int) {
            self.name = name
            self.bounds = bounds
            desired = min(max(initial, bounds.lowerBound), bounds.upperBound)
        }
    }

    /// What became of an order.
    public enum Answer: Sendable, Equatable {
        /// It is in force.
        case accepted
        /// The same decision was taken before; nothing changed.
        case repeated
        /// A younger leader has decided meanwhile.
        case stale(current: UInt64)
        /// That decision's id stood for something else.
        case decisionReused
        /// The number lies outside the service's bounds.
        case outOfBounds(ClosedRange<Int>)
        case unknownService
    }

    private struct Decision: Equatable {
        var service: String
        var replicas: Int
        var epoch: UInt64
    }

    /// Decisions remembered, to recognise repeats.
    public static let decisionsMax = 1_024

    /// The services in the order given.
    public private(set) var services: [Service]
    /// The highest epoch that has given an order.
    public private(set) var epoch: UInt64 = 0
    private var decisions: [String: Decision] = [:]
    private var order: [String] = []

    /// Control over services with distinct names.
    public init(_ services: [Service]) { self.services = services }

    /// Orders `replicas` of a service in the name of `epoch`, the term of whoever leads. A decision orders one number of a
    /// service, and may order others of other services.
    ///
    /// An epoch below one that has given an order is refused for every service, also with a decision known before: its
    /// leader has been replaced.
    public mutating func order(_ service: String, replicas: Int, epoch: UInt64, decision: String) -> Answer {
        guard let index = services.firstIndex(where: { $0.name == service }) else { return .unknownService }
        guard epoch >= self.epoch else { return .stale(current: self.epoch) }
        let new = Decision(service: service, replicas: replicas, epoch: epoch)
        let id = "\(service)/\(decision)"
        if let known = decisions[id] { return known == new ? .repeated : .decisionReused }
        guard services[index].bounds.contains(replicas) else { return .outOfBounds(services[index].bounds) }
        self.epoch = epoch
        services[index].desired = replicas
        services[index].decision = decision
        remember(id, new)
        return .accepted
    }

    private mutating func remember(_ id: String, _ decision: Decision) {
        decisions[id] = decision
        order.append(id)
        guard order.count > Self.decisionsMax else { return }
        decisions[order.removeFirst()] = nil
    }
}

/// How long to wait before a replica that ended by itself is started again: 0.5 s, doubled each time, at most 30 s;
/// from the start after a minute without trouble.
public struct RestartBackoff: Sendable, Equatable {
    private var failures = 0

    /// A replica that has not failed.
    public init() {}

    /// The pause after a replica ended that had run for `uptime`.
    public mutating func pause(after uptime: Duration) -> Duration {
        if uptime >= .seconds(60) { failures = 0 }
        failures += 1
        return min(.milliseconds(500) * (1 << min(failures - 1, 10)), .seconds(30))
    }
}
