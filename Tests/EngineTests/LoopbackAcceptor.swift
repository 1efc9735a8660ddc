import FIX
import Glibc
import Synchronization
import TLS

/// A tiny FIX acceptor on a thread of its own: answers every request by a script, so that tests know the outcomes.
final class LoopbackAcceptor: @unchecked Sendable {  // its thread owns everything but the atomics
    /// What to do with one request.
    enum Action {
        case accept, fill, reject(Int64), cancelReject(Int64), sessionReject, businessReject, ignore, disconnect
        /// Bytes that are no FIX, then the answer; ends its side but keeps reading; a TCP reset; a frame without end.
        case garbage, halfClose, reset, endless
    }

    struct Received: Sendable {
        var session: String
        var type: MessageType
        var clOrdID: String
        var origClOrdID: String?
        var account: Int64
        var symbol: String
        var side: UInt8
        var price: Int64?
        var quantity: Int64
        var trace: String?
    }

    private final class Peer {
        let descriptor: Int32
        var compID = ""
        var machine: SessionMachine?
        var writer = FrameWriter()
        var input: [UInt8] = []
        let tls: TLSSession?

        init(_ descriptor: Int32, _ tls: TLSSession?) { (self.descriptor, self.tls) = (descriptor, tls) }
    }

    let port: UInt16
    private let listener: Int32
    private let script: @Sendable (Int, Received) -> Action
    private let tls: TLSContext?
    private let isStopped = Atomic<Bool>(false)
    private let isDone = Atomic<Bool>(false)
    private let log = Mutex<[Received]>([])
    private var peers: [Peer] = []
    private var numbers: [String: (expected: UInt64, next: UInt64)] = [:]
    private var fields = FieldIndex()
    private var count = 0

    var received: [Received] { log.withLock { $0 } }

