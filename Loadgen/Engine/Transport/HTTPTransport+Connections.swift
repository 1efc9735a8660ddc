/// Connections coming and going.
extension HTTPTransport {
    private static let retryStep: UInt64 = 200_000_000
    /// For connecting and the TLS handshake together.
    private static let connectTimeout: UInt64 = 5_000_000_000

    func connect(_ link: HTTPConnection, now: UInt64) {
        guard let stream = streams.connect() else { return refused(link, now, "no socket") }
        link.stream = stream
        link.state = .connecting(since: now)
        link.watchesWriting = stream.wantsWrite
        poller.add(stream.descriptor, key: link.index, wantsWrite: stream.wantsWrite)
        list(link)
    }

    /// The socket of a connection that is being made has become ready.
    func goOnConnecting(_ link: HTTPConnection) {
        guard let stream = link.stream else { return }
        switch stream.connect() {
        case .pending: watchWriting(link)
        case .failed(let reason): refused(link, clock.now(), reason)
        case .open:
            link.state = .up
            if link.hasBeenUp { counters.reconnects += 1 }
            if !link.failure.isEmpty { hopeful += 1 }
            link.hasBeenUp = true
            link.hasServed = false
            link.failure = ""
            list(link)
            if link.hasUnsentBytes { markDirty(link) } else { watchWriting(link) }
        }
    }

    /// An attempt to connect has failed; requests that waited for it were never sent.
    private func refused(_ link: HTTPConnection, _ now: UInt64, _ reason: String) {
        drop(link)
        if link.failure.isEmpty { hopeful -= 1 }
        link.failure = reason
        link.state = .down(retryAt: plan.reconnects && !isLeaving ? now + Self.retryStep : nil)
        for token in link.takePending() {
            sink.completed(Completion(token: token, outcome: .dropped, reason: reason, at: now))
        }
    }

    /// A connection has broken, or is broken off here: what is pending on it nobody knows. It is opened again.
    func lose(_ link: HTTPConnection, _ reason: String, first: Outcome = .unknown) {
        guard link.isUp else { return }
        if !isLeaving { counters.disconnects += 1 }
        end(link, reason, first: first)
    }

    /// Ends a connection, in order or not, completes what is pending on it, and opens it again.
    func end(_ link: HTTPConnection, _ reason: String, first: Outcome = .unknown) {
        let now = clock.now()
        drop(link)
        let lost = link.takePending()
        if isLeaving {
            link.state = .down(retryAt: nil)
        } else if link.hasServed {
            connect(link, now: now)
        } else {
            // A target that accepts and closes is not to be asked as fast as it can.
            link.state = .down(retryAt: now + Self.retryStep)
            list(link)
        }
        for (index, token) in lost.enumerated() {
            let isGarbage = index == 0 && first != .unknown
            let text = first == .unknown || isGarbage ? reason : HTTPFault.behindReason
            sink.completed(Completion(token: token, outcome: isGarbage ? first : .unknown, reason: text, at: now))
        }
    }

    private func drop(_ link: HTTPConnection) {
        if let stream = link.stream {
            poller.remove(stream.descriptor)
            stream.shutDown()
        }
        link.stream = nil
        link.clear()
    }

    /// Attempts that are due, and those that took too long.
    func tick(_ now: UInt64) {
        for link in links {
            switch link.state {
            case .down(let retryAt): if let retryAt, now >= retryAt, !isLeaving { connect(link, now: now) }
            case .connecting(let since):
                if now > since, now - since >= Self.connectTimeout { refused(link, now, "connecting took too long") }
            case .up: break
            }
        }
    }

    func watchWriting(_ link: HTTPConnection) {
        guard let stream = link.stream else { return }
        let wants = link.isUp && link.hasUnsentBytes || stream.wantsWrite
        guard wants != link.watchesWriting else { return }
        link.watchesWriting = wants
        poller.change(stream.descriptor, key: link.index, wantsWrite: wants)
    }

    /// What TLS said about the end of a connection.
    func fault(of link: HTTPConnection) -> String? { (link.stream as? TLSByteStream)?.fault }
}
