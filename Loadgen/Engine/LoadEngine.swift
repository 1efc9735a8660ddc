internal import Arrivals
internal import FIX
internal import Telemetry

/// Drives one run: an open model of requests over FIX sessions, from the thread that calls `run`.
///
/// The schedule of arrivals is drawn beforehand (`ArrivalSchedule`), the requests by `Workload`; this type only
/// keeps the times. One loop does everything:
///
/// 1. every arrival whose time has come is written into the buffer of its session (round robin);
/// 2. each touched session is flushed with one `send`;
/// 3. `epoll_pwait2` waits until the next arrival's nanosecond or for readable sessions;
/// 4. replies are parsed and matched to their requests.
///
/// Each request has three times: *intended* by the schedule, *sent* after the flush, *done* when its first final
/// answer was read. Response time = done - intended, service time = done - sent, send lag = sent - intended. A target
/// that stalls delays answers, never arrivals, so waiting is not omitted from the response times.
///
/// A request is done by the first of: ExecutionReport New, Rejected or Trade for a new order; Canceled for a cancel,
/// Replaced for a replace; OrderCancelReject for these two; Reject and BusinessMessageReject for all. When a
/// connection breaks, its unanswered requests count as *unknown* and are never sent again: whether they were
/// executed is the target's knowledge. Answers to them that arrive later (resent by the target after a new logon)
/// go to the acknowledgement log and are counted as late, but stay unknown.
@safe
public final class LoadEngine {
    static let batchMax = 256
    static let housekeepingStep: UInt64 = 100_000_000
    static let abandonedMax = 16_384
    private static let logonTimeout: UInt64 = 10_000_000_000
    private static let logoutTimeout: UInt64 = 2_000_000_000
    private static let interruptTimeout: UInt64 = 2_000_000_000

    let configuration: LoadConfiguration
    let stop: StopFlag
    let ids: ClientOrderID
    let timeout: UInt64
    let symbols: [[UInt8]]
    var workload: Workload
    var schedule: ArrivalSchedule
    var evictions: Xoshiro256
    var poller: Poller
    var fields = FieldIndex()
    var connections: [Connection] = []
    let table: RequestTable
    var recorder = RunRecorder()
    let ackLog: AckLog?
    var result = LoadResult()

    /// Monotonic time of the schedule's zero.
    var base: UInt64 = 0
    /// The next arrival, nanoseconds after `base`; nil after the last.
    var nextArrival: UInt64?
    var nextID: UInt64 = 1
    var inFlight = 0
    var isSaturated = false
    /// Requests in the order sent, for timeouts.
    var sentOrder = SlotQueue()
    var abandoned = SlotQueue()
    /// Slots sent in the current batch, to be stamped after the flush.
    var batch: [Int32] = []
    var dirty: [Connection] = []
    private var nextHousekeeping: UInt64 = 0
    private var nextInterval: UInt64 = 0
    private var intervalCPU = 0.0
    private let onProgress: (LoadProgress) -> Void

    /// A run, not started.
    ///
    /// - Parameters:
    ///   - configuration: what to do.
    ///   - stop: asks for an early end.
    ///   - onProgress: called once a second on the engine's thread; must return quickly.
    /// - Throws: `LoadError` for a value out of range or a log file that cannot be opened.
    public init(
        _ configuration: LoadConfiguration, stop: StopFlag = StopFlag(),
        onProgress: @escaping (LoadProgress) -> Void = { _ in }
    ) throws(LoadError) {
        try configuration.validate()
        self.configuration = configuration
        self.stop = stop
        self.onProgress = onProgress
        let run = configuration.runNumber ?? UInt64(max(0, MonotonicClock.wallMicroseconds() / 1_000))
        ids = ClientOrderID(run: run)
        timeout = configuration.timeoutNanoseconds
        symbols = configuration.instruments.instruments.map { Array($0.symbol.utf8) }
        workload = Workload(configuration.workload, instruments: configuration.instruments, seed: configuration.seed)
        schedule = ArrivalSchedule(configuration.process, profile: configuration.profile, seed: configuration.seed)
        evictions = Xoshiro256(seed: configuration.seed, stream: "eviction")
        poller = try Poller()
        table = RequestTable(
            capacity: 2 * configuration.maxInFlight + configuration.sessions * configuration.openOrdersPerSession
                + Self.abandonedMax)
        ackLog = try configuration.ackLogPath.map { path throws(LoadError) in try AckLog(path: path) }
        batch.reserveCapacity(Self.batchMax)
        connections = (0..<configuration.sessions).map { index in
            Connection(
                index: index, compID: "\(configuration.senderPrefix)\(index + 1)",
                configuration: Self.session(configuration, index, resets: true))
        }
    }

