internal import Engine
internal import Glibc
internal import Synchronization

/// Watches the target's processes, the machine, and pages of metrics, on a thread of its own.
///
/// Every interval (one second) it reads CPU, memory and run-queue wait of each component's processes, the machine's
/// CPU and pressure, and the pages. What cannot be read is a gap in the series; nothing of it ever stops a run. A round
/// costs about one system call a file: some thousand for a machine of two hundred processes, a few milliseconds.
public final class ServerWatch: Sendable {
    /// Samples at most: a day of seconds.
    public static let samplesMax = 86_400
    /// Time for each page, milliseconds.
    static let fetchMilliseconds = 500

    private let sources: [WatchSource]
    private let intervalNanoseconds: UInt64
    private let isStopped = Atomic<Bool>(false)
    private let isRunning = Atomic<Bool>(false)
    private let log = Mutex(WatchLog())

    /// A watch of those sources and of this process, which is the component `generator`.
    ///
    /// - Parameter intervalSeconds: 0.1 to 60.
    public init(_ sources: [WatchSource], intervalSeconds: Double = 1) {
        precondition((0.1...60).contains(intervalSeconds), "an interval is 0.1 to 60 seconds")
        self.sources = [.pid(component: Saturation.generator, getpid())] + sources
        intervalNanoseconds = UInt64(intervalSeconds * 1e9)
    }

    /// Starts the thread; without one (limit of the system) nothing is seen.
    public func start() {
        guard !isRunning.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let refusal = BackgroundThread.start {
            self.loop()
            self.isRunning.store(false, ordering: .releasing)
        }
        if refusal != nil { isRunning.store(false, ordering: .releasing) }
    }

    /// Ends the thread and gives what it saw; waits for a page that is being fetched.
    public func stop() -> WatchLog {
        isStopped.store(true, ordering: .relaxed)
        while isRunning.load(ordering: .acquiring) { usleep(1_000) }
        return log.withLock { $0 }
    }

    // MARK: The thread

    private func loop() {
        var round = WatchRound(sources)
        var next = Self.monotonic()
        round.begin()
        while !isStopped.load(ordering: .relaxed) {
            next += intervalNanoseconds
            guard sleep(until: next) else { break }
            let sample = round.take()
            log.withLock { log in
                log.components = round.components
                log.tiers = round.tiers
                log.processors = round.processors
                log.failedScrapes = round.failedScrapes
                if log.samples.count < Self.samplesMax { log.samples.append(sample) }
            }
            // Rounds that took longer than an interval are left out, not made up for.
            next = max(next, Self.monotonic() - min(intervalNanoseconds, Self.monotonic()))
        }
    }

    /// Sleeps in steps of 20 ms; false once it shall stop.
    private func sleep(until end: UInt64) -> Bool {
        while !isStopped.load(ordering: .relaxed) {
            let now = Self.monotonic()
            guard now < end else { return true }
            usleep(UInt32(min((end - now) / 1_000, 20_000)))
        }
        return false
    }

    static func monotonic() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// What a watch saw, by wall clock.
public struct WatchLog: Sendable {
    var processors = 0
    var components: [String] = []
    var tiers: [String] = []
    var failedScrapes = 0
    /// Microseconds since 1970, and what was read.
    var samples: [(time: Int64, sample: WatchSample)] = []

    /// The series in seconds after the start of a run; what came before it is left out.
    ///
    /// - Parameter startedAt: microseconds since 1970 UTC.
    public func series(startedAt: Int64) -> WatchSeries {
        var series = WatchSeries()
        series.processors = processors
        series.components = components
        series.tiers = tiers
        series.failedScrapes = failedScrapes
        series.samples = samples.filter { $0.time >= startedAt }.map { entry in
            var sample = entry.sample
            sample.time = Double(entry.time - startedAt) / 1e6
            return sample
        }
        return series
    }
}

/// One reading after the other of everything that is watched; used by one thread.
package struct WatchRound {
    private var reader: ComponentReader
    private var metrics: MetricsWatch
    private let pages: [ScrapeURL]
    private var machine = MachineReading()
    private var last: UInt64 = 0
    package private(set) var failedScrapes = 0
    let processors = max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1)

    package var components: [String] { reader.components }
    package var tiers: [String] { metrics.tiers }

    package init(_ sources: [WatchSource]) {
        reader = ComponentReader(sources)
        pages = sources.compactMap { source in
            if case .scrape(let url) = source { url } else { nil }
        }
        metrics = MetricsWatch(pages: pages.count)
    }

    /// The readings that the first sample is a difference to.
    package mutating func begin() { _ = take() }

    /// What happened since the last reading.
    package mutating func take() -> (time: Int64, sample: WatchSample) {
        let now = ServerWatch.monotonic()
        let seconds = max(Double(now - last) / 1e9, 0.001)
        last = now
        var sample = WatchSample(time: 0)
        sample.loads = reader.loads(seconds: seconds)
        let reading = MachineReading.now()
        sample.machineCPU = reading.cpu(since: machine)
        sample.machineSteal = reading.steal(since: machine)
        sample.pressure = reading.pressure(since: machine, seconds: seconds)
        machine = reading
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        let found = pages.map { url in
            PageFetch.get(url, milliseconds: ServerWatch.fetchMilliseconds).map(MetricsReading.init)
        }
        failedScrapes += found.count { $0 == nil }
        metrics.note(found, seconds: seconds, &sample)
        return (Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000, sample)
    }
}
