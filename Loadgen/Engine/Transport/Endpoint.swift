internal import Glibc

/// A numeric TCP address: `127.0.0.1:9880` or `[::1]:9880`.
public struct Endpoint: Sendable, Equatable, CustomStringConvertible {
    /// The address in text form, without brackets.
    public let host: String
    /// The port, 1...65535.
    public let port: UInt16

    /// The endpoint in `text`; `localhost` stands for 127.0.0.1.
    ///
    /// Other names are not resolved.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "localhost" { host = "127.0.0.1" }
        var address = in6_addr()
        let family = host.contains(":") ? AF_INET6 : AF_INET
        guard unsafe inet_pton(family, host, &address) == 1 else { return nil }
        self.host = host
        self.port = port
    }

    /// Whether nothing beyond this machine is addressed.
    public var isLoopback: Bool { host == "::1" || host.hasPrefix("127.") }

    /// The form that `init` reads.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
