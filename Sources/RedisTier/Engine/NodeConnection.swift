internal import CacheStack
internal import TLS

/// One pipelined connection to one node, with its breaker. Confined to the I/O thread.
///
/// Commands are appended to `output` and written once per turn of the loop; replies are matched to `inFlight` in
/// order. A connection that let a deadline pass is closed and never reused: its late replies would answer later
/// commands. The greeting (AUTH, CLIENT SETNAME, PING, SCRIPT LOAD of all scripts) is the head of the same pipeline,
/// so the first commands need not wait for it. Under TLS nothing is sent before the handshake has verified the server;
/// that it accepted our certificate is known with the first answer only (TLS 1.3), which is the greeting's.
final class NodeConnection {
    /// How far the connection is.
    enum Phase {
        case idle, connecting, securing, handshaking, ready
    }

    let index: Int
    let address: RedisAddress
    /// Whether it is in READONLY mode, for reads that a replica may answer.
    let isReplica: Bool
    var breaker: Breaker
    private(set) var phase = Phase.idle
    /// Closed as soon as it is idle, and not connected again.
    var isRetired = false
    /// When it is to be retired.
    var retireAt: ContinuousClock.Instant?
    /// Whether the engine will flush it this turn.
    var isDirty = false
    /// Why the last connection ended; safe to log.
    var lastFault: NodeFault?
    /// Replicas only: when the next command must be answered, if any is in flight.
    var replyDeadline: ContinuousClock.Instant?
    /// Replicas only: when to probe next; nil while a probe is in flight.
    var probeAt: ContinuousClock.Instant?
    /// Replicas only: when the probe in flight was sent.
    var probeSent: ContinuousClock.Instant?
    /// When the handshake or a topology answer must be there.
    private(set) var internalDeadline: ContinuousClock.Instant?
    private var internalCount = 0
    private var transport: Transport?
    private var reader: ReplyReader?
    private var output: [UInt8] = []
    private var sent = 0
    private var watchesOutput = false
    private(set) var inFlight = InFlightQueue()
    /// The beginning of a bulk string whose end has not come; shorter than `bulkBytesMax` and its frame.
    private var carry: [UInt8] = []
    /// Longer bulk strings are left to the parser.
    let bulkBytesMax: Int
    private let configuration: RedisTier.Configuration
    private let connector: Connector

    init(
        index: Int, address: RedisAddress, configuration: RedisTier.Configuration, connector: Connector,
        isReplica: Bool = false
    ) {
        self.index = index
        self.address = address
        self.isReplica = isReplica
        self.configuration = configuration
        self.connector = connector
        breaker = Breaker(configuration.breaker)
        bulkBytesMax = min(16_384, configuration.replyBytesMax)
    }

    /// Bytes waiting to be written.
    var pendingOutput: Int { output.count - sent }

    var hasTransport: Bool { transport != nil }

    // MARK: Making and closing

    /// Starts connecting and queues the greeting; throws where that fails at once.
    func connect(_ poller: borrowing Poller, now: ContinuousClock.Instant) throws(NodeFault) {
        let fresh = try connector.open(address)
        poller.add(fresh.descriptor, tag: UInt32(index), output: true)
        transport = consume fresh
        watchesOutput = true
        phase = .connecting
        reader = ReplyReader(caps: configuration.replyCaps)
        internalDeadline = now + configuration.connectTimeout
        let greeting = isReplica ? connector.replicaGreeting : connector.greeting
        for step in greeting { append(InFlight(kind: step.kind), step.command[...]) }
        // A replica is asked for no script.
        for script in Script.allCases where !isReplica {
            append(InFlight(kind: .loadScript, index: UInt32(script.rawValue)), script.loadCommand[...])
        }
    }

    /// The greeting's PING was answered.
    func becomeReady() {
        phase = .ready
        lastFault = nil
        breaker.connected()
    }

    /// Closes the socket and hands back what had no reply.
    func disconnect() -> [InFlight] {
        transport = nil
        reader = nil
        carry.removeAll()
        phase = .idle
        output.removeAll(keepingCapacity: true)
        sent = 0
        internalDeadline = nil
        internalCount = 0
        replyDeadline = nil
        probeAt = nil
        probeSent = nil
        return inFlight.removeAll()
    }

    // MARK: Commands

