internal import Engine
internal import Glibc
internal import Report
internal import Scenario

/// A run by several processes.
///
/// The parent has read and checked the scenario; each worker reads the same bytes from an unlinked copy on its standard
/// input, does every N-th iteration with its part of the connections, and begins when the parent says so: at one instant,
/// after time for the connections (a worker whose connections take longer begins late). Results are merged bucket by
/// bucket. Ctrl-C reaches the workers through the parent. They end with it, also after kill -9: the kernel kills them
/// (`setpriv --pdeathsig`), and the end of their control pipe tells them.
///
/// A worker that dies takes its share of the figures along: the others are stopped, what they measured is reported, and
/// the run fails with that reason.
struct Workers {
    /// How long a worker may take from a stop to its result, nanoseconds.
    private static let graceNanoseconds: UInt64 = 20_000_000_000
    /// From the last worker's readiness to the common start: time for the connections, with so much more for each.
    private static let leadNanoseconds: UInt64 = 300_000_000
    private static let leadPerConnection: UInt64 = 200_000

    private let settings: RunSettings
    private let count: Int
    private let show: (WorkerFigures) -> Void

    /// - Parameter show: gets the merged figures about once a second.
    init(_ settings: RunSettings, _ show: @escaping (WorkerFigures) -> Void) throws(LoadError) {
        self.settings = settings
        self.show = show
        count = settings.workers
        try WorkerShare.check(settings.plan, count)
    }

    /// Starts the processes and waits for all of them.
    ///
    /// - Throws: `LoadError` where they cannot be started or none has a result.
    func run() throws(LoadError) -> RunResult {
        // A worker that is gone must not end this process when it is written to.
        signal(SIGPIPE, SIG_IGN)
        var pool = WorkerPool(settings.plan, limit: Self.graceNanoseconds)
        defer { pool.end() }
        let scenario = try WorkerScenario()
        let number = UInt64(max(0, WorkerScenario.wallMilliseconds()))
        defer { WorkersJTL.discard(settings, count) }
        for index in 0..<count { pool.add(try WorkerProcess(index, of: count, scenario, runNumber: number)) }
        scenario.close()
        try pool.awaitReady("\(PlanFacts(settings.plan))")
        let lead = Self.leadNanoseconds + Self.leadPerConnection * UInt64(settings.plan.target.connections)
        pool.start(at: WorkerControl.now() + lead)
        pool.awaitResults(show)
        var result = try pool.merged()
        guard let lost = pool.lost else {
            try WorkersJTL.join(settings, count)
            return result
        }
        result.abortedBy = lost
        if settings.file.outputs.jtl != nil {
            Terminal.complain("loadgen: no JTL is written: rows of a worker are missing")
        }
        return result
    }
}

/// The processes of a run and what they said.
struct WorkerPool {
    private let plan: LoadPlan
    private let limit: UInt64
    private var workers: [WorkerProcess] = []
    private var isStopping = false
    /// The condition that ended the run.
    private var aborting: Threshold?
    private var deadline = UInt64.max
    /// Set where a worker ended without a result: which, why, and what is missing.
    private(set) var lost: String?

    init(_ plan: LoadPlan, limit: UInt64) {
        self.plan = plan
        self.limit = limit
    }

    mutating func add(_ worker: WorkerProcess) { workers.append(worker) }

    /// Kills what still runs and collects every process.
    mutating func end() { for index in workers.indices { workers[index].end() } }

    /// Waits until every worker has understood the same plan.
    mutating func awaitReady(_ facts: String) throws(LoadError) {
        while workers.contains(where: { $0.facts == nil }) {
            turn()
            if let failed = workers.first(where: { $0.failure != nil }), let failure = failed.failure {
                throw LoadError(failure.code, "\(failed.name): \(failure.message)")
            }
            if let dead = workers.first(where: \.hasDied) { throw LoadError(.system, dead.death) }
            if Interrupt.flag.isSet { throw LoadError(.connection, "interrupted before the start") }
        }
        guard workers.allSatisfy({ $0.facts == facts }) else {
            throw LoadError(.configuration, "--workers: a worker reads the scenario otherwise: did the file change?")
        }
    }

    func start(at time: UInt64) {
        let bytes = stride(from: 56 as UInt64, through: 0, by: -8).map { UInt8(truncatingIfNeeded: time >> $0) }
        for worker in workers { worker.tell(bytes) }
    }

    /// Follows the run until every worker has ended or is overdue.
    mutating func awaitResults(_ show: (WorkerFigures) -> Void) {
        while workers.contains(where: \.isRunning) {
            turn()
            if let figures = takeFigures() {
                show(figures)
                if lost == nil, isAborting(figures) { stop() }
            }
            if Interrupt.flag.isSet { stop() }
            note()
            guard WorkerControl.now() < deadline else { break }
        }
        for index in workers.indices where workers[index].isRunning {
            workers[index].end()
            lost = lost ?? "\(workers[index].name) that did not end\(missing)"
        }
    }

    private mutating func turn() {
        var entries = workers.map { pollfd(fd: $0.isRunning ? $0.output : -1, events: Int16(POLLIN), revents: 0) }
        guard unsafe poll(&entries, nfds_t(entries.count), 50) > 0 else { return }
        for index in entries.indices where entries[index].revents != 0 { workers[index].read() }
    }

    /// Ends the others once one is gone.
    private mutating func note() {
        guard lost == nil else { return }
        for worker in workers {
            if let failure = worker.failure {
                lost = "\(worker.name) that failed (\(failure.message))\(missing)"
            } else if worker.hasDied {
                lost = "\(worker.death)\(missing)"
            }
            guard let lost else { continue }
            Terminal.complain("loadgen: \(lost)")
            return stop()
        }
    }

    private var missing: String { ": 1/\(workers.count) of the requests is missing, the run is invalid" }

    private mutating func stop() {
        guard !isStopping else { return }
        isStopping = true
        deadline = WorkerControl.now() + limit + plan.target.timeoutNanoseconds
        for worker in workers { worker.tell([WorkerControl.stop]) }
    }

    /// Judges the conditions that may end the run, on all requests so far.
    private mutating func isAborting(_ figures: WorkerFigures) -> Bool {
        let failed = plan.thresholds.first { threshold in
            threshold.abortsOnFail && figures.elapsed >= threshold.delaySeconds
                && !threshold.evaluate(figures.result, plan: plan).isMet
        }
        guard let failed else { return false }
        aborting = failed
        return true
    }

    /// The figures of all workers together, once each has sent new ones.
    private mutating func takeFigures() -> WorkerFigures? {
        let running = workers.indices.filter { workers[$0].isRunning }
        guard !running.isEmpty, running.allSatisfy({ workers[$0].hasNews }) else { return nil }
        var sum: WorkerFigures?
        for index in workers.indices {
            guard let figures = workers[index].takeNews() else { continue }
            if sum == nil { sum = figures } else { sum?.add(figures) }
        }
        return sum
    }

    /// The results of those that have one.
    func merged() throws(LoadError) -> RunResult {
        let results = workers.compactMap(\.result)
        guard var merged = results.first else {
            if let failed = workers.first(where: { $0.failure != nil }), let failure = failed.failure {
                throw LoadError(failure.code, "\(failed.name): \(failure.message)")
            }
            throw LoadError(.system, lost ?? "no worker has a result")
        }
        for result in results.dropFirst() { merged.merge(result) }
        if let threshold = aborting {
            merged.abortedBy = threshold.text
            merged.isInterrupted = Interrupt.flag.isSet
        } else if lost != nil {
            merged.isInterrupted = Interrupt.flag.isSet
        }
        return merged
    }
}