    /// - Parameter script: the request's number (from 0) and its content give the action.
    init(
        tls: TLSSettings? = nil, _ script: @escaping @Sendable (Int, Received) -> Action = { _, _ in .accept }
    ) throws {
        self.script = script
        self.tls = try tls.map { try TLSContext($0) }
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        struct CannotListen: Error {}
        guard bound else { throw CannotListen() }
        port = UInt16(bigEndian: address.sin_port)
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<LoopbackAcceptor>.fromOpaque(raw).takeRetainedValue().loop() }
                return nil
            }, me)
        pthread_detach(thread)
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        while !isDone.load(ordering: .acquiring) { usleep(1_000) }
    }

    private func loop() {
        while !isStopped.load(ordering: .relaxed) {
            var polled = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
            polled += peers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            // What libssl has read ahead is in no socket any more.
            let ahead = peers.filter { $0.tls?.hasPendingInput == true }.map(\.descriptor)
            guard poll(&polled, nfds_t(polled.count), ahead.isEmpty ? 20 : 0) > 0 || !ahead.isEmpty else { continue }
            let ready = Set(polled.dropFirst().filter { $0.revents != 0 }.map(\.fd) + ahead)
            if polled[0].revents != 0 {
                let descriptor = Glibc.accept(listener, nil, nil)
                if descriptor >= 0 { admit(descriptor) }
            }
            for peer in peers where ready.contains(peer.descriptor) && !serve(peer) { drop(peer) }
        }
        for peer in peers { close(peer.descriptor) }
        close(listener)
        isDone.store(true, ordering: .releasing)
    }

    private func admit(_ descriptor: Int32) {
        guard let tls else { return peers.append(Peer(descriptor, nil)) }
        guard let session = try? TLSSession(tls, descriptor: descriptor, host: ""), session.handshake() == .done else {
            close(descriptor)
            return
        }
        peers.append(Peer(descriptor, session))
    }

    private func receive(_ peer: Peer, _ chunk: inout [UInt8]) -> Int {
        guard let tls = peer.tls else { return read(peer.descriptor, &chunk, chunk.count) }
        guard case .bytes(let count) = chunk.withUnsafeMutableBytes({ tls.receive(into: $0) }) else { return 0 }
        return count
    }

    private func transmit(_ bytes: UnsafeRawBufferPointer, to peer: Peer) {
        guard let tls = peer.tls else {
            _ = send(peer.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            return
        }
        var rest = bytes[...]
        while !rest.isEmpty, case .bytes(let count) = tls.send(UnsafeRawBufferPointer(rebasing: rest)) {
            rest = rest.dropFirst(count)
        }
    }

    private func drop(_ peer: Peer) {
        if let machine = peer.machine { numbers[peer.compID] = (machine.expected, machine.next) }
        close(peer.descriptor)
        peers.removeAll { $0 === peer }
    }

    private func serve(_ peer: Peer) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let got = receive(peer, &chunk)
        guard got > 0 else { return false }
        peer.input += chunk[..<got]
        var isAlive = true
        while isAlive {
            let result = peer.input.withUnsafeBytes { FrameScanner.scan($0) }
            guard case .frame(let length) = result else { break }
            _ = peer.input.withUnsafeBytes { fields.parse(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
            peer.input.removeFirst(length)
            isAlive = take(peer)
        }
        peer.writer.withBytes { transmit(UnsafeRawBufferPointer($0), to: peer) }
        peer.writer.removeAll()
        return isAlive
    }

    private func take(_ peer: Peer) -> Bool {
        let now = UTC.now()
        if peer.machine == nil {
            peer.compID = fields.string(Tag.senderCompID) ?? ""
            let header = HeaderTemplate(sender: Array("SPRINGTIDE".utf8), target: Array(peer.compID.utf8))
            let known = numbers[peer.compID] ?? (1, 1)
            peer.machine = SessionMachine(
                SessionConfiguration(role: .acceptor, header: header), expected: known.expected, next: known.next)
            peer.machine?.connected(now: now, into: &peer.writer)
        }
        switch peer.machine?.received(fields, now: now, into: &peer.writer) {
        case .deliver: return answer(peer, now)
        case .close, nil: return false
        case .resend(let range):
            let header = HeaderTemplate(sender: Array("SPRINGTIDE".utf8), target: Array(peer.compID.utf8))
            Resender.gapFill(
                range.lowerBound, next: range.upperBound + 1, header: header, now: now, into: &peer.writer)
            return true
        case .handled, .established: return true
        }
    }

    private func answer(_ peer: Peer, _ now: Int64) -> Bool {
        let request = Received(
            session: peer.compID, type: fields.messageType, clOrdID: fields.string(Tag.clOrdID) ?? "",
            origClOrdID: fields.string(Tag.origClOrdID), account: fields.int(Tag.account) ?? -1,
            symbol: fields.string(Tag.symbol) ?? "", side: fields.char(Tag.side) ?? 0,
            price: fields.decimalMilli(Tag.price), quantity: fields.quantity(Tag.orderQty) ?? 0,
            trace: fields.string(Tag.traceParent))
        log.withLock { $0.append(request) }
        let number = count
        count += 1
        let sequence = fields.int(Tag.msgSeqNum) ?? 0
        switch script(number, request) {
        case .accept: accept(peer, request, now)
        case .fill:
            accept(peer, request, now)
            if request.type == .newOrderSingle { report(peer, request, "F", "2", now) }
        case .reject(let code): report(peer, request, "8", "8", now) { $0.append(Tag.ordRejReason, code) }
        case .cancelReject(let code): refuseCancel(peer, request, code, now)
        case .sessionReject:
            peer.machine?.begin(.reject, now: now, into: &peer.writer)
            peer.writer.append(Tag.refSeqNum, sequence)
            peer.writer.append(Tag.sessionRejectReason, 5)
            peer.writer.finish()
        case .businessReject:
            peer.machine?.begin(.businessMessageReject, now: now, into: &peer.writer)
            peer.writer.append(Tag.refSeqNum, sequence)
            peer.writer.append(Tag.refMsgType, text: "D")
            peer.writer.append(Tag.businessRejectReason, 4)
            peer.writer.finish()
        case .ignore: break
        case .disconnect: return false
        case .garbage:
            Array("GET / HTTP/1.1\r\n8=FIX.4.4\u{1}9=5\u{1}junk\u{1}".utf8).withUnsafeBytes {
                peer.writer.append(raw: $0)
            }
            accept(peer, request, now)
        case .halfClose:
            shutdown(peer.descriptor, Int32(SHUT_WR))
        case .reset:
            var abortive = linger(l_onoff: 1, l_linger: 0)
            setsockopt(peer.descriptor, SOL_SOCKET, SO_LINGER, &abortive, socklen_t(MemoryLayout<linger>.size))
            return false
        case .endless:
            Array("8=FIX.4.4\u{1}9=99999999\u{1}35=8\u{1}".utf8).withUnsafeBytes { peer.writer.append(raw: $0) }
        }
        return true
    }

    private func accept(_ peer: Peer, _ request: Received, _ now: Int64) {
        switch request.type {
        case .orderCancelRequest: report(peer, request, "4", "4", now)
        case .orderCancelReplaceRequest: report(peer, request, "5", "0", now)
        default: report(peer, request, "0", "0", now)
        }
    }

    private func report(
        _ peer: Peer, _ request: Received, _ type: String, _ status: String, _ now: Int64,
        _ more: (inout FrameWriter) -> Void = { _ in }
    ) {
        peer.machine?.begin(.executionReport, now: now, into: &peer.writer)
        peer.writer.append(Tag.avgPx, 0)
        peer.writer.append(Tag.clOrdID, text: request.clOrdID)
        peer.writer.append(Tag.cumQty, 0)
        peer.writer.append(Tag.execID, Int64(1_000 + count))
        peer.writer.append(Tag.orderID, Int64(count))
        peer.writer.append(Tag.ordStatus, text: status)
        if let original = request.origClOrdID { peer.writer.append(Tag.origClOrdID, text: original) }
        peer.writer.append(Tag.side, char: request.side)
        peer.writer.append(Tag.symbol, text: request.symbol)
        more(&peer.writer)
        peer.writer.append(Tag.execType, text: type)
        peer.writer.append(Tag.leavesQty, 0)
        peer.writer.finish()
    }

    private func refuseCancel(_ peer: Peer, _ request: Received, _ code: Int64, _ now: Int64) {
        peer.machine?.begin(.orderCancelReject, now: now, into: &peer.writer)
        peer.writer.append(Tag.clOrdID, text: request.clOrdID)
        peer.writer.append(Tag.orderID, Int64(count))
        peer.writer.append(Tag.ordStatus, text: "2")
        peer.writer.append(Tag.origClOrdID, text: request.origClOrdID ?? "NONE")
        peer.writer.append(Tag.cxlRejReason, code)
        peer.writer.append(Tag.cxlRejResponseTo, 1)
        peer.writer.finish()
    }
}

enum UTC {
    /// Microseconds since 1970.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