    static func session(_ configuration: LoadConfiguration, _ index: Int, resets: Bool) -> SessionConfiguration {
        let compID = "\(configuration.senderPrefix)\(index + 1)"
        let header = HeaderTemplate(sender: Array(compID.utf8), target: Array(configuration.targetCompID.utf8))
        var session = SessionConfiguration(role: .initiator, header: header)
        session.heartbeatSeconds = configuration.heartbeatSeconds
        session.resetsOnLogon = resets
        if !configuration.password.isEmpty {
            session.username = configuration.username.isEmpty ? compID : configuration.username
            session.password = configuration.password
        }
        return session
    }

    /// Logs on, follows the schedule, waits for the answers, logs out; blocks until all is done.
    ///
    /// - Throws: `LoadError` when the sessions cannot log on at the start.
    public func run() throws(LoadError) -> LoadResult {
        try logOnAll()
        result.isRealtime = configuration.wantsRealtime && ThreadPriority.raise()
        defer { if result.isRealtime { ThreadPriority.restore() } }
        let witness = SleepWitness()
        witness.start()
        let cpu = ProcessMetrics.threadCPUSeconds()
        let wait = ProcessMetrics.threadRunQueueWaitSeconds()
        begin()
        drive()
        let wall = Double(MonotonicClock.now() - base) / 1e9
        result.cpuRatio = (ProcessMetrics.threadCPUSeconds() - cpu) / wall
        result.runQueueWaitRatio = (ProcessMetrics.threadRunQueueWaitSeconds() - wait) / wall
        result.wallSeconds = wall
        result.witness = witness.stop()
        logOutAll()
        return finish()
    }

    private func begin() {
        base = MonotonicClock.now() + 20_000_000
        result.startedAt = MonotonicClock.wallMicroseconds() + 20_000
        result.expected = configuration.profile.mass
        nextArrival = schedule.next()
        nextHousekeeping = base
        nextInterval = base + 1_000_000_000
        intervalCPU = ProcessMetrics.threadCPUSeconds()
    }

    /// The loop, until the last answer has come or been given up.
    private func drive() {
        var interruptedAt: UInt64?
        while true {
            var now = MonotonicClock.now()
            let turn = now
            if stop.isSet, interruptedAt == nil {
                interruptedAt = now
                nextArrival = nil
                result.isInterrupted = true
            }
            if interruptedAt.map({ now - $0 > Self.interruptTimeout }) ?? false { abandonAll(now) }
            if nextArrival == nil && inFlight == 0 { break }
            sendDue(now)
            now = MonotonicClock.now()
            if now >= nextHousekeeping { keepHouse(now) }
            if now >= nextInterval { closeIntervals(now) }
            rest(since: turn, now)
            serve(until: deadline(), now: now)
        }
    }

    /// Sleeps until the turn that began at `turn` has lasted its least time.
    private func rest(since turn: UInt64, _ now: UInt64) {
        let end = turn + configuration.coalescingNanoseconds
        if now < end { MonotonicClock.sleep(until: end) }
    }

    private func deadline() -> UInt64 {
        let soonest = min(nextHousekeeping, nextInterval)
        guard let nextArrival, !isSaturated else { return soonest }
        return min(base + nextArrival, soonest)
    }

