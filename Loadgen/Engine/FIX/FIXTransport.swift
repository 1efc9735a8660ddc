internal import Arrivals
internal import FIX
internal import Telemetry

/// FIX 4.4 sessions as a transport: NewOrderSingle, OrderCancelRequest, OrderCancelReplaceRequest and their answers.
///
/// A request is done by the first of: ExecutionReport New, Rejected or Trade for a new order; Canceled for a cancel,
/// Replaced for a replace; OrderCancelReject for these two; Reject and BusinessMessageReject for all. When a
/// connection breaks, its unanswered requests count as *unknown* and are never sent again: whether they were
/// executed is the target's knowledge. Answers to them that arrive later (resent by the target after a new logon)
/// go to the acknowledgement log and are counted as late, but stay unknown.
///
/// New orders go round the sessions; a cancel or replace goes to the session that placed its order. Without a bound
/// `id` it takes a random open order of the session whose turn it is, or becomes a new order where that has none.
@safe
final class FIXTransport: Transport {
    static let abandonedMax = 16_384
    private static let logonTimeout: UInt64 = 10_000_000_000
    private static let logoutTimeout: UInt64 = 2_000_000_000

    let target: FIXTarget
    let plan: TargetPlan
    let operations: [OperationPlan]
    /// What a cancel or replace without an order becomes: the plan's first NewOrderSingle, -1 where it has none.
    let newOrderOperation: Int32
    let saves: [[SavePlan]]
    let seed: UInt64
    let streams: any StreamSource
    let poller: Poller
    let clock: RunClock
    let ids: ClientOrderID
    let symbols: [[UInt8]]
    let instrumentOf: [SymbolWord: Int32]
    let workload: Workload
    var evictions: Xoshiro256
    var fields = FieldIndex()
    var sessions: [FIXSession] = []
    let orders: OrderTable
    let openOrdersMax: Int
    let ackLog: AckLog?
    var counters = TransportCounters()
    var sink: any CompletionSink = NoSink()
    var nextID: UInt64 = 1
    /// Slots given up, oldest first.
    var abandoned = FIFO<(slot: Int32, id: UInt64)>()
    var dirty: [FIXSession] = []
    /// Wall clock of the batch that is being written, microseconds; 0 before its first request.
    var batchWall: Int64 = 0
    private var startedAt: UInt64 = 0
    private var leftAt: UInt64?
    /// Lost connections are expected from here on.
    var isLeaving: Bool { leftAt != nil }

    /// Sessions of a checked plan, not connected.
    init(_ setting: TransportSetting, _ target: FIXTarget, _ streams: any StreamSource) throws(LoadError) {
        guard let drawing = setting.plan.orders else {
            throw LoadError(.configuration, "a FIX target needs instruments to trade")
        }
        self.target = target
        plan = setting.plan.target
        operations = setting.plan.operations
        newOrderOperation = Int32(
            operations.firstIndex { if case .newOrder = $0.request { true } else { false } } ?? -1)
        saves = setting.saves
        seed = setting.plan.seed
        self.streams = streams
        poller = setting.poller
        clock = setting.clock
        ids = ClientOrderID(run: target.runNumber ?? UInt64(max(0, MonotonicClock.wallMicroseconds() / 1_000)))
        symbols = drawing.instruments.instruments.map { Array($0.symbol.utf8) }
        instrumentOf = Dictionary(
            symbols.enumerated().map { (SymbolWord($1.span), Int32($0)) }, uniquingKeysWith: { first, _ in first })
        workload = Workload(drawing.workload, instruments: drawing.instruments, seed: seed)
        evictions = Xoshiro256(seed: seed, stream: "eviction")
        let fixed = 2 * plan.maxInFlight + Self.abandonedMax
        let room = max(0, ClientOrderID.slotMax + 1 - fixed)
        openOrdersMax = max(1, min(target.openOrdersPerSession, room / plan.connections))
        orders = OrderTable(capacity: min(fixed + plan.connections * openOrdersMax, ClientOrderID.slotMax + 1))
        ackLog = try target.ackLogPath.map { path throws(LoadError) in try AckLog(path: path) }
        makeSessions()
    }

    private func makeSessions() {
        // Four kilobytes hold a frame several times over; few sessions get room for bursts.
        let inputCapacity = plan.connections <= 64 ? 1 << 18 : plan.connections <= 1_024 ? 1 << 16 : 1 << 15
        let sequences = plan.connections <= 512 ? 1 << 13 : 1 << 9
        sessions = (0..<plan.connections).map { index in
            FIXSession(
                index: index, compID: "\(target.senderPrefix)\(target.sessionFirst + index)",
                configuration: configuration(index, resets: true), inputCapacity: inputCapacity, sequences: sequences)
        }
    }