    /// Why commands of `bytes` bytes together cannot be taken, or nil.
    func refusal(bytes: Int, commands: Int = 1) -> TierError? {
        guard breaker.admits else { return TierError(.breakerOpen, "the breaker of Redis at \(address) is open") }
        guard transport != nil else {
            return TierError(
                .unavailable, "no connection to Redis at \(address): \(lastFault?.message ?? "not yet tried")")
        }
        guard inFlight.count + commands <= configuration.inFlightMax,
            pendingOutput + bytes <= configuration.outputBytesMax
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

    /// The commands the next replies belong to.
    var oldest: InFlight? { inFlight.first }

    /// Takes off so many commands of a batch, which have their replies.
    func takeOldest(_ commands: Int) { inFlight.removeFirst(commands) }

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

    /// Takes a connection attempt further, now that its socket is ready; why it failed, or nil.
    func advance(_ poller: borrowing Poller) -> NodeFault? {
        if phase == .connecting {
            if let fault = transport?.connectResult() { return fault.at(address) }
            phase = .securing
        }
        guard phase == .securing else { return nil }
        switch transport?.handshake() ?? .done {
        case .done:
            phase = .handshaking
            return nil
        case .wantsInput: watch(output: false, poller)
        case .wantsOutput: watch(output: true, poller)
        case .failed(let fault): return NodeFault(fault).at(address)
        }
        return nil
    }

    /// What it means that an internal deadline passed.
    var lateness: NodeFault {
        let what =
            switch phase {
            case .securing: "the TLS handshake was not answered in time; is TLS on at this port?"
            case .handshaking, .ready: "did not answer in time"
            case .idle, .connecting: "could not be connected in time"
            }
        return NodeFault(.deadline, what).at(address)
    }

    /// Writes what is queued and watches for output as long as something is left; says why it failed, or nil.
    func flush(_ poller: borrowing Poller) -> NodeFault? {
        guard phase == .handshaking || phase == .ready else { return nil }
        while sent < output.count {
            let progress =
                output.withUnsafeBytes { bytes in
                    transport?.send(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
                } ?? .wouldBlock
            switch progress {
            case .bytes(let count): sent += count
            case .wouldBlock:
                watch(output: true, poller)
                return nil
            case .closed(let fault): return ended(fault)
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

    /// Receives into `buffer` what is there and parses it; says why it failed, or nil.
    ///
    /// `bulks` takes what it can of the bytes at the start of a reply and returns how many those were; `body` is called
    /// with each other complete reply. Both may close this connection; parsing ends then.
    func receive(
        _ buffer: UnsafeMutableRawBufferPointer, bulks: (UnsafeRawBufferPointer) -> Int,
        _ body: (borrowing ReplyStore) -> Void
    ) -> NodeFault? {
        guard let reader else { return nil }
        repeat {
            buffer.copyBytes(from: carry)
            switch transport?.receive(into: UnsafeMutableRawBufferPointer(rebasing: buffer[carry.count...]))
                ?? .wouldBlock
            {
            case .bytes(let count):
                let received = UnsafeRawBufferPointer(rebasing: buffer[..<(carry.count + count)])
                carry.removeAll(keepingCapacity: true)
                if let fault = parse(received, reader, bulks, body) { return fault.at(address) }
            case .wouldBlock: return nil
            case .closed(let fault): return ended(fault)
            }
        } while self.reader === reader && transport?.hasPendingInput ?? false
        return nil
    }

    /// What it means that the server closed the connection.
    private func ended(_ fault: NodeFault) -> NodeFault {
        guard phase == .handshaking, configuration.tls == nil, fault.kind == .unreachable else {
            return fault.at(address)
        }
        return NodeFault(.unreachable, "\(fault.message) before the first answer; does it want TLS?").at(address)
    }

    private func parse(
        _ bytes: UnsafeRawBufferPointer, _ reader: ReplyReader, _ bulks: (UnsafeRawBufferPointer) -> Int,
        _ body: (borrowing ReplyStore) -> Void
    ) -> NodeFault? {
        do throws(ReplyReader.Violation) {
            var start = 0
            while start < bytes.count {
                var end = min(start + 4_096, bytes.count)
                if reader.isIdle {
                    start += bulks(UnsafeRawBufferPointer(rebasing: bytes[start...]))
                    guard self.reader === reader, start < bytes.count else { return nil }
                    end = min(start + 4_096, bytes.count)
                    switch BulkScanner.scan(bytes, at: start, bytesMax: bulkBytesMax) {
                    case .incomplete:
                        carry.append(contentsOf: bytes[start...])
                        return nil
                    case .bulk(_, let next), .null(let next): end = next
                    case .other: break
                    }
                }
                try reader.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
                while try reader.next() {
                    body(reader.reply)
                    guard self.reader === reader else { return nil }
                }
            }
            return nil
        } catch {
            // A server under TLS answers plain bytes with an alert record: 21, 3, minor version.
            if phase == .handshaking, bytes.count >= 3, bytes[0] == 21, bytes[1] == 3, configuration.tls == nil {
                return NodeFault(.notTLS, "the server speaks TLS on this port, and this connection is plain")
            }
            return NodeFault(.protocolViolation, error.message)
        }
    }
}
