internal import Glibc

/// A non-blocking TCP client socket; closed when the last reference goes.
final class TCPSocket: ByteStream {
    let descriptor: Int32
    /// It becomes writable when the connection stands or has failed.
    private(set) var wantsWrite = true
    var hasPendingInput: Bool { false }

    /// Starts connecting; the socket becomes writable when that is done. Nil where it cannot even start.
    init?(connectingTo endpoint: Endpoint) {
        let isSix = endpoint.host.contains(":")
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        descriptor = socket(isSix ? AF_INET6 : AF_INET, type, 0)
        guard descriptor >= 0 else { return nil }
        var on: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let status = isSix ? Self.connectSix(descriptor, endpoint) : Self.connectFour(descriptor, endpoint)
        guard status == 0 || errno == EINPROGRESS else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func connectFour(_ descriptor: Int32, _ endpoint: Endpoint) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        unsafe inet_pton(AF_INET, endpoint.host, &address.sin_addr)
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func connectSix(_ descriptor: Int32, _ endpoint: Endpoint) -> Int32 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = endpoint.port.bigEndian
        unsafe inet_pton(AF_INET6, endpoint.host, &address.sin6_addr)
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }

    /// What came of the attempt to connect, once the socket is ready.
    func connect() -> StreamState {
        var status: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &status, &length) == 0 else {
            return .failed("connect: \(errnoText())")
        }
        guard status == 0 else { return .failed("connect: \(errorText(status))") }
        guard isConnected else { return .pending }
        wantsWrite = false
        return .open
    }

    private var isConnected: Bool {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getpeername(descriptor, $0, &length) == 0
            }
        }
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamTransfer {
        outcome(unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0))
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> StreamTransfer {
        outcome(unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)))
    }

    func shutDown() {}

    private func outcome(_ count: Int) -> StreamTransfer {
        if count > 0 { return .bytes(count) }
        if count == 0 { return .closed }
        return errno == EAGAIN || errno == EINTR ? .wouldBlock : .broken
    }
}