    func configuration(_ index: Int, resets: Bool) -> SessionConfiguration {
        let compID = "\(target.senderPrefix)\(target.sessionFirst + index)"
        let header = HeaderTemplate(sender: Array(compID.utf8), target: Array(target.targetCompID.utf8))
        var session = SessionConfiguration(role: .initiator, header: header)
        session.heartbeatSeconds = target.heartbeatSeconds
        session.resetsOnLogon = resets
        if !target.password.isEmpty {
            session.username = target.username.isEmpty ? compID : target.username
            session.password = target.password
        }
        return session
    }

    var connections: Int { sessions.count }
    var connectionsUp: Int { sessions.count { $0.isUp } }

    // MARK: Start and end

    func start(_ sink: any CompletionSink, now: UInt64) throws(LoadError) {
        self.sink = sink
        startedAt = now
        for session in sessions { connect(session, now: now) }
    }

    func isReady(now: UInt64) throws(LoadError) -> Bool {
        if sessions.allSatisfy(\.isUp) {
            (counters.disconnects, counters.reconnects, counters.sequenceResets) = (0, 0, 0)
            return true
        }
        if let failed = sessions.first(where: { !$0.failure.isEmpty }), !plan.reconnects {
            let compID = String(decoding: failed.compID, as: UTF8.self)
            throw LoadError(
                .connection,
                "\(plan.endpoint): session \(compID) could not log on (\(failed.failure)); is the target up?")
        }
        guard now - startedAt < Self.logonTimeout else {
            let missing = sessions.count { !$0.isUp }
            throw LoadError(.connection, "\(plan.endpoint): \(missing) of \(sessions.count) sessions not logged on")
        }
        return false
    }

    func leave() {
        leftAt = MonotonicClock.now()
        let wall = MonotonicClock.wallMicroseconds()
        for session in sessions where session.isUp {
            session.machine.logout(now: wall, into: &session.writer)
            markDirty(session)
        }
        flush()
    }

    var hasLeft: Bool {
        guard let leftAt else { return false }
        return !sessions.contains(where: \.isUp) || MonotonicClock.now() - leftAt >= Self.logoutTimeout
    }

    func close() {
        leftAt = leftAt ?? MonotonicClock.now()
        for session in sessions {
            session.stream?.shutDown()
            if let stream = session.stream { poller.remove(stream.descriptor) }
            session.stream = nil
        }
        ackLog?.flush()
        counters.ackLogLines = ackLog?.lines ?? 0
        counters.isAckLogIncomplete = ackLog?.hasFailed ?? false
        sink = NoSink()
    }

    // MARK: Giving up

    func giveUp(_ token: RequestToken, handle: Int32) {
        guard handle >= 0, orders[handle].state == .inFlight, orders[handle].token == token else { return }
        abandon(handle)
    }

    /// Keeps a given-up request a while, so that a late answer is recognised.
    func abandon(_ slot: Int32) {
        removeInFlight(slot)
        orders[slot].state = .abandoned
        releaseTarget(of: slot)
        abandoned.append((slot, orders[slot].id))
        while abandoned.count > Self.abandonedMax, let oldest = abandoned.first {
            abandoned.removeFirst()
            if orders.holds(oldest.slot, oldest.id), orders[oldest.slot].state == .abandoned {
                orders.release(oldest.slot)
            }
        }
    }

    /// The flow that kept this order is over: any cancel of its session may pick it now.
    func forget(_ value: Span<UInt8>) {
        guard var (slot, id) = OrderReference.parse(value) else { return }
        while orders.holds(slot, id), orders[slot].state == .moved {
            let (next, nextID) = (orders[slot].target, orders[slot].targetID)
            orders.release(slot)
            (slot, id) = (next, nextID)
        }
        guard orders.holds(slot, id) else { return }
        orders[slot].isHeld = false
        if orders[slot].state == .held { addOpenOrder(slot) }
    }
}

/// Takes what nobody waits for, before the start and after the end.
final class NoSink: CompletionSink {
    func flushing(_ connection: Int) {}
    func saved(_ token: RequestToken, variable: Int, _ value: Span<UInt8>) {}
    func completed(_ completion: Completion) {}
}

/// A symbol of at most 16 bytes as two words: a key without an allocation.
struct SymbolWord: Hashable {
    var high: UInt64 = 0
    var low: UInt64 = 0

    /// The first 16 bytes.
    init(_ bytes: Span<UInt8>) {
        for index in 0..<min(bytes.count, 16) {
            if index < 8 { high = high << 8 | UInt64(bytes[index]) } else { low = low << 8 | UInt64(bytes[index]) }
        }
    }
}
