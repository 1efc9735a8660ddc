internal import NIOCore
internal import Synchronization

/// Topics and their subscribers over WebSocket, conflated: a subscriber that cannot keep up sees the newest state of a
/// topic, not every step, and never makes a queue grow.
///
/// | kind | when the subscriber is slow |
/// |---|---|
/// | state (top of book) | the newer replaces the older, per topic |
/// | event (trades) | kept up to a limit per subscriber, then the subscriber is disconnected |
///
/// A new subscriber gets the topic's last state at once. Publishing costs a lock and, once per turn, a hop.
final class PushHub: @unchecked Sendable {
    // `connections` and the connections themselves are touched on `loop` only; `inbox` is under its lock.
    enum Kind: Sendable {
        case state, event
    }

    private struct Inbox {
        var states: [String: [UInt8]] = [:]
        var events: [(topic: String, bytes: [UInt8])] = []
        var dropped = 0
        var isHopping = false
    }

    static let eventsWaitingMax = 65_536

    private let loop: any EventLoop
    private let inbox = Mutex(Inbox())
    private let wanted = Mutex<Set<String>>([])
    private var last: [String: [UInt8]] = [:]
    private var subscribers: [String: [ObjectIdentifier: PushConnection]] = [:]

    init(loop: any EventLoop) { self.loop = loop }

    /// From any thread.
    func publish(_ topic: String, _ bytes: [UInt8], _ kind: Kind) {
        let needsHop = inbox.withLock { inbox in
            switch kind {
            case .state: inbox.states[topic] = bytes
            case .event where inbox.events.count < Self.eventsWaitingMax: inbox.events.append((topic, bytes))
            case .event: inbox.dropped += 1
            }
            defer { inbox.isHopping = true }
            return !inbox.isHopping
        }
        // States of a few milliseconds are conflated before anybody is bothered.
        if needsHop { loop.execute { self.loop.scheduleTask(in: .milliseconds(5)) { self.distribute() } } }
    }

    private func distribute() {
        let (states, events) = inbox.withLock { inbox in
            defer { inbox = Inbox() }
            return (inbox.states, inbox.events)
        }
        var touched: [ObjectIdentifier: PushConnection] = [:]
        for (topic, bytes) in events {
            for (id, connection) in subscribers[topic] ?? [:] {
                connection.add(event: bytes)
                touched[id] = connection
            }
        }
        for (topic, bytes) in states {
            last[topic] = bytes
            for (id, connection) in subscribers[topic] ?? [:] {
                connection.set(state: bytes, of: topic)
                touched[id] = connection
            }
        }
        for connection in touched.values { connection.flush() }
    }

    /// Topics with a subscriber: nobody need make the text of others.
    var topics: Set<String> { wanted.withLock { $0 } }

    func subscribe(_ connection: PushConnection, _ topic: String) {
        wanted.withLock { _ = $0.insert(topic) }
        subscribers[topic, default: [:]][ObjectIdentifier(connection)] = connection
        guard let bytes = last[topic] else { return }
        connection.set(state: bytes, of: topic)
        connection.flush()
    }

    func unsubscribe(_ connection: PushConnection, _ topic: String) {
        subscribers[topic]?[ObjectIdentifier(connection)] = nil
        guard subscribers[topic]?.isEmpty == true else { return }
        subscribers[topic] = nil
        wanted.withLock { _ = $0.remove(topic) }
    }
}
