import Glibc
import Synchronization
import TestData

/// A relay between the programs and their servers, over TCP on loopback or a Unix socket, that breaks as it is told.
///
/// One thread owns all sockets. What a link does wrong is set by `set`, `reset` and `halfOpen`; nothing else is shared.
final class FaultProxy: Sendable {
    /// How a link carries bytes from now on.
    enum Mode: Sendable, Equatable {
        case pass
        /// Nothing moves, new connections are not answered; what was on its way arrives later.
        case hold
        /// Each read is passed on after this many milliseconds and up to as many again.
        case delay(milliseconds: Int64)
        /// One answer in `oneIn` is changed: a byte, a piece twice, a piece missing, or noise put in.
        case garbage(oneIn: Int)
        /// New connections are reset at once.
        case refuse
    }

    struct Link: Sendable {
        let listener: Int32
        let target: SocketAddress
    }

    private struct Orders {
        var modes: [Mode]
        var resets: Set<Int> = []
        var halfOpens: Set<Int> = []
        var isStopped = false
    }

    private struct Piece {
        var bytes: [UInt8]
        var release: Int64
    }

    /// One direction of a connection.
    private struct Pipe {
        var pieces: [Piece] = []
        var size = 0
        var isClosed = false

        func isReady(_ now: Int64) -> Bool { pieces.first.map { $0.release <= now } ?? false }
    }

    private struct Connection {
        let link: Int
        let client: Int32
        var server: Int32
        var upward = Pipe()
        var downward = Pipe()
        /// Replication between servers is delayed and cut, but never garbled.
        var isReplication = false
        /// The server's side is gone, and the client is not told.
        var isHalfOpen = false
        var isDead = false
        /// What waits on it while it is held, or has no server, was counted.
        var isTouched = false
    }

    private static let sizeMax = 1 << 20
    private let links: [Link]
    private let orders: Mutex<Orders>
    private let ended = Atomic<Bool>(false)
    /// By link: connections or pieces that a fault has touched, and pieces that clients have sent.
    private let counts: Mutex<(touched: [Int], asked: [Int])>

