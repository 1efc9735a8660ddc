internal import Foundation
internal import Glibc

/// Sockets on 127.0.0.1, as little as starting servers needs.
public enum Loopback {
    /// A port that was free a moment ago: bind 0, read the number, close.
    public static func freePort() throws(LocalStackError) -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw LocalStackError("no free loopback port: errno \(errno)") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// The body of `GET path` from an HTTP server on this machine, or nil where it does not answer with 200 in time.
    public static func httpGet(port: UInt16, path: String) -> String? { http("GET", port, path) }

    /// The body of the answer to `PUT path` with a body of JSON, or nil where it is not answered with 200 in time.
    public static func httpPut(port: UInt16, path: String, body: String) -> String? { http("PUT", port, path, body) }

    private static func http(_ method: String, _ port: UInt16, _ path: String, _ body: String? = nil) -> String? {
        guard let descriptor = connected(port: port, seconds: 5) else { return nil }
        defer { close(descriptor) }
        let content = body.map { "Content-Type: application/json\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)" }
        let request =
            "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + (content ?? "\r\n")
        guard send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return nil }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
            answer += buffer[..<count]
            guard answer.count < 16 << 20 else { return nil }
        }
        let text = String(decoding: answer, as: UTF8.self)
        guard text.hasPrefix("HTTP/1.1 200"), let end = text.range(of: "\r\n\r\n") else { return nil }
        return String(text[end.upperBound...])
    }

    private static func connected(port: UInt16, seconds: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = address(port: port)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Sends one RESP command to a Redis server and returns its raw reply, or nil where it cannot be had in a second.
    static func redis(_ port: UInt16, _ words: [String]) -> String? {
        guard let descriptor = connected(port: port, seconds: 1) else { return nil }
        defer { close(descriptor) }
        let command = words.reduce("*\(words.count)\r\n") { $0 + "$\($1.utf8.count)\r\n\($1)\r\n" }
        guard send(descriptor, command, command.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    private static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = port.bigEndian
        return address
    }
}
