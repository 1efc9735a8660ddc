import Glibc
import TLS

/// A client's and a server's session over a socket pair, both driven by one thread without waiting.
final class SessionPair {
    /// Handshake steps after which neither side will get anywhere.
    private static let stepsMax = 64
    /// Rounds in a row without a byte after which nothing will arrive; a record may take several to pass.
    private static let idleMax = 100

    let client: TLSSession
    let server: TLSSession
    private(set) var descriptors: [Int32] = [-1, -1]

    /// Sessions that have said nothing; small socket buffers where `bufferBytes` is given.
    init(_ client: TLSSettings, _ server: TLSSettings, host: String = "127.0.0.1", bufferBytes: Int32? = nil) throws {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        precondition(socketpair(AF_UNIX, kind, 0, &descriptors) == 0, "out of descriptors")
        if var size = bufferBytes {
            for descriptor in descriptors {
                setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
            }
        }
        self.client = try TLSSession(TLSContext(client), descriptor: descriptors[0], host: host)
        self.server = try TLSSession(TLSContext(server), descriptor: descriptors[1], host: "")
    }

    deinit { for descriptor in descriptors where descriptor >= 0 { close(descriptor) } }

    /// Closes one side's socket without a word.
    func cut(_ index: Int) {
        close(descriptors[index])
        descriptors[index] = -1
    }

    /// Drives both handshakes until each is done or has failed, or neither moves; gives the last answers.
    func shakeHands() -> (client: TLSSession.Handshake, server: TLSSession.Handshake) {
        var (ours, theirs) = (TLSSession.Handshake.wantsInput, TLSSession.Handshake.wantsInput)
        for _ in 0..<Self.stepsMax {
            if Self.isOpen(ours) { ours = client.handshake() }
            if Self.isOpen(theirs) { theirs = server.handshake() }
            if !Self.isOpen(ours), !Self.isOpen(theirs) { break }
        }
        return (ours, theirs)
    }

    private static func isOpen(_ handshake: TLSSession.Handshake) -> Bool {
        handshake == .wantsInput || handshake == .wantsOutput
    }

    /// Sends all of `bytes` from one side to the other, reading whenever the socket is full; gives what arrived.
    static func carry(_ bytes: [UInt8], from sender: TLSSession, to receiver: TLSSession, piece: Int) -> [UInt8] {
        var (sent, arrived, idle) = (0, [UInt8](), 0)
        var room = [UInt8](repeating: 0, count: piece)
        while arrived.count < bytes.count, idle < idleMax {
            idle += 1
            if sent < bytes.count {
                let end = min(sent + 40_000, bytes.count)
                let progress = bytes.withUnsafeBytes { sender.send(UnsafeRawBufferPointer(rebasing: $0[sent..<end])) }
                if case .bytes(let count) = progress { (sent, idle) = (sent + count, 0) }
            }
            while case .bytes(let count) = room.withUnsafeMutableBytes({ receiver.receive(into: $0) }) {
                arrived += room[..<count]
                idle = 0
            }
        }
        return arrived
    }
}

extension TLSSession {
    /// One reading into a buffer of its own.
    func receiveOnce() -> Progress {
        var room = [UInt8](repeating: 0, count: 1_024)
        return room.withUnsafeMutableBytes { receive(into: $0) }
    }
}
