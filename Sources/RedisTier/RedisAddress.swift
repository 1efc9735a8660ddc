/// Where a Redis server listens: host and port, or the path of a Unix socket.
public struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 or IPv6 address, a host name, or, where `port` is 0, the path of a Unix socket.
    public let host: String
    /// TCP port; 0 for a Unix socket.
    public let port: UInt16

    /// A TCP address.
    ///
    /// Names other than `localhost` are resolved on the tier's I/O thread at every connect; prefer numbers.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port`, `[ipv6]:port`, a bare `ipv6:port` as Redis prints it, or `unix:/path`; nil if malformed.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            // sun_path holds 108 bytes with the final NUL.
            guard path.hasPrefix("/"), path.utf8.count < 108 else { return nil }
            self.init(host: path, port: 0)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, host.utf8.count <= 255 else { return nil }
        self.init(host: String(host), port: port)
    }

    /// Whether it is a Unix socket.
    public var isUnixSocket: Bool { port == 0 }

    /// `host:port`, `[ipv6]:port` or `unix:/path`; `init(_:)` reads it back.
    public var description: String {
        if isUnixSocket { return "unix:\(host)" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
