import Foundation
import Glibc
import Synchronization
import TLS

/// A small HTTP server of the tests, a thread a connection: each request is answered as its rule says.
final class HTTPTestServer: Sendable {
    /// What is done about a request.
    enum Action {
        /// Sends bytes and goes on.
        case send([UInt8])
        /// Sends bytes, one at a time, and goes on.
        case drip([UInt8])
        /// Sends bytes and closes in order.
        case end([UInt8])
        /// Closes with a reset.
        case reset
        /// Sends nothing and waits for the next request.
        case ignore

        /// A reply with a body.
        static func reply(_ status: Int, _ body: String = "", _ headers: String = "") -> Action {
            .send(Array("HTTP/1.1 \(status) X\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8))
        }
    }

    /// A request as it came.
    struct Request {
        var head: String
        var body: String
        /// Which request of all, and of its connection, from 0.
        var number: Int
        var ofConnection: Int
    }

    typealias Rule = @Sendable (Request) -> Action

    private struct State {
        var requests = 0
        var connections: [Int32] = []
        var accepted = 0
        var isStopped = false
    }

    let port: UInt16
    private let listener: Int32
    private let rule: Rule
    private let tls: TLSContext?
    private let state = Mutex(State())

    /// Listens on a port of its own.
    init(tls: TLSSettings? = nil, rule: @escaping Rule) throws {
        self.rule = rule
        self.tls = try tls.map { try TLSContext($0) }
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0, "no port")
                getsockname(descriptor, $0, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in acceptAll() }.start()
    }

    /// Requests so far.
    var requests: Int { state.withLock { $0.requests } }
    /// Connections so far.
    var accepted: Int { state.withLock { $0.accepted } }

    /// Closes everything; threads end by themselves.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        state.withLock { state in
            state.isStopped = true
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    private func acceptAll() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            let isOpen = state.withLock { state in
                guard !state.isStopped else { return false }
                state.connections.append(connection)
                state.accepted += 1
                return true
            }
            guard isOpen else {
                close(connection)
                break
            }
            Thread { [self] in
                serve(connection)
                state.withLock { $0.connections.removeAll { $0 == connection } }
                close(connection)
            }.start()
        }
        close(listener)
    }

    private func serve(_ connection: Int32) {
        let session = tls.flatMap { try? TLSSession($0, descriptor: connection, host: "") }
        if let session, session.handshake() != .done { return }
        var buffer: [UInt8] = []
        var count = 0
        while let (head, body) = next(&buffer, connection, session) {
            let number = state.withLock { state in
                state.requests += 1
                return state.requests - 1
            }
            switch rule(Request(head: head, body: body, number: number, ofConnection: count)) {
            case .send(let bytes): send(bytes, connection, session)
            case .drip(let bytes): for byte in bytes { send([byte], connection, session) }
            case .end(let bytes):
                send(bytes, connection, session)
                session?.sayGoodbye()
                shutdown(connection, Int32(SHUT_WR))
                var rest = [UInt8](repeating: 0, count: 256)
                while recv(connection, &rest, rest.count, 0) > 0 {}
                return
            case .reset:
                var linger = linger(l_onoff: 1, l_linger: 0)
                setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
                return
            case .ignore: break
            }
            count += 1
        }
    }

    /// Waits for a whole request; nil at the end of the connection.
    private func next(_ buffer: inout [UInt8], _ connection: Int32, _ session: TLSSession?) -> (String, String)? {
        let blank = Array("\r\n\r\n".utf8)
        while true {
            if let end = buffer.indices.first(where: { buffer[$0...].starts(with: blank) }) {
                let head = String(decoding: buffer[..<end], as: UTF8.self)
                let field = head.components(separatedBy: "\r\n").first { $0.hasPrefix("Content-Length: ") }
                let length = field.flatMap { Int($0.dropFirst(16)) } ?? 0
                if buffer.count >= end + 4 + length {
                    let body = String(decoding: buffer[(end + 4)..<(end + 4 + length)], as: UTF8.self)
                    buffer.removeFirst(end + 4 + length)
                    return (head, body)
                }
            }
            var room = [UInt8](repeating: 0, count: 4_096)
            let count: Int
            if let session {
                guard case .bytes(let received) = room.withUnsafeMutableBytes({ session.receive(into: $0) }) else {
                    return nil
                }
                count = received
            } else {
                count = recv(connection, &room, room.count, 0)
            }
            guard count > 0 else { return nil }
            buffer += room[..<count]
        }
    }

    private func send(_ bytes: [UInt8], _ connection: Int32, _ session: TLSSession?) {
        if let session {
            // A record, 16 KiB, is sent at a time.
            var rest = bytes[...]
            while !rest.isEmpty, case .bytes(let count) = rest.withUnsafeBytes({ session.send($0) }) {
                rest = rest.dropFirst(count)
            }
        } else {
            _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }
}
