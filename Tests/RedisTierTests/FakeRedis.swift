import Foundation
import Glibc
import RedisTier
import Synchronization

/// A Redis server made of a script: answers the handshake itself and leaves every other command to a closure.
///
/// Each connection has a thread. Everything ends with `stop()`.
final class FakeRedis: Sendable {
    /// Texts are Latin-1: each scalar is one byte.
    enum Reaction {
        case reply(String)
        case replyThenClose(String)
        /// The bytes, after a pause.
        case late(String, milliseconds: UInt32)
        case silence
        case close
    }

    typealias Script = @Sendable (_ connection: Int, _ command: [String]) -> Reaction

    let address: RedisAddress
    private let listener: Int32
    private let script: Script
    private let slots: (@Sendable () -> String)?
    private let state = Mutex((sockets: Set<Int32>(), accepted: 0, ended: 0, isStopped: false))
    /// Raised once the listener is closed.
    private let hasEnded = DispatchSemaphore(value: 0)

    /// Listens on a port of its own, or on `port`; `slots` is its reply to CLUSTER SLOTS, if not that it owns them all.
    init(port: UInt16 = 0, slots: (@Sendable () -> String)? = nil, _ script: @escaping Script) {
        self.script = script
        self.slots = slots
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var isOn: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        name.sin_port = port.bigEndian
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
        Thread { [self] in acceptAll() }.start()
    }

    /// Connections accepted, and those that have ended.
    var connections: (accepted: Int, ended: Int) { state.withLock { ($0.accepted, $0.ended) } }

    /// The thread that accepts closes the listener: closed here, its number could be another server's by the time that
    /// thread accepts again.
    func stop() {
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            return !state.isStopped
        }
        guard isFirst else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        hasEnded.wait()
        state.withLock { state in
            for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    private func acceptAll() {
        while true {
            let socket = accept(listener, nil, nil)
            guard socket >= 0 else {
                close(listener)
                hasEnded.signal()
                return
            }
            let number = state.withLock { state in
                state.sockets.insert(socket)
                state.accepted += 1
                return state.accepted
            }
            Thread { [self] in serve(socket, number) }.start()
        }
    }

    private func serve(_ socket: Int32, _ number: Int) {
        var input: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        serving: while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            input += buffer[..<count]
            while let command = Self.takeCommand(&input) {
                if !react(handshake(command) ?? script(number, command), socket) { break serving }
            }
        }
        state.withLock { state in
            state.sockets.remove(socket)
            state.ended += 1
        }
        close(socket)
    }

    private func react(_ reaction: Reaction, _ socket: Int32) -> Bool {
        switch reaction {
        case .reply(let text): return write(text, socket)
        case .replyThenClose(let text):
            _ = write(text, socket)
            return false
        case .late(let text, let milliseconds):
            usleep(milliseconds * 1_000)
            return write(text, socket)
        case .silence: return true
        case .close: return false
        }
    }

    private func write(_ text: String, _ socket: Int32) -> Bool {
        var rest = text.unicodeScalars.map { UInt8($0.value) }[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private func handshake(_ command: [String]) -> Reaction? {
        switch command.first {
        case "PING": .reply("+PONG\r\n")
        case "SCRIPT": .reply("$40\r\n" + String(repeating: "0", count: 40) + "\r\n")
        case "CLUSTER": .reply(slots?() ?? Self.slots([(0, 16_383, address)]))
        default: nil
        }
    }

    /// A reply to CLUSTER SLOTS.
    static func slots(_ ranges: [(Int, Int, RedisAddress)]) -> String {
        ranges.reduce("*\(ranges.count)\r\n") {
            $0 + "*3\r\n:\($1.0)\r\n:\($1.1)\r\n*2\r\n$\($1.2.host.utf8.count)\r\n\($1.2.host)\r\n:\($1.2.port)\r\n"
        }
    }

    /// Takes one whole command, an array of bulk strings, off the front.
    private static func takeCommand(_ input: inout [UInt8]) -> [String]? {
        var position = 0
        func number(_ mark: Character) -> Int? {
            guard let end = input[position...].firstIndex(of: 13), end + 1 < input.count else { return nil }
            let line = String(decoding: input[position..<end], as: UTF8.self)
            precondition(line.first == mark, "the client sent \(line)")
            position = end + 2
            return Int(line.dropFirst())
        }
        guard !input.isEmpty, let count = number("*") else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard position < input.count, let length = number("$"), position + length + 2 <= input.count else {
                return nil
            }
            words.append(String(decoding: input[position..<position + length], as: UTF8.self))
            position += length + 2
        }
        input.removeFirst(position)
        return words
    }
}
