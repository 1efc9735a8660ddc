internal import TLS

/// Streams under TLS 1.2 or later, all by one context.
final class TLSStreamSource: StreamSource {
    private let endpoint: Endpoint
    private let context: TLSContext

    /// - Throws: `LoadError` for files that cannot be read or do not fit together.
    init(_ endpoint: Endpoint, _ plan: TLSPlan) throws(LoadError) {
        self.endpoint = endpoint
        guard (plan.certificateFile == nil) == (plan.keyFile == nil) else {
            throw LoadError(.configuration, "tls: a certificate and its key go together")
        }
        var settings = TLSSettings(.client)
        settings.authorityFile = plan.authorityFile
        settings.certificateFile = plan.certificateFile
        settings.keyFile = plan.keyFile
        settings.serverName = plan.serverName
        settings.verification = plan.verifies ? .full : .none
        do throws(TLSFault) {
            context = try TLSContext(settings)
            // A name that no session can take is refused before the first connection.
            _ = try TLSSession(context, descriptor: -1, host: endpoint.host)
        } catch {
            throw LoadError(.configuration, "tls: \(error.message)")
        }
    }

    func connect() -> (any ByteStream)? {
        guard let socket = TCPSocket(connectingTo: endpoint),
            let session = try? TLSSession(context, descriptor: socket.descriptor, host: endpoint.host)
        else { return nil }
        return TLSByteStream(socket, session)
    }
}

/// A TLS session over a TCP socket: `connect` ends with the handshake, so that nothing is sent to a peer that was not
/// verified.
///
/// It has no clock: whoever connects sets a deadline for both. A server's refusal of this side's certificate comes with
/// the first reading under TLS 1.3; `fault` then says it.
final class TLSByteStream: ByteStream {
    private let socket: TCPSocket
    private let session: TLSSession
    private var isConnected = false
    private var handshakeWantsWrite = false
    /// What ended the stream, where TLS or the socket said it.
    private(set) var fault: String?

    init(_ socket: TCPSocket, _ session: TLSSession) {
        self.socket = socket
        self.session = session
    }

    var descriptor: Int32 { socket.descriptor }
    var wantsWrite: Bool { isConnected ? handshakeWantsWrite : socket.wantsWrite }
    var hasPendingInput: Bool { session.hasPendingInput }

    func connect() -> StreamState {
        if !isConnected {
            switch socket.connect() {
            case .pending: return .pending
            case .failed(let reason): return .failed(reason)
            case .open: isConnected = true
            }
        }
        switch session.handshake() {
        case .done:
            handshakeWantsWrite = false
            return .open
        case .wantsInput:
            handshakeWantsWrite = false
            return .pending
        case .wantsOutput:
            handshakeWantsWrite = true
            return .pending
        case .failed(let fault): return .failed("tls: \(fault.message)")
        }
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamTransfer {
        unsafe transfer(session.receive(into: buffer))
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> StreamTransfer { unsafe transfer(session.send(bytes)) }

    func shutDown() { session.sayGoodbye() }

    private func transfer(_ progress: TLSSession.Progress) -> StreamTransfer {
        switch progress {
        case .bytes(let count): return .bytes(count)
        case .wouldBlock: return .wouldBlock
        case .ended: return .closed
        case .failed(let fault):
            self.fault = "tls: \(fault.message)"
            return .broken
        }
    }
}
