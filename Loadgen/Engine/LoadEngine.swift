internal import Arrivals
internal import Telemetry

/// Drives one run of a plan from the thread that calls `run`.
///
/// What is due when is drawn beforehand (`ArrivalSchedule`, `UserChanges`) or follows from answers (think times of users
/// and flows, in a `TimerHeap`); what is sent is a function of the seed and the iteration's number (`IterationKey`). This
/// type only keeps the times. One loop does everything:
///
/// 1. every request whose time has come is handed to the transport, which writes it into a connection's buffer;
/// 2. each touched connection is flushed with one `send`;
/// 3. `epoll_pwait2` waits until the next request's nanosecond or for readable connections;
/// 4. replies are parsed and matched to their requests, and what follows them is put on the heap.
///
/// Each request has three times: *intended* by the schedule (for users and later steps of a flow: the end of the request
/// before plus the think time), *sent* as its flush begins, *done* when its final answer was read. Response time = done -
/// intended, service time = done - sent, send lag = sent - intended. A target that stalls delays answers, never arrivals,
/// so waiting is not omitted from the response times.
///
/// While `maxInFlight` requests or all windows are unanswered, requests wait in the order they were due (`queue`) or are
/// dropped (`drop`). A request that waits for one full window holds back those behind it, also where another connection
/// had room. A request costs O(1), users and thinking flows O(log n); nothing is allocated once tables have grown.
@safe
public final class LoadEngine {
    static let batchMax = 256
    static let housekeepingStep: UInt64 = 100_000_000
    /// A user whose request could not even be sent waits this long at least: no busy loop against a dead target.
    static let failedPause: UInt64 = 100_000_000
    private static let interruptTimeout: UInt64 = 2_000_000_000
    private static let leadTime: UInt64 = 20_000_000
    private static let startWaitMax: UInt64 = 60_000_000_000

    /// Memory of one user: itself, its running iteration, its place on the heap.
    package static var bytesPerUser: Int {
        MemoryLayout<User>.stride + IterationTable.stride + TimerHeap.stride
    }

    let plan: LoadPlan
    let names: PlanNames
    let compiled: CompiledPlan
    let stop: StopFlag
    let clock: RunClock
    let poller: Poller
    let transport: any Transport
    let samples: (any SampleSink)?
    let timeout: UInt64
    let requests: RequestTable
    let mixes: DrawStream
    let thinks: DrawStream
    let chances: DrawStream
    let values = FieldValues()
    var iterations = IterationTable()
    var variables = VariableTable()
    var users: [User] = []
    var scenarios: [ScenarioRun] = []
    var heap = TimerHeap()
    var recorder: RunRecorder
    var result = RunResult()

    /// Monotonic time of the run's zero.
    var base: UInt64 = 0
    var inFlight = 0
    /// Iterations whose request found no room, in the order they were due.
    var waiting = FIFO<Int32>()
    /// Nothing was answered since a request found no room.
    var isBlocked = false
    /// Iterations neither ended nor cut.
    var liveIterations = 0
    /// Users that are not told to leave.
    var usersHere = 0
    /// Requests in the order sent, for timeouts.
    var sentOrder = FIFO<RequestToken>()
    /// Requests handed over since the last flush, to be stamped after it.
    var batch: [RequestToken] = []
    /// When each connection was flushed last, monotonic nanoseconds.
    var flushes: [UInt64] = []
    private var nextHousekeeping: UInt64 = 0
    private var nextInterval: UInt64 = 0
    private var nextReport: UInt64 = 0
    private var intervalCPU = 0.0
    private var stoppedAt: UInt64?
    private let intervalLength: UInt64
    private let onProgress: (LoadProgress) -> Void

    /// A run, not started.
    ///
    /// - Parameters:
    ///   - plan: what to do.
    ///   - stop: asks for an early end.
    ///   - samples: gets every finished request.
    ///   - onProgress: called at most once a second on the engine's thread; must return quickly.
    /// - Throws: `LoadError` for a value out of range or a log file that cannot be opened.
    public convenience init(
        _ plan: LoadPlan, stop: StopFlag = StopFlag(), samples: (any SampleSink)? = nil,
        onProgress: @escaping (LoadProgress) -> Void = { _ in }
    ) throws(LoadError) {
        try self.init(plan, clock: .monotonic, stop: stop, samples: samples, onProgress: onProgress)
    }

