internal import FIX

/// Sessions coming and going.
extension FIXTransport {
    private static let retryStep: UInt64 = 200_000_000
    private static let connectTimeout: UInt64 = 5_000_000_000
    /// Logons in a row that may fail before the numbers are reset.
    private static let failuresBeforeReset = 3

    func connect(_ session: FIXSession, now: UInt64) {
        session.clearBuffers()
        guard let stream = streams.connect() else { return failed(session, now, "no socket") }
        session.stream = stream
        session.state = .connecting
        session.watchesWriting = stream.wantsWrite
        poller.add(stream.descriptor, key: session.index, wantsWrite: stream.wantsWrite)
    }

    /// Goes on connecting; once the stream is open: log on, the first time from number 1, later where we were.
    private func goOnConnecting(_ session: FIXSession) {
        let now = MonotonicClock.now()
        guard let stream = session.stream else { return }
        switch stream.connect() {
        case .pending: return watchWriting(session)
        case .failed(let reason): return failed(session, now, reason)
        case .open: break
        }
        let resets = !session.hasBeenUp || session.failures >= Self.failuresBeforeReset
        if resets, session.hasBeenUp { counters.sequenceResets += 1 }
        let (expected, next) = (session.machine.expected, session.machine.next)
        session.machine = SessionMachine(configuration(session.index, resets: resets), expected: expected, next: next)
        session.machine.connected(now: MonotonicClock.wallMicroseconds(), into: &session.writer)
        session.state = .loggingOn
        watchWriting(session)
        markDirty(session)
    }

    func established(_ session: FIXSession) {
        session.state = .up
        if session.hasBeenUp { counters.reconnects += 1 }
        session.hasBeenUp = true
        session.failures = 0
        session.failure = ""
    }

    /// The connection broke, or the session machine closed it: what is in flight on it nobody knows.
    func lose(_ session: FIXSession, _ reason: String) {
        guard session.stream != nil else { return }
        let now = MonotonicClock.now()
        let wasUp = session.isUp
        failed(session, now, reason)
        if wasUp, !isLeaving {
            session.failures = 0
            counters.disconnects += 1
        }
        while session.firstInFlight >= 0 {
            let slot = session.firstInFlight
            let token = orders[slot].token
            abandon(slot)
            sink.completed(Completion(token: token, outcome: .unknown, reason: reason, at: now))
        }
    }

    private func failed(_ session: FIXSession, _ now: UInt64, _ reason: String) {
        if let stream = session.stream {
            poller.remove(stream.descriptor)
            stream.shutDown()
        }
        session.stream = nil
        session.clearBuffers()
        session.machine.disconnected(now: MonotonicClock.wallMicroseconds())
        if case .loggingOn = session.state { session.failures += 1 }
        session.failure = reason
        let retries = plan.reconnects && !isLeaving
        session.state = .down(retryAt: retries ? now + Self.retryStep : nil)
    }

    /// Heartbeats, deadlines of the session machines, due reconnects, and the log's flush.
    func tick(_ now: UInt64) {
        let wall = MonotonicClock.wallMicroseconds()
        for session in sessions {
            switch session.state {
            case .down(let retryAt):
                if let retryAt, now >= retryAt, !isLeaving { connect(session, now: now) }
            case .connecting: break
            case .loggingOn, .up:
                if session.machine.tick(now: wall, into: &session.writer) == .close {
                    lose(session, session.isUp ? "session closed: no heartbeat" : "no answer to the Logon")
                } else if session.writer.count > 0 {
                    markDirty(session)
                }
            }
        }
        flush()
        ackLog?.flush()
    }

    // MARK: Readiness

    func ready(_ event: Poller.Event) {
        guard sessions.indices.contains(event.key) else { return }
        let session = sessions[event.key]
        if case .connecting = session.state { return goOnConnecting(session) }
        if event.isReadable || event.isBroken { read(session) }
        if event.isWritable, session.stream != nil { markDirty(session) }
    }

    /// Reads what is there, at most four buffers (and what a TLS session has taken off the socket already), and handles
    /// its frames; the time of a frame is that of its read.
    private func read(_ session: FIXSession) {
        var reads = 0
        while let stream = session.stream, reads < 4 || stream.hasPendingInput {
            reads += 1
            switch session.receive() {
            case .wouldBlock: return watchWriting(session)
            case .closed: return lose(session, "connection closed by the target")
            case .broken: return lose(session, "connection reset")
            case .bytes:
                let now = MonotonicClock.now()
                guard takeFrames(session, now, MonotonicClock.wallMicroseconds()) else {
                    return lose(session, "session closed")
                }
                if !session.isInputFull, !stream.hasPendingInput { return }
            }
        }
    }

    func markDirty(_ session: FIXSession) {
        guard !session.isDirty else { return }
        session.isDirty = true
        dirty.append(session)
    }

    /// One `send` for each touched session.
    func flush() {
        batchWall = 0
        for index in 0..<dirty.count {
            let session = dirty[index]
            guard session.isDirty else { continue }
            sink.flushing(session.index)
            if session.flush() { watchWriting(session) } else { lose(session, "connection reset") }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    private func watchWriting(_ session: FIXSession) {
        guard let stream = session.stream else { return }
        let wants = session.hasUnsentBytes || stream.wantsWrite
        guard wants != session.watchesWriting else { return }
        session.watchesWriting = wants
        poller.change(stream.descriptor, key: session.index, wantsWrite: wants)
    }
}
