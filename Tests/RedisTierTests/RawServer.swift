import Foundation
import Glibc
import RedisTier
import Synchronization

/// A TCP server that says the same bytes to every client, however and whenever, and understands none.
final class RawServer: Sendable {
    let address: RedisAddress
    private let listener: Int32
    private let sockets = Mutex<Set<Int32>>([])
    private let accepted = Atomic<Int>(0)
    /// Raised once the listener is closed.
    private let hasEnded = DispatchSemaphore(value: 0)

    /// Listens on a port of its own. To each client, after its first bytes, it writes `bytes` in pieces of `step` bytes
    /// with a pause before each, and then keeps the connection, or closes it.
    init(_ bytes: [UInt8], step: Int = .max, pauseMilliseconds: UInt32 = 0, closes: Bool = false) {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        precondition(isListening, "no loopback port")
        address = RedisAddress(host: "127.0.0.1", port: UInt16(bigEndian: name.sin_port))
        Thread { [self] in
            while case let socket = accept(listener, nil, nil), socket >= 0 {
                accepted.add(1, ordering: .relaxed)
                sockets.withLock { _ = $0.insert(socket) }
                Thread { [self] in
                    serve(socket, bytes, step, pauseMilliseconds, closes)
                    sockets.withLock { _ = $0.remove(socket) }
                    close(socket)
                }.start()
            }
            close(listener)
            hasEnded.signal()
        }.start()
    }

    /// Connections so far.
    var connections: Int { accepted.load(ordering: .relaxed) }

    /// The thread that accepts closes the listener, whose number could be another server's otherwise. Once only.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        hasEnded.wait()
        sockets.withLock { sockets in for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) } }
    }

    private func serve(_ socket: Int32, _ bytes: [UInt8], _ step: Int, _ pause: UInt32, _ closes: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        guard recv(socket, &buffer, buffer.count, 0) > 0 else { return }
        var rest = bytes[...]
        while !rest.isEmpty {
            if pause > 0 { usleep(pause * 1_000) }
            let count = rest.prefix(step).withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
        while !closes, recv(socket, &buffer, buffer.count, 0) > 0 {}
    }
}