    /// Starts relaying from each link's listener to its target.
    init(_ links: [Link], seed: UInt64) {
        self.links = links
        orders = Mutex(Orders(modes: links.map { _ in .pass }))
        let zeros = links.map { _ in 0 }
        counts = Mutex((zeros, zeros))
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Start(proxy: self, seed: seed))
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                start.proxy.run(SplitMix64(seed: start.seed))
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }

    private final class Start {
        let proxy: FaultProxy
        let seed: UInt64
        init(proxy: FaultProxy, seed: UInt64) {
            self.proxy = proxy
            self.seed = seed
        }
    }

    /// Sets how a link carries bytes.
    func set(_ link: Int, _ mode: Mode) { orders.withLock { $0.modes[link] = mode } }

    /// Resets the link's connections.
    func reset(_ link: Int) { orders.withLock { _ = $0.resets.insert(link) } }

    /// Cuts the servers off the link's connections without telling the clients.
    func halfOpen(_ link: Int) { orders.withLock { _ = $0.halfOpens.insert(link) } }

    /// Connections and pieces of a link that were held, cut, refused, delayed or changed so far.
    func touched(_ link: Int) -> Int { counts.withLock { $0.touched[link] } }

    /// Pieces that clients have sent over a link so far.
    func asked(_ link: Int) -> Int { counts.withLock { $0.asked[link] } }

    private func touch(_ link: Int) { counts.withLock { $0.touched[link] += 1 } }

    /// Closes everything; returns when the thread is done.
    func stop() {
        orders.withLock { $0.isStopped = true }
        while !ended.load(ordering: .acquiring) { usleep(1_000) }
    }

    // MARK: The thread

    private func run(_ seeded: SplitMix64) {
        var random = seeded
        var connections: [Connection] = []
        while true {
            let orders = orders.withLock { orders in
                defer { (orders.resets, orders.halfOpens) = ([], []) }
                return orders
            }
            if orders.isStopped { break }
            obey(orders, &connections)
            connections.removeAll { connection in
                if connection.isDead { Self.close(connection) }
                return connection.isDead
            }
            turn(orders.modes, &connections, &random)
        }
        for connection in connections { Self.close(connection) }
        for link in links { Glibc.close(link.listener) }
        ended.store(true, ordering: .releasing)
    }

    private func obey(_ orders: Orders, _ connections: inout [Connection]) {
        for index in connections.indices {
            if orders.resets.contains(connections[index].link) {
                var linger = linger(l_onoff: 1, l_linger: 0)
                setsockopt(
                    connections[index].client, SOL_SOCKET, SO_LINGER, &linger,
                    socklen_t(MemoryLayout<Glibc.linger>.size))
                connections[index].isDead = true
                touch(connections[index].link)
            } else if orders.halfOpens.contains(connections[index].link), !connections[index].isHalfOpen {
                connections[index].isHalfOpen = true
                Glibc.close(connections[index].server)
                connections[index].server = -1
            }
        }
    }

    private static func close(_ connection: Connection) {
        Glibc.close(connection.client)
        if connection.server >= 0 { Glibc.close(connection.server) }
    }

    /// Waits for at most 5 ms, accepts, reads and writes.
    private func turn(_ modes: [Mode], _ connections: inout [Connection], _ random: inout SplitMix64) {
        let now = Clock.now
        var polls: [pollfd] = links.indices.map { index in
            pollfd(
                fd: modes[index] == .hold ? -1 : links[index].listener, events: Int16(POLLIN), revents: 0)
        }
        for connection in connections {
            let isHeld = modes[connection.link] == .hold || connection.isHalfOpen
            func events(_ from: Pipe, _ to: Pipe) -> Int16 {
                (from.size < Self.sizeMax && !from.isClosed ? Int16(POLLIN) : 0)
                    | (to.isReady(now) ? Int16(POLLOUT) : 0)
            }
            let client = events(connection.upward, connection.downward)
            let server = events(connection.downward, connection.upward)
            polls.append(
                pollfd(fd: isHeld || client == 0 ? -1 : connection.client, events: client, revents: 0))
            polls.append(
                pollfd(fd: isHeld || server == 0 ? -1 : connection.server, events: server, revents: 0))
        }
        let isAnything = poll(&polls, nfds_t(polls.count), 5) > 0
        for index in connections.indices { noticeHeld(&connections[index], modes) }
        guard isAnything else { return }
        let count = connections.count
        for index in 0..<count {
            let base = links.count + 2 * index
            let mode = modes[connections[index].link]
            serve(&connections[index], mode, polls[base].revents, polls[base + 1].revents, &random)
        }
        for index in links.indices where polls[index].revents & Int16(POLLIN) != 0 {
            if let connection = accept(index, modes[index]) { connections.append(connection) }
        }
    }

    /// Counts a connection once for each time that bytes wait on it and are not carried.
    private func noticeHeld(_ connection: inout Connection, _ modes: [Mode]) {
        guard modes[connection.link] == .hold || connection.isHalfOpen else {
            connection.isTouched = false
            return
        }
        guard !connection.isTouched else { return }
        var byte: UInt8 = 0
        for socket in [connection.client, connection.server] where socket >= 0 {
            if recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0 {
                connection.isTouched = true
            }
        }
        if connection.isTouched { touch(connection.link) }
    }

    private func accept(_ index: Int, _ mode: Mode) -> Connection? {
        let client = Glibc.accept(links[index].listener, nil, nil)
        guard client >= 0 else { return nil }
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        _ = fcntl(client, F_SETFL, O_NONBLOCK)
        if mode == .refuse {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
            Glibc.close(client)
            touch(index)
            return nil
        }
        // Loopback connects at once or not at all.
        guard let server = links[index].target.connect() else {
            Glibc.close(client)
            return nil
        }
        _ = fcntl(server, F_SETFL, O_NONBLOCK)
        var one: Int32 = 1
        for socket in [client, server] {
            setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        }
        return Connection(link: index, client: client, server: server)
    }

    private func serve(
        _ connection: inout Connection, _ mode: Mode, _ client: Int16, _ server: Int16,
        _ random: inout SplitMix64
    ) {
        let isReadable = Int16(POLLIN) | Int16(POLLHUP) | Int16(POLLERR)
        let link = connection.link
        if client & isReadable != 0 {
            read(connection.client, &connection.upward, mode, &random) { bytes, _ in
                counts.withLock { $0.asked[link] += 1 }
                if case .delay = mode { touch(link) }
                connection.isReplication = connection.isReplication || Self.isReplication(bytes)
            }
        }
        if server & isReadable != 0 {
            let isReplication = connection.isReplication
            read(connection.server, &connection.downward, mode, &random) { bytes, random in
                guard case .garbage(let oneIn) = mode, !isReplication,
                    Int.random(in: 0..<oneIn, using: &random) == 0
                else { return }
                Self.garble(&bytes, &random)
                touch(link)
            }
        }
        let now = Clock.now
        Self.write(connection.server, &connection.upward, now)
        Self.write(connection.client, &connection.downward, now)
        connection.isDead =
            connection.upward.isClosed && connection.upward.pieces.isEmpty
            || connection.downward.isClosed && connection.downward.pieces.isEmpty
    }

    private static func isReplication(_ bytes: [UInt8]) -> Bool {
        bytes.count < 200 && String(decoding: bytes, as: UTF8.self).uppercased().contains("REPLCONF")
    }

    private static func garble(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        let at = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[at] ^= UInt8.random(in: 1...255, using: &random)
        case 1: bytes += bytes[at...]
        case 2: bytes.removeSubrange(at...)
        default:
            bytes.insert(
                contentsOf: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }, at: at)
        }
    }

    private func read(
        _ socket: Int32, _ pipe: inout Pipe, _ mode: Mode, _ random: inout SplitMix64,
        _ change: (inout [UInt8], inout SplitMix64) -> Void
    ) {
        guard !pipe.isClosed else { return }
        var result = 0
        var bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            result = recv(socket, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            count = max(0, result)
        }
        guard result > 0 else {
            pipe.isClosed = result == 0 || errno != EAGAIN
            return
        }
        change(&bytes, &random)
        guard !bytes.isEmpty else { return }
        var release: Int64 = 0
        if case .delay(let milliseconds) = mode {
            release =
                Clock.now + Int64.random(in: milliseconds...2 * milliseconds, using: &random) * 1_000_000
        }
        release = max(release, pipe.pieces.last?.release ?? 0)
        pipe.size += bytes.count
        pipe.pieces.append(Piece(bytes: bytes, release: release))
    }

    private static func write(_ socket: Int32, _ pipe: inout Pipe, _ now: Int64) {
        while socket >= 0, let piece = pipe.pieces.first, piece.release <= now {
            let sent = send(socket, piece.bytes, piece.bytes.count, Int32(MSG_NOSIGNAL))
            if sent < 0, errno != EAGAIN {
                pipe.isClosed = true
                pipe.pieces = []
                return
            }
            guard sent > 0 else { return }
            pipe.size -= sent
            if sent == piece.bytes.count {
                pipe.pieces.removeFirst()
            } else {
                pipe.pieces[0].bytes.removeFirst(sent)
            }
        }
    }
}
