internal import FIX

/// Sessions coming and going.
extension LoadEngine {
    private static let retryStep: UInt64 = 200_000_000
    /// Logons in a row that may fail before the numbers are reset.
    private static let failuresBeforeReset = 3

    func connect(_ connection: Connection, now: UInt64) {
        connection.clearBuffers()
        guard let socket = TCPSocket(connectingTo: configuration.target) else { return failed(connection, now) }
        connection.socket = socket
        connection.state = .connecting
        poller.add(socket.descriptor, key: connection.index, wantsWrite: true)
    }

    /// The TCP connection stands or has failed: log on, the first time from number 1, later where we were.
    func connected(_ connection: Connection) {
        let now = MonotonicClock.now()
        guard let socket = connection.socket, socket.isConnected else { return failed(connection, now) }
        let resets = !connection.hasBeenUp || connection.failures >= Self.failuresBeforeReset
        if resets, connection.hasBeenUp { result.sequenceResets += 1 }
        let (expected, next) = (connection.machine.expected, connection.machine.next)
        connection.machine = SessionMachine(
            Self.session(configuration, connection.index, resets: resets), expected: expected, next: next)
        connection.machine.connected(now: MonotonicClock.wallMicroseconds(), into: &connection.writer)
        connection.state = .loggingOn
        poller.change(socket.descriptor, key: connection.index, wantsWrite: false)
        markDirty(connection)
    }

    func established(_ connection: Connection) {
        connection.state = .up
        if connection.hasBeenUp { result.reconnects += 1 }
        connection.hasBeenUp = true
        connection.failures = 0
        connection.hasFailed = false
    }

    /// The connection broke, or the session machine closed it.
    func lose(_ connection: Connection) {
        guard connection.socket != nil else { return }
        let now = MonotonicClock.now()
        let wasUp = connection.isUp
        failed(connection, now)
        guard wasUp, !isLeaving else { return }
        connection.failures = 0
        result.disconnects += 1
        abandonRequests(of: connection, reason: "connection lost")
    }

    private func failed(_ connection: Connection, _ now: UInt64) {
        if let socket = connection.socket { poller.remove(socket.descriptor) }
        connection.socket = nil
        connection.clearBuffers()
        connection.machine.disconnected(now: MonotonicClock.wallMicroseconds())
        if case .loggingOn = connection.state { connection.failures += 1 }
        connection.hasFailed = true
        let retries = configuration.reconnects && !isLeaving
        connection.state = .down(retryAt: retries ? now + Self.retryStep : nil)
    }

    /// Heartbeats, deadlines of the session machines, and due reconnects.
    func tickConnections(_ now: UInt64) {
        let wall = MonotonicClock.wallMicroseconds()
        for connection in connections {
            switch connection.state {
            case .down(let retryAt):
                if let retryAt, now >= retryAt { connect(connection, now: now) }
            case .connecting: break
            case .loggingOn, .up:
                if connection.machine.tick(now: wall, into: &connection.writer) == .close {
                    lose(connection)
                } else if connection.writer.count > 0 {
                    markDirty(connection)
                }
            }
        }
        flushDirty()
    }
}
