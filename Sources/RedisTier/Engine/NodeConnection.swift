internal import CacheStack

/// One pipelined connection to one node, with its breaker. Confined to the I/O thread.
///
/// Commands are appended to `output` and written once per turn of the loop; replies are matched to `inFlight` in
/// order. A connection that let a deadline pass is closed and never reused: its late replies would answer later
/// commands. The handshake (AUTH, PING, SCRIPT LOAD of all scripts) is the head of the same pipeline, so the first
/// commands need not wait for it.
final class NodeConnection {
    /// How far the connection is.
    enum Phase {
        case idle, connecting, handshaking, ready
    }

    let index: Int
    let address: RedisAddress
    var breaker: Breaker
    private(set) var phase = Phase.idle
    /// Closed as soon as it is idle, and not connected again.
    var isRetired = false
    /// Whether the engine will flush it this turn.
    var isDirty = false
    /// Why the last connection ended; safe to log.
    var lastFault: String?
    /// When the handshake or a topology answer must be there.
    private(set) var internalDeadline: ContinuousClock.Instant?
    private var internalCount = 0
    private var transport: Transport?
    private var reader: ReplyReader?
    private var output: [UInt8] = []
    private var sent = 0
    private var watchesOutput = false
    private(set) var inFlight = InFlightQueue()
    private let configuration: RedisTier.Configuration

    init(index: Int, address: RedisAddress, configuration: RedisTier.Configuration) {
        self.index = index
        self.address = address
        self.configuration = configuration
        breaker = Breaker(configuration.breaker)
    }

    /// Bytes waiting to be written.
    var pendingOutput: Int { output.count - sent }

    var hasTransport: Bool { transport != nil }

    // MARK: Making and closing

    /// Starts connecting and queues the handshake; throws where that fails at once.
    func connect(_ poller: borrowing Poller, now: ContinuousClock.Instant) throws(Transport.Failure) {
        let fresh = try Transport.connecting(to: address)
        poller.add(fresh.descriptor, tag: UInt32(index), output: true)
        transport = consume fresh
        watchesOutput = true
        phase = .connecting
        reader = ReplyReader(caps: configuration.replyCaps)
        internalDeadline = now + configuration.connectTimeout
        queueHandshake()
    }

    private func queueHandshake() {
        if let credentials = configuration.credentials {
            let command =
                credentials.user.map { CommandEncoder.command("AUTH", $0, credentials.password) }
                ?? CommandEncoder.command("AUTH", credentials.password)
            append(InFlight(kind: .authenticate), command[...])
        }
        append(InFlight(kind: .ping), CommandEncoder.command("PING")[...])
        for script in Script.allCases {
            append(InFlight(kind: .loadScript, index: UInt32(script.rawValue)), script.loadCommand[...])
        }
    }

    /// The handshake's PING was answered.
    func becomeReady() {
        phase = .ready
        lastFault = nil
        breaker.connected()
    }

    /// Closes the socket and hands back what had no reply.
    func disconnect() -> [InFlight] {
        transport = nil
        reader = nil
        phase = .idle
        output.removeAll(keepingCapacity: true)
        sent = 0
        internalDeadline = nil
        internalCount = 0
        return inFlight.removeAll()
    }

    // MARK: Commands

    /// Why a command of `bytes` bytes cannot be taken, or nil.
    func refusal(bytes: Int) -> TierError? {
        guard breaker.admits else { return TierError(.breakerOpen, "the breaker of Redis at \(address) is open") }
        guard transport != nil else {
            return TierError(.unavailable, "no connection to Redis at \(address): \(lastFault ?? "not yet tried")")
        }
        guard inFlight.count < configuration.inFlightMax, pendingOutput + bytes <= configuration.outputBytesMax
        else { return TierError(.overloaded, "too many commands wait for Redis at \(address)") }
        return nil
    }

    /// Queues a command; `refusal` was asked before.
    func append(_ item: InFlight, _ bytes: ArraySlice<UInt8>) {
        output.append(contentsOf: bytes)
        inFlight.append(item)
        if item.kind != .command, item.kind != .asking { internalCount += 1 }
    }

    /// Limits the wait for an internal command.
    func expectInternal(by deadline: ContinuousClock.Instant) {
        internalDeadline = internalDeadline.map { min($0, deadline) } ?? deadline
    }

    /// The command the next reply belongs to.
    func takeOldest() -> InFlight? {
        guard let item = inFlight.popFirst() else { return nil }
        if item.kind != .command, item.kind != .asking {
            internalCount -= 1
            if internalCount == 0 { internalDeadline = nil }
        }
        return item
    }

    // MARK: Input and output

    /// Checks a connection attempt whose socket has become writable: why it failed, or nil.
    func finishConnecting() -> TierError? {
        if let problem = transport?.connectResult() { return unavailable(problem) }
        phase = .handshaking
        return nil
    }

    private func unavailable(_ problem: String) -> TierError {
        TierError(.unavailable, "Redis at \(address): \(problem)")
    }

    /// Writes what is queued and watches for output as long as something is left; says why it failed, or nil.
    func flush(_ poller: borrowing Poller) -> TierError? {
        guard phase != .connecting, phase != .idle else { return nil }
        while sent < output.count {
            let progress =
                output.withUnsafeBytes { bytes in
                    transport?.send(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
                } ?? .closed(0)
            switch progress {
            case .bytes(let count): sent += count
            case .wouldBlock:
                watch(output: true, poller)
                return nil
            case .closed(let code): return unavailable(Transport.text(code))
            }
        }
        output.removeAll(keepingCapacity: output.capacity <= 1 << 20)
        sent = 0
        watch(output: false, poller)
        return nil
    }

    private func watch(output isWanted: Bool, _ poller: borrowing Poller) {
        guard watchesOutput != isWanted, let descriptor = transport?.descriptor else { return }
        poller.change(descriptor, tag: UInt32(index), output: isWanted)
        watchesOutput = isWanted
    }

    /// Receives once into `buffer`, parses, and calls `body` with each complete reply; says why it failed, or nil.
    ///
    /// `body` may close this connection; parsing ends then.
    func receive(_ buffer: UnsafeMutableRawBufferPointer, _ body: (borrowing ReplyStore) -> Void) -> TierError? {
        let received: Int
        switch transport?.receive(into: buffer) ?? .wouldBlock {
        case .bytes(let count): received = count
        case .wouldBlock: return nil
        case .closed(let code): return unavailable(Transport.text(code))
        }
        guard let reader else { return nil }
        do throws(ReplyReader.Violation) {
            var start = 0
            while start < received {
                let end = min(start + 4_096, received)
                try reader.feed(UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
                start = end
                while try reader.next() {
                    body(reader.reply)
                    guard self.reader === reader else { return nil }
                }
            }
            return nil
        } catch {
            return TierError(.protocolViolation, "Redis at \(address): \(error.message)")
        }
    }
}
