internal import Glibc
internal import Synchronization
internal import TLS

/// Opens the connections of a tier, all alike: plain or TLS, then AUTH, CLIENT SETNAME and PING in front of all else.
///
/// Used in two ways. An event loop takes `open`, then `Transport.connectResult` and `handshake` as its socket becomes
/// ready, sends `greeting` and hands each reply to `judge`. A thread of its own takes `connect`, which waits for all of
/// that. Safe on any thread.
final class Connector: Sendable {
    /// One command of the greeting; each gets one reply.
    struct Step: Sendable {
        let kind: InFlight.Kind
        let command: [UInt8]
    }

    private struct Loaded {
        let context: TLSContext
        let versions: [Int]
    }

    let configuration: RedisTier.Configuration
    /// AUTH and CLIENT SETNAME where configured, then PING.
    let greeting: [Step]
    /// The same with READONLY before PING.
    let replicaGreeting: [Step]
    private let loaded = Mutex<Loaded?>(nil)

    init(_ configuration: RedisTier.Configuration) {
        self.configuration = configuration
        var steps: [Step] = []
        if let credentials = configuration.credentials {
            let command =
                credentials.user.map { CommandEncoder.command("AUTH", $0, credentials.password) }
                ?? CommandEncoder.command("AUTH", credentials.password)
            steps.append(Step(kind: .authenticate, command: command))
        }
        if let name = configuration.clientName {
            steps.append(Step(kind: .name, command: CommandEncoder.command("CLIENT", "SETNAME", name)))
        }
        let ping = Step(kind: .ping, command: CommandEncoder.command("PING"))
        greeting = steps + [ping]
        replicaGreeting = steps + [Step(kind: .readOnly, command: CommandEncoder.command("READONLY")), ping]
    }

    /// Starts connecting to a server; host names other than `localhost` are resolved here.
    func open(_ address: RedisAddress) throws(NodeFault) -> Transport {
        try Transport.connecting(to: address, tlsContext(for: address))
    }

    /// The context of the files as they are now; the one before where they do not fit together at present.
    private func tlsContext(for address: RedisAddress) throws(NodeFault) -> TLSContext? {
        guard let tls = configuration.tls, !address.isUnixSocket else { return nil }
        let settings = tls.settings
        let versions = TLSContext.versions(of: settings)
        return try loaded.withLock { loaded throws(NodeFault) in
            if let loaded, loaded.versions == versions { return loaded.context }
            do throws(TLSFault) {
                let fresh = try TLSContext(settings)
                loaded = Loaded(context: fresh, versions: versions)
                return fresh
            } catch {
                guard let loaded else { throw NodeFault(error) }
                return loaded.context
            }
        }
    }

    /// What a reply to the greeting means: nil where it is fine. Never shows what was sent.
    static func judge(_ kind: InFlight.Kind, _ reply: borrowing ReplyStore, from address: RedisAddress) -> NodeFault? {
        guard reply.nodes[0].kind == .error, kind != .name else { return nil }
        let error = ErrorReply(reply.text(0), from: address)
        let text = String(decoding: reply.text(0).prefix(120), as: UTF8.self)
        switch (kind, error) {
        case (.authenticate, .wrongPassword):
            return NodeFault(.credentialsRefused, "refused the credentials: wrong user or password")
        case (.authenticate, .unavailable): return NodeFault(.notServing, text)
        case (.authenticate, _):
            return NodeFault(.credentialsRefused, "refused the credentials: is a password set there?")
        case (_, .unauthenticated): return NodeFault(.credentialsMissing, "wants a password, and none is configured")
        case (_, .notPermitted): return NodeFault(.notPermitted, text)
        default: return NodeFault(.notServing, text)
        }
    }

    // MARK: Waiting

    /// Connects, authenticates and waits for PONG; blocks its thread until then, `deadline` at the latest.
    ///
    /// The stream is non-blocking; nothing but the greeting has been sent on it.
    func connect(to address: RedisAddress, until deadline: ContinuousClock.Instant) throws(NodeFault) -> Transport {
        do throws(NodeFault) {
            let transport = try open(address)
            try transport.wait(for: .output, until: deadline)
            if let fault = transport.connectResult() { throw fault }
            try Self.secure(transport, deadline)
            try transport.sendAll(greeting.flatMap(\.command), until: deadline)
            try receiveGreeting(transport, address, deadline)
            return transport
        } catch {
            throw error.at(address)
        }
    }

    private static func secure(
        _ transport: borrowing Transport, _ deadline: ContinuousClock.Instant
    ) throws(NodeFault) {
        while true {
            switch transport.handshake() {
            case .done: return
            case .wantsInput: try transport.wait(for: .input, until: deadline)
            case .wantsOutput: try transport.wait(for: .output, until: deadline)
            case .failed(let fault): throw NodeFault(fault)
            }
        }
    }

    private func receiveGreeting(
        _ transport: borrowing Transport, _ address: RedisAddress, _ deadline: ContinuousClock.Instant
    ) throws(NodeFault) {
        let reader = ReplyReader(caps: configuration.replyCaps)
        var steps = greeting[...]
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while !steps.isEmpty {
            let count = try transport.receiveSome(into: &buffer, until: deadline)
            do throws(ReplyReader.Violation) {
                try buffer.withUnsafeBytes { bytes in
                    Result { () throws(ReplyReader.Violation) in
                        try reader.feed(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                    }
                }.get()
            } catch { throw NodeFault(.protocolViolation, error.message) }
            while let fault = try Self.next(reader, &steps, address) {
                if let fault { throw fault }
            }
        }
    }

    /// Takes one reply off the reader: nil where there is none, else what it means.
    private static func next(
        _ reader: ReplyReader, _ steps: inout ArraySlice<Step>, _ address: RedisAddress
    ) throws(NodeFault) -> NodeFault?? {
        do throws(ReplyReader.Violation) {
            guard try reader.next() else { return nil }
        } catch { throw NodeFault(.protocolViolation, error.message) }
        guard let step = steps.popFirst() else { throw NodeFault(.protocolViolation, "answered unasked") }
        return .some(judge(step.kind, reader.reply, from: address))
    }
}

/// Waiting calls, for threads that serve one stream each.
extension Transport {
    enum Direction {
        case input, output
    }

    /// Waits until the socket is ready, closed or broken; throws `.deadline` where that is not before `deadline`.
    func wait(for direction: Direction, until deadline: ContinuousClock.Instant) throws(NodeFault) {
        while true {
            let rest = deadline - .now
            guard rest > .zero else { throw NodeFault(.deadline, "no answer in time") }
            let (seconds, attoseconds) = rest.components
            let milliseconds = min(seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1, 60_000)
            let events = Int16(direction == .input ? POLLIN : POLLOUT)
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            if poll(&entry, 1, Int32(milliseconds)) > 0 { return }
        }
    }

    /// Sends all of `bytes`.
    func sendAll(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(NodeFault) {
        var sent = 0
        while sent < bytes.count {
            switch bytes.withUnsafeBytes({ send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }) {
            case .bytes(let count): sent += count
            case .wouldBlock: try wait(for: .output, until: deadline)
            case .closed(let fault): throw fault
            }
        }
    }

    /// Receives at least one byte into `buffer`; returns how many.
    func receiveSome(into buffer: inout [UInt8], until deadline: ContinuousClock.Instant) throws(NodeFault) -> Int {
        while true {
            switch buffer.withUnsafeMutableBytes({ receive(into: $0) }) {
            case .bytes(let count): return count
            case .wouldBlock: try wait(for: .input, until: deadline)
            case .closed(let fault): throw fault
            }
        }
    }
}
