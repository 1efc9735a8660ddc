import FIX
import Glibc
import Synchronization

/// The cheapest honest target: a FIX acceptor on a thread of its own that acknowledges every request at once.
///
/// One new order in three is also filled, so that the generator sees trades and forgets filled orders.
final class Acker: @unchecked Sendable {  // everything but the atomics belongs to its thread
    private final class Peer {
        let descriptor: Int32
        var compID: [UInt8] = []
        var machine: SessionMachine?
        var writer = FrameWriter()
        var input: [UInt8] = []

        init(_ descriptor: Int32) { self.descriptor = descriptor }
    }

    let port: UInt16
    private let listener: Int32
    private let isStopped = Atomic<Bool>(false)
    private let isDone = Atomic<Bool>(false)
    private var peers: [Peer] = []
    private var fields = FieldIndex()
    private var chunk = [UInt8](repeating: 0, count: 65_536)
    private var orders: Int64 = 0

    /// Listens on loopback; port 0 takes a free one.
    init?(port wanted: UInt16 = 0) {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = wanted.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        let descriptor = listener
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 512) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isBound else { return nil }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<Acker>.fromOpaque(raw).takeRetainedValue().loop() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(thread)
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        while !isDone.load(ordering: .acquiring) { usleep(1_000) }
    }

    private func loop() {
        var polled: [pollfd] = []
        while !isStopped.load(ordering: .relaxed) {
            if polled.count != peers.count + 1 {
                polled = ([listener] + peers.map(\.descriptor)).map {
                    pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
                }
            }
            guard poll(&polled, nfds_t(polled.count), 50) > 0 else { continue }
            for index in peers.indices.reversed() where polled[index + 1].revents != 0 && !serve(peers[index]) {
                close(peers[index].descriptor)
                peers.remove(at: index)
            }
            guard polled[0].revents != 0 else { continue }
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { continue }
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
            peers.append(Peer(descriptor))
        }
        for peer in peers { close(peer.descriptor) }
        close(listener)
        isDone.store(true, ordering: .releasing)
    }

    private func serve(_ peer: Peer) -> Bool {
        let got = read(peer.descriptor, &chunk, chunk.count)
        guard got > 0 else { return false }
        peer.input += chunk[..<got]
        var start = 0
        var isAlive = true
        while isAlive {
            let result = peer.input.withUnsafeBytes {
                FrameScanner.scan(UnsafeRawBufferPointer(rebasing: $0[start...]))
            }
            guard case .frame(let length) = result else { break }
            _ = peer.input.withUnsafeBytes {
                fields.parse(UnsafeRawBufferPointer(rebasing: $0[start..<start + length]))
            }
            start += length
            isAlive = take(peer)
        }
        peer.input.removeFirst(start)
        peer.writer.withBytes { _ = send(peer.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        peer.writer.removeAll()
        return isAlive
    }

    private func take(_ peer: Peer) -> Bool {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        if peer.machine == nil {
            peer.compID = fields.bytes(Tag.senderCompID) ?? []
            let header = HeaderTemplate(sender: fields.bytes(Tag.targetCompID) ?? [], target: peer.compID)
            peer.machine = SessionMachine(SessionConfiguration(role: .acceptor, header: header))
            peer.machine?.connected(now: now, into: &peer.writer)
        }
        switch peer.machine?.received(fields, now: now, into: &peer.writer) {
        case .deliver: answer(peer, now)
        case .close, nil: return false
        case .handled, .established, .resend: break
        }
        return true
    }

    private func answer(_ peer: Peer, _ now: Int64) {
        orders += 1
        switch fields.messageType {
        case .orderCancelRequest: report(peer, "4", "4", now)
        case .orderCancelReplaceRequest: report(peer, "5", "0", now)
        default:
            report(peer, "0", "0", now)
            if orders % 3 == 0 { report(peer, "F", "2", now) }
        }
    }

    private func report(_ peer: Peer, _ type: Unicode.Scalar, _ status: Unicode.Scalar, _ now: Int64) {
        peer.machine?.begin(.executionReport, now: now, into: &peer.writer)
        peer.writer.append(Tag.avgPx, 0)
        copy(Tag.clOrdID, peer)
        peer.writer.append(Tag.cumQty, 0)
        peer.writer.append(Tag.execID, orders)
        peer.writer.append(Tag.orderID, orders)
        peer.writer.append(Tag.ordStatus, char: UInt8(ascii: status))
        copy(Tag.origClOrdID, peer)
        copy(Tag.side, peer)
        copy(Tag.symbol, peer)
        peer.writer.append(Tag.execType, char: UInt8(ascii: type))
        peer.writer.append(Tag.leavesQty, 0)
        peer.writer.finish()
    }

    private func copy(_ tag: Int, _ peer: Peer) {
        guard let index = fields.find(tag) else { return }
        fields.withValue(at: index) { peer.writer.append(tag, span: $0) }
    }
}