    /// A run by another clock; simulated time needs an in-process target.
    package init(
        _ plan: LoadPlan, clock: RunClock, stop: StopFlag = StopFlag(), samples: (any SampleSink)? = nil,
        onProgress: @escaping (LoadProgress) -> Void = { _ in }
    ) throws(LoadError) {
        try plan.validate()
        self.plan = plan
        self.clock = clock
        self.stop = stop
        self.samples = samples
        self.onProgress = onProgress
        names = PlanNames(plan)
        compiled = CompiledPlan(plan)
        timeout = plan.target.timeoutNanoseconds
        intervalLength = UInt64(plan.recording.intervalSeconds * 1e9)
        requests = RequestTable(capacity: plan.target.maxInFlight)
        mixes = DrawStream(seed: plan.seed, name: "mix")
        thinks = DrawStream(seed: plan.seed, name: "think")
        chances = DrawStream(seed: plan.seed, name: "probability")
        recorder = RunRecorder(plan, rows: compiled.rows)
        poller = try Poller()
        transport = try TransportChoice.make(
            TransportSetting(plan: plan, saves: compiled.saves, poller: poller, clock: clock))
        batch.reserveCapacity(Self.batchMax)
        flushes = [UInt64](repeating: 0, count: transport.connections)
        for (index, scenario) in plan.scenarios.enumerated() {
            scenarios.append(ScenarioRun(scenario, index: index, plan: plan, firstUser: users.count))
            users += [User](repeating: User(scenario: Int16(index)), count: scenarios[index].ownUsers)
        }
    }

    /// Connects, follows the plan, waits for the answers, disconnects; blocks until all is done. Once only.
    ///
    /// - Throws: `LoadError` when the connections cannot be made at the start.
    public func run() throws(LoadError) -> RunResult {
        Poller.setTimerSlack(plan.pacing.timerSlackNanoseconds)
        defer { Poller.setTimerSlack(0) }
        defer { transport.close() }
        try connect()
        result.isRealtime = plan.pacing.wantsRealtime && plan.pacing.mode != .spin && ThreadPriority.raise()
        defer { if result.isRealtime { ThreadPriority.restore() } }
        let witness = clock.isSimulated ? nil : SleepWitness()
        witness?.start()
        let (cpu, wait) = (cpuSeconds(), clock.isSimulated ? 0 : ProcessMetrics.threadRunQueueWaitSeconds())
        begin()
        drive()
        let end = clock.now()
        let wall = end > base ? Double(end - base) / 1e9 : 0
        result.cpuRatio = wall > 0 ? (cpuSeconds() - cpu) / wall : 0
        if !clock.isSimulated, wall > 0 {
            result.runQueueWaitRatio = (ProcessMetrics.threadRunQueueWaitSeconds() - wait) / wall
        }
        result.wallSeconds = wall
        if let witness { result.witness = witness.stop() }
        disconnect()
        return finish()
    }

    /// CPU time of this thread; none in simulated time.
    func cpuSeconds() -> Double { clock.isSimulated ? 0 : ProcessMetrics.threadCPUSeconds() }

    private func begin() {
        let lead = clock.isSimulated ? 0 : Self.leadTime
        let now = clock.now()
        base = max(now + lead, clock.isSimulated ? 0 : min(plan.startAt, now + Self.startWaitMax))
        result.startedAt = MonotonicClock.wallMicroseconds() + Int64((base - now) / 1_000)
        nextHousekeeping = base
        nextInterval = base + intervalLength
        nextReport = base + 1_000_000_000
        intervalCPU = cpuSeconds()
        for index in scenarios.indices { scenarios[index].begin() }
    }

    /// The loop, until the last answer has come or been given up.
    private func drive() {
        while true {
            var now = clock.now()
            let turn = now
            if stoppedAt == nil, stop.isSet || result.abortedBy != nil {
                stoppedAt = now
                result.isInterrupted = stop.isSet
                stopStarting(now)
            }
            if let stoppedAt, now - stoppedAt > Self.interruptTimeout { giveUpAll(now) }
            if isOver { break }
            direct(now)
            sendDue(now)
            now = clock.now()
            transport.advance(now)
            if now >= nextHousekeeping { keepHouse(now) }
            if now >= nextInterval { closeIntervals(now) }
            rest(since: turn, now)
            serve(until: deadline(), now: now)
        }
    }

    private var isOver: Bool {
        inFlight == 0 && liveIterations == 0 && usersHere == 0 && waiting.isEmpty
            && scenarios.indices.allSatisfy { scenarios[$0].due == .max && scenarios[$0].control == .max }
    }

    /// Sleeps until the turn that began at `turn` has lasted its least time.
    private func rest(since turn: UInt64, _ now: UInt64) {
        let end = turn + UInt64(plan.pacing.coalescingNanoseconds)
        guard now < end else { return }
        if case .simulated(let clock) = clock { clock.now = end } else { MonotonicClock.sleep(until: end) }
    }