    /// Ten times a second: timeouts, heartbeats, reconnects, and the log's flush.
    private func keepHouse(_ now: UInt64) {
        nextHousekeeping = now + Self.housekeepingStep
        expire(now)
        tickConnections(now)
        ackLog?.flush()
    }

    private func closeIntervals(_ now: UInt64) {
        let cpu = ProcessMetrics.threadCPUSeconds()
        while now >= nextInterval {
            let sessionsUp = connections.count { $0.isUp }
            recorder.closeInterval(inFlight: inFlight, sessionsUp: sessionsUp, cpuRatio: cpu - intervalCPU)
            intervalCPU = cpu
            nextInterval += 1_000_000_000
        }
        guard let interval = recorder.series.last else { return }
        onProgress(
            LoadProgress(
                elapsed: Double(now - base) / 1e9, length: configuration.profile.seconds, interval: interval,
                sent: recorder.sent, errors: recorder.errors, sessions: connections.count))
    }

    // MARK: Start and end

    private func logOnAll() throws(LoadError) {
        let start = MonotonicClock.now()
        base = start
        for connection in connections { connect(connection, now: start) }
        while !connections.allSatisfy(\.isUp) {
            let now = MonotonicClock.now()
            if stop.isSet { throw LoadError(.connection, "interrupted before the sessions were logged on") }
            if let failed = connections.first(where: { $0.hasFailed }), !configuration.reconnects {
                throw LoadError(
                    .connection, "\(configuration.target): session \(text(failed)) could not log on; is the target up?")
            }
            guard now - start < Self.logonTimeout else {
                let missing = connections.count { !$0.isUp }
                throw LoadError(
                    .connection, "\(configuration.target): \(missing) of \(connections.count) sessions not logged on")
            }
            tickConnections(now)
            serve(until: now + 50_000_000, now: now)
        }
        result.disconnects = 0
        result.reconnects = 0
        result.sequenceResets = 0
    }

    private func logOutAll() {
        let start = MonotonicClock.now()
        let wall = MonotonicClock.wallMicroseconds()
        for connection in connections where connection.isUp {
            connection.machine.logout(now: wall, into: &connection.writer)
            markDirty(connection)
        }
        flushDirty()
        isLeaving = true
        while connections.contains(where: \.isUp), MonotonicClock.now() - start < Self.logoutTimeout {
            serve(until: MonotonicClock.now() + 50_000_000, now: MonotonicClock.now())
        }
        for connection in connections { connection.socket = nil }
        ackLog?.flush()
    }

    /// Lost connections are expected from here on.
    var isLeaving = false

    private func finish() -> LoadResult {
        if recorder.hasOpenInterval {
            recorder.closeInterval(inFlight: inFlight, sessionsUp: 0, cpuRatio: 0)
        }
        result.operations = recorder.operations
        result.lag = recorder.lag
        result.offered = recorder.offered
        result.sent = recorder.sent
        result.series = recorder.series
        result.refusals = recorder.refusals
        result.ackLogLines = ackLog?.lines ?? 0
        result.isAckLogIncomplete = ackLog?.hasFailed ?? false
        return result
    }

    func text(_ connection: Connection) -> String { String(decoding: connection.compID, as: UTF8.self) }
}

/// Slots with their requests' ids, first in first out.
struct SlotQueue {
    private var entries: [(slot: Int32, id: UInt64)] = []
    private var head = 0

    var count: Int { entries.count - head }
    var first: (slot: Int32, id: UInt64)? { head < entries.count ? entries[head] : nil }
    var all: ArraySlice<(slot: Int32, id: UInt64)> { entries[head...] }

    mutating func append(_ slot: Int32, _ id: UInt64) { entries.append((slot, id)) }

    mutating func removeFirst() {
        head += 1
        guard head > 8_192, head > entries.count / 2 else { return }
        entries.removeFirst(head)
        head = 0
    }
}
