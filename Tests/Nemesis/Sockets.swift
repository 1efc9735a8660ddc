import Glibc

/// The machine's monotonic clock, the same for all processes.
enum Clock {
    /// Nanoseconds.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// A port on loopback or the path of a Unix socket.
enum SocketAddress: Sendable {
    case loopback(UInt16)
    case unix(String)

    /// A listening socket, and the port it was given where 0 was asked for; nil where that fails.
    func listen() -> (socket: Int32, port: UInt16)? {
        let socket = make()
        var port: UInt16 = 0
        let isListening =
            withAddress { address, size in Glibc.bind(socket, address, size) } == 0
            && Glibc.listen(socket, 256) == 0 && fcntl(socket, F_SETFL, O_NONBLOCK) == 0
        guard isListening else {
            close(socket)
            return nil
        }
        if case .loopback = self {
            var name = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &size) }
            }
            port = UInt16(bigEndian: name.sin_port)
        }
        return (socket, port)
    }

    /// A connected socket; nil where nobody listens.
    func connect() -> Int32? {
        let socket = make()
        guard withAddress({ address, size in Glibc.connect(socket, address, size) }) == 0 else {
            close(socket)
            return nil
        }
        return socket
    }

    private func make() -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        if case .unix = self { return socket(AF_UNIX, type, 0) }
        return socket(AF_INET, type, 0)
    }

    private func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        switch self {
        case .loopback(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            address.sin_port = port.bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { buffer in
                // The last byte stays 0.
                buffer.copyBytes(from: path.utf8.prefix(buffer.count - 1))
            }
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }
}

/// One command at a time to one Redis server, beside the tier and its proxy.
enum RedisCommand {
    /// The raw reply, at most 64 KiB of it; nil where there is none within a second.
    static func send(_ port: UInt16, _ words: [[UInt8]]) -> String? {
        guard let socket = SocketAddress.loopback(port).connect() else { return nil }
        defer { close(socket) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.count)\r\n".utf8) + word + Array("\r\n".utf8) }
        guard Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return nil }
        var reply = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &reply, reply.count, 0)
        return count > 0 ? String(decoding: reply[..<count], as: UTF8.self) : nil
    }

    @discardableResult
    static func send(_ port: UInt16, _ words: String...) -> String? { send(port, words.map { Array($0.utf8) }) }
}
