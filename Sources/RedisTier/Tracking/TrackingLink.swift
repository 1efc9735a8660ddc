internal import CacheStack
internal import Glibc
internal import Synchronization

/// The tracking connection to one primary, on a thread of its own; made again with growing delays for as long as it
/// lives.
final class TrackingLink: Sendable {
    /// What happened, told on the link's thread, in order.
    enum Event: Sendable {
        case live
        case lost(String)
        case keys([CacheKey], foreign: Int)
        case flushed
    }

    private struct State {
        var isStopping = false
        var isLive = false
        var lastFault: String?
        var heardAt: ContinuousClock.Instant?
    }

    let address: RedisAddress
    private let connector: Connector
    private let pingInterval: Duration
    private let epoch: @Sendable () -> UInt32
    private let tell: @Sendable (TrackingLink, Event) -> Void
    private let state = Mutex(State())
    private let wake = WakeUp()
    private let thread = Mutex<TrackingThread?>(nil)

    init(
        _ address: RedisAddress, _ connector: Connector, pingInterval: Duration,
        epoch: @escaping @Sendable () -> UInt32,
        tell: @escaping @Sendable (TrackingLink, Event) -> Void
    ) {
        self.address = address
        self.connector = connector
        self.pingInterval = pingInterval
        self.epoch = epoch
        self.tell = tell
    }

    /// Starts the thread; once.
    func start() { thread.withLock { $0 = TrackingThread { self.run() } } }

    /// Asks the thread to end; `join` waits for that.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake.raise()
    }

    /// Waits until the thread has ended: half a second at most, where it is just connecting.
    func join() { thread.withLock { $0.take() }?.join() }

    /// How the link is, for people.
    var status: RedisTracking.LinkState {
        state.withLock { state in
            RedisTracking.LinkState(
                address: address, isLive: state.isLive, lastFault: state.lastFault,
                lastMessageAge: state.heardAt.map { ContinuousClock.now - $0 })
        }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private func run() {
        var delay = connector.configuration.reconnectDelay
        while !isStopping {
            let (wasLive, problem) = converse()
            state.withLock { state in
                state.isLive = false
                state.lastFault = problem
            }
            if wasLive {
                delay = connector.configuration.reconnectDelay
                tell(self, .lost(problem))
            }
            wake.wait(nil, until: ContinuousClock.now + delay)
            delay = min(delay * 2, connector.configuration.longestDelay)
        }
    }

    /// One connection from its making to its end; returns whether it was live, and why it ended.
    private func converse() -> (wasLive: Bool, problem: String) {
        let start = ContinuousClock.now
        let timeout = connector.configuration.connectTimeout
        var session = TrackingSession(now: start, deadline: start + timeout * 2, pingInterval: pingInterval)
        do throws(NodeFault) {
            let transport = try connector.connect(to: address, until: start + timeout)
            let reader = ReplyReader(caps: Self.caps)
            var buffer = [UInt8](repeating: 0, count: 65_536)
            try perform([session.start()], transport)
            while !isStopping {
                try perform(session.tick(now: ContinuousClock.now), transport)
                try perform(receive(transport, reader, &buffer, &session), transport)
                if !transport.hasPendingInput { wake.wait(transport.descriptor, until: session.nextTick) }
            }
            return (session.isLive, "stopped")
        } catch {
            return (session.isLive, error.message)
        }
    }

    /// One message names every key that was written in one turn of the server's loop.
    private static let caps = ReplyReader.Caps(elements: 1 << 18, bytes: 16 << 20)

    private func perform(
        _ actions: [TrackingSession.Action], _ transport: borrowing Transport
    ) throws(NodeFault) {
        for action in actions {
            switch action {
            case .send(let bytes):
                try transport.sendAll(bytes, until: ContinuousClock.now + connector.configuration.connectTimeout)
            case .live:
                state.withLock { state in
                    state.isLive = true
                    state.lastFault = nil
                }
                tell(self, .live)
            case .keys(let keys, let foreign):
                state.withLock { $0.heardAt = .now }
                tell(self, .keys(keys, foreign: foreign))
            case .flushed:
                state.withLock { $0.heardAt = .now }
                tell(self, .flushed)
            case .dead(let problem): throw NodeFault(.notServing, problem).at(address)
            }
        }
    }

    /// Takes what has arrived, without waiting; returns what follows from it.
    private func receive(
        _ transport: borrowing Transport, _ reader: ReplyReader, _ buffer: inout [UInt8],
        _ session: inout TrackingSession
    ) throws(NodeFault) -> [TrackingSession.Action] {
        let received: Int
        switch buffer.withUnsafeMutableBytes({ transport.receive(into: $0) }) {
        case .bytes(let count): received = count
        case .wouldBlock: return []
        case .closed(let fault): throw fault.at(address)
        }
        var actions: [TrackingSession.Action] = []
        var start = 0
        while start < received {
            let end = min(start + 4_096, received)
            let slice = start..<end
            do throws(ReplyReader.Violation) {
                try buffer.withUnsafeBytes { bytes in
                    Result { () throws(ReplyReader.Violation) in
                        try reader.feed(UnsafeRawBufferPointer(rebasing: bytes[slice]))
                    }
                }.get()
                while try reader.next() {
                    actions += session.take(reader.reply, epoch: epoch(), now: ContinuousClock.now)
                }
            } catch { throw NodeFault(.protocolViolation, error.message).at(address) }
            start = end
        }
        return actions
    }
}
