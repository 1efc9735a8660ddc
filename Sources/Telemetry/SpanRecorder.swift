internal import Dispatch
internal import Glibc
internal import Synchronization

/// Takes finished spans from any thread and has a thread of its own write them to a file.
///
/// Recording appends to a bounded buffer under a lock that is held for one append; it never waits for the disk. What
/// finds the buffer full is dropped and counted. The writer takes the whole buffer ten times a second and gives its
/// room back, so that recording allocates nothing in the steady state. Sequencing threads do not record at all: a
/// `TracedRequest` travels with its batch and is recorded when it was answered.
public final class SpanRecorder: Sendable {
    /// Where spans go, and the limits.
    public struct Configuration: Sendable {
        /// The file; its directory must exist.
        public var file: String
        /// Most bytes of the file and the one before it (`<file>.1`) together.
        public var bytesMax = 256 << 20
        /// Most spans that wait for the writer; more are dropped. A `TracedRequest` counts as ten.
        public var waitingMax = 65_536
        /// `service.name` of the resource.
        public var service = "springtide"

        /// The defaults.
        public init(file: String) { self.file = file }
    }

    /// Nanoseconds since 1970 UTC.
    public typealias Clock = @Sendable () -> Int64

    private struct Waiting {
        var requests: [TracedRequest] = []
        var spans: [SpanRecord] = []

        var count: Int { requests.count * TracedRequest.spansMax + spans.count }
    }

    private struct State {
        var waiting = Waiting()
        var isStarted = false
        var isStopped = false
    }

    private struct Counters {
        let recorded: Counter
        let dropped: Counter
        let written: Counter
        let failed: Counter
        let rotations: Counter
    }

    private let configuration: Configuration
    private let clock: Clock
    private let state = Mutex(State())
    private let log: Mutex<SpanLog>
    private let counters: Counters
    private let wake = DispatchSemaphore(value: 0)
    private let queue = DispatchQueue(label: "spans")

    /// Opens the file; nothing is written before `start`.
    ///
    /// - Parameter clock: what `now` reads; the system's wall clock unless told otherwise.
    /// - Throws: where the file cannot be opened.
    public init(
        _ configuration: Configuration, metrics: MetricsRegistry, clock: @escaping Clock = SpanRecorder.wallClock
    ) throws(SpanFileError) {
        guard configuration.waitingMax >= TracedRequest.spansMax, configuration.bytesMax >= 1 << 16 else {
            throw SpanFileError("a recorder of spans needs room for 10 spans and 64 KiB")
        }
        self.configuration = configuration
        self.clock = clock
        log = Mutex(try SpanLog(path: configuration.file, bytesMax: configuration.bytesMax))
        let count = { (result: String) in
            metrics.counter("trace_spans_total", "Spans of sampled requests.", [("result", result)])
        }
        counters = Counters(
            recorded: count("recorded"), dropped: count("dropped"), written: count("written"),
            failed: count("write_failed"),
            rotations: metrics.counter("trace_file_rotations_total", "Times the file of spans was begun anew."))
        state.withLock { $0.waiting.requests.reserveCapacity(configuration.waitingMax / TracedRequest.spansMax) }
    }

    /// The system's wall clock, nanoseconds since 1970 UTC.
    public static let wallClock: Clock = {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Now, nanoseconds since 1970 UTC.
    public func now() -> Int64 { clock() }

    /// Takes requests that were answered; those beyond the buffer's room are dropped.
    public func record(_ requests: [TracedRequest]) {
        guard !requests.isEmpty else { return }
        let limit = configuration.waitingMax
        let (taken, isHalfFull) = state.withLock { state in
            let room = state.isStopped ? 0 : (limit - state.waiting.count) / TracedRequest.spansMax
            let taken = min(requests.count, max(0, room))
            state.waiting.requests.append(contentsOf: requests[..<taken])
            return (taken, state.waiting.count * 2 > limit)
        }
        let spans = requests[..<taken].reduce(0) { $0 + $1.spanCount }
        count(spans, of: requests[taken...].reduce(spans) { $0 + $1.spanCount }, isHalfFull)
    }

    /// Takes one span; drops it where the buffer is full.
    public func record(_ span: SpanRecord) {
        let limit = configuration.waitingMax
        let (isTaken, isHalfFull) = state.withLock { state in
            guard !state.isStopped, state.waiting.count < limit else { return (false, false) }
            state.waiting.spans.append(span)
            return (true, state.waiting.count * 2 > limit)
        }
        count(isTaken ? 1 : 0, of: 1, isHalfFull)
    }

    private func count(_ taken: Int, of offered: Int, _ isHalfFull: Bool) {
        if taken > 0 { counters.recorded.increment(by: UInt64(taken)) }
        if taken < offered { counters.dropped.increment(by: UInt64(offered - taken)) }
        if isHalfFull { wake.signal() }
    }

    /// Starts the writer; a second call does nothing.
    public func start() {
        let isFirst = state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted && !state.isStopped
        }
        guard isFirst else { return }
        queue.async { self.write() }
    }

    /// Writes what was taken and ends the writer; later spans are dropped.
    public func stop() {
        let wasStarted = state.withLock { state in
            defer { state.isStopped = true }
            return state.isStarted
        }
        wake.signal()
        // Behind the writer, which ends now.
        queue.sync { if !wasStarted { flush() } }
    }

    private func write() {
        var spare = Waiting()
        spare.requests.reserveCapacity(configuration.waitingMax / TracedRequest.spansMax)
        while true {
            let isStopped = state.withLock { $0.isStopped }
            flush(&spare)
            if isStopped { return }
            _ = wake.wait(timeout: .now() + .milliseconds(100))
        }
    }

    /// Writes everything that waits now; for the owner of a recorder that was not started.
    private func flush() {
        var spare = Waiting()
        flush(&spare)
    }

    private func flush(_ spare: inout Waiting) {
        state.withLock { swap(&$0.waiting, &spare) }
        guard spare.count > 0 else { return }
        var spans = spare.spans
        for request in spare.requests { request.append(to: &spans) }
        spare.requests.removeAll(keepingCapacity: true)
        spare.spans.removeAll(keepingCapacity: true)
        log.withLock { log in
            let rotations = log.rotations
            var start = 0
            while start < spans.count {
                let end = min(start + SpanLine.spansMax, spans.count)
                let line = SpanLine(spans[start..<end], service: configuration.service)
                let isWritten = log.append(line.bytes)
                (isWritten ? counters.written : counters.failed).increment(by: UInt64(end - start))
                start = end
            }
            counters.rotations.increment(by: log.rotations - rotations)
        }
    }
}
