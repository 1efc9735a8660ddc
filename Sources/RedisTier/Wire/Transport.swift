internal import Glibc
internal import TLS

/// A non-blocking byte stream to one server: TCP or Unix socket, plain or under TLS.
///
/// Closed when it goes out of scope. TCP_NODELAY is set, since a pipeline is written in one piece anyway; SIGPIPE is
/// never raised. `Connector.open` makes it; `connectResult` and then `handshake` tell when it can be used.
struct Transport: ~Copyable {
    /// How far a call got.
    enum Progress {
        case bytes(Int)
        /// Nothing can be read or written now.
        case wouldBlock
        /// The stream is over, and why.
        case closed(NodeFault)

        init(_ progress: TLSSession.Progress) {
            self =
                switch progress {
                case .bytes(let count): .bytes(count)
                case .wouldBlock: .wouldBlock
                case .ended: .closed(NodeFault(.unreachable, Transport.text(0)))
                case .failed(let fault): .closed(NodeFault(fault))
                }
        }
    }

    let descriptor: Int32
    private var tls: TLSSession?

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// Starts connecting, under TLS where there is a context; the descriptor is writable once that has ended.
    static func connecting(to address: RedisAddress, _ context: TLSContext?) throws(NodeFault) -> Transport {
        let (family, storage, length) = try resolve(address)
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw NodeFault(.unreachable, text(errno)) }
        var transport = Transport(descriptor: descriptor)
        if !address.isUnixSocket {
            var isOn: Int32 = 1
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, size)
            setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &isOn, size)
        }
        let code = withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
        }
        guard code == 0 || errno == EINPROGRESS else { throw NodeFault(.unreachable, text(errno)) }
        if let context {
            do throws(TLSFault) {
                transport.tls = try TLSSession(context, descriptor: descriptor, host: address.host)
            } catch { throw NodeFault(error) }
        }
        return transport
    }

    deinit {
        tls?.sayGoodbye()
        close(descriptor)
    }

    /// Whether the connection was made: nil, or why not.
    func connectResult() -> NodeFault? {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else {
            return NodeFault(.unreachable, Self.text(errno))
        }
        return code == 0 ? nil : NodeFault(.unreachable, Self.text(code))
    }

    /// Whether it is under TLS.
    var isEncrypted: Bool { tls != nil }

    /// Takes the TLS handshake as far as it goes; a plain stream has none.
    func handshake() -> TLSSession.Handshake { tls?.handshake() ?? .done }

    /// Whether `receive` has more although the socket is not readable.
    var hasPendingInput: Bool { tls?.hasPendingInput ?? false }

    /// Sends what fits into the socket.
    func send(_ bytes: UnsafeRawBufferPointer) -> Progress {
        if let tls { return Progress(tls.send(bytes)) }
        while true {
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .closed(NodeFault(.unreachable, Self.text(errno)))
        }
    }

    /// Receives what is there, at most `buffer.count` bytes.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
        if let tls { return Progress(tls.receive(into: buffer)) }
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .closed(NodeFault(.unreachable, Self.text(0))) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .closed(NodeFault(.unreachable, Self.text(errno)))
        }
    }

    /// The text of an errno.
    static func text(_ code: Int32) -> String { code == 0 ? "closed by the server" : String(cString: strerror(code)) }

    private static func resolve(_ address: RedisAddress) throws(NodeFault) -> (Int32, sockaddr_storage, socklen_t) {
        if address.isUnixSocket { return unixAddress(address.host) }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        let host = address.host == "localhost" ? "127.0.0.1" : address.host
        var found: UnsafeMutablePointer<addrinfo>?
        var code = getaddrinfo(host, "\(address.port)", &hints, &found)
        if code == EAI_NONAME {
            hints.ai_flags = AI_NUMERICSERV
            code = getaddrinfo(host, "\(address.port)", &hints, &found)
        }
        guard code == 0, let found else {
            let reason = String(cString: gai_strerror(code))
            throw NodeFault(.unreachable, "no address of \(address.host): \(reason)")
        }
        defer { freeaddrinfo(found) }
        var storage = sockaddr_storage()
        memcpy(&storage, found.pointee.ai_addr, Int(found.pointee.ai_addrlen))
        return (found.pointee.ai_family, storage, found.pointee.ai_addrlen)
    }

    private static func unixAddress(_ path: String) -> (Int32, sockaddr_storage, socklen_t) {
        var storage = sockaddr_storage()
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr_un.self, capacity: 1) { unix in
                unix.pointee.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &unix.pointee.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
            }
        }
        return (AF_UNIX, storage, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
}