    private func deadline() -> UInt64 {
        var soonest = min(nextHousekeeping, nextInterval)
        if let next = transport.nextDeadline { soonest = min(soonest, next) }
        let isHeld = isBlocked || !waiting.isEmpty && inFlight >= plan.target.maxInFlight
        var next = isHeld ? .max : heap.first
        for index in scenarios.indices {
            next = min(next, scenarios[index].control, isHeld ? .max : scenarios[index].due)
        }
        return next == .max ? soonest : min(soonest, base + next)
    }

    /// Ten times a second: timeouts, heartbeats, reconnects, room that came, flows past their grace.
    private func keepHouse(_ now: UInt64) {
        nextHousekeeping = now + Self.housekeepingStep
        // A connection may have come up since the last request found no room.
        isBlocked = false
        expire(now)
        transport.tick(now)
        if now >= base { cutOverdue(now - base) }
    }

    private func closeIntervals(_ now: UInt64) {
        let cpu = cpuSeconds()
        while now >= nextInterval {
            closeInterval(cpu)
            nextInterval += intervalLength
        }
        guard now >= nextReport, let interval = recorder.series.last else { return }
        nextReport = max(nextReport + 1_000_000_000, now)
        let elapsed = Double(now - base) / 1e9
        let conditions = thresholds(elapsed)
        onProgress(
            LoadProgress(
                elapsed: elapsed, length: plan.seconds, interval: interval, offered: recorder.offered,
                sent: recorder.sent, totals: recorder.totals, connections: transport.connections,
                scenarios: scenarios.map { $0.progress(now - base) }, thresholds: conditions))
        if result.abortedBy == nil {
            let failed = conditions.first {
                !$0.isMet && $0.threshold.abortsOnFail && elapsed >= $0.threshold.delaySeconds
            }
            result.abortedBy = failed?.threshold.text
        }
    }

    private func closeInterval(_ cpu: Double) {
        recorder.closeInterval(
            inFlight: inFlight, users: usersHere, connectionsUp: transport.connectionsUp,
            cpuRatio: (cpu - intervalCPU) / plan.recording.intervalSeconds)
        intervalCPU = cpu
    }

    /// The plan's conditions on the figures so far.
    private func thresholds(_ elapsed: Double) -> [ThresholdResult] {
        plan.thresholds.map { threshold in
            let seconds = plan.judgedSeconds(of: threshold.scenario, wall: elapsed)
            let isWhole = threshold.scenario == nil && threshold.operation == nil
            return threshold.evaluate(isWhole ? [recorder.totals] : recorder.rows, names: names, seconds: seconds)
        }
    }

    // MARK: Start and end

    private func connect() throws(LoadError) {
        try transport.start(self, now: clock.now())
        while try !transport.isReady(now: clock.now()) {
            let now = clock.now()
            if stop.isSet { throw LoadError(.connection, "interrupted before the connections stood") }
            transport.tick(now)
            serve(until: now + 50_000_000, now: now)
        }
    }

    private func disconnect() {
        transport.leave()
        while !transport.hasLeft {
            let now = clock.now()
            serve(until: now + 50_000_000, now: now)
        }
        transport.close()
    }

    private func finish() -> RunResult {
        if recorder.hasOpenInterval { closeInterval(cpuSeconds()) }
        let until = stoppedAt.map { Double($0 - min(base, $0)) / 1e9 } ?? .infinity
        result.expected = scenarios.reduce(0) { $0 + $1.expected(until: until) }
        result.rows = recorder.rows
        result.offered = recorder.offered
        result.sent = recorder.sent
        result.unsent = recorder.unsent
        result.held = recorder.held
        result.series = recorder.series
        result.steps = recorder.steps
        result.refusals = recorder.refusals
        result.sendDispersion = recorder.sendDispersion
        result.slowest = recorder.slowestEntries.map { entry in
            let row = recorder.rows[Int(entry.row)]
            return SlowRequest(
                scenario: row.scenario, operation: row.operation, intended: Double(entry.intended) / 1e9,
                lag: entry.lag, response: entry.response, outcome: entry.outcome,
                traceID: entry.trace == 0 ? "" : traceID(entry.trace))
        }
        let counters = transport.counters
        result.disconnects = counters.disconnects
        result.reconnects = counters.reconnects
        result.sequenceResets = counters.sequenceResets
        result.lateAnswers = counters.lateAnswers
        result.converted = counters.converted
        result.ordersTraded = counters.ordersTraded
        result.fills = counters.fills
        result.ackLogLines = counters.ackLogLines
        result.isAckLogIncomplete = counters.isAckLogIncomplete
        return result
    }

    private func traceID(_ number: UInt64) -> String {
        String(TraceContext.root(seed: plan.seed, request: number).description.dropFirst(3).prefix(32))
    }
}

extension RunResult {
    /// Ended before the plan did.
    public var isStopped: Bool { isInterrupted || abortedBy != nil }
}
