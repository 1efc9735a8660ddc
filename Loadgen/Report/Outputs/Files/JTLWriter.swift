public import Engine
internal import Glibc
internal import Synchronization

/// Writes every finished request as a row of a JTL file while the run goes.
///
/// The engine's thread collects requests in blocks of 256 and hands a block over under a lock; a thread of its own looks
/// for blocks every five milliseconds, so that nothing wakes it from the engine's thread, and formats and writes them
/// (about 120 bytes a row). Where the disk cannot follow, at most `backlogMax` requests wait; what comes then is counted,
/// the file gets the name `NAME.incomplete`, and `finish` throws: a JTL that lacks rows shows a wrong throughput.
public final class JTLWriter: SampleSink {
    /// Requests that may wait for the disk unless set otherwise: some 30 MB.
    public static let backlogMax = 1 << 18
    private static let blockLength = 256
    private static let blockNanoseconds: UInt64 = 100_000_000

    private let path: String
    private let shared: Backlog
    private var block: [RequestSample] = []
    private var blockBegan: UInt64 = 0
    private var origin: Int64?
    private var isFinished = false

    /// Creates the file and starts its thread.
    ///
    /// - Parameters:
    ///   - facts: names by index.
    ///   - startedAt: the run's start, microseconds since 1970; nil takes it from the first request, to within the time
    ///     between its end and its report, some microseconds.
    /// - Throws: `OutputError` where file or thread are refused.
    public init(
        _ path: String, _ facts: PlanFacts, dialect: JTLDialect = .current, time: JTLTime = .intended,
        startedAt: Int64? = nil, backlogMax: Int = JTLWriter.backlogMax
    ) throws(OutputError) {
        self.path = path
        origin = startedAt
        let file = try OutputFile(path)
        shared = Backlog(file, JTLRow(facts, dialect: dialect, time: time), header: dialect.header, most: backlogMax)
        block.reserveCapacity(Self.blockLength)
        try shared.start()
    }

    /// A run that failed leaves no file.
    deinit {
        guard !isFinished else { return }
        shared.end()
        _ = shared.wait()
        shared.file.discard()
    }

    /// Takes a request, on the engine's thread.
    public func finished(_ sample: RequestSample) {
        if block.isEmpty { blockBegan = sample.done }
        if origin == nil { origin = Self.wallMicroseconds() - Int64(sample.done / 1_000) }
        block.append(sample)
        if block.count >= Self.blockLength || sample.done > blockBegan + Self.blockNanoseconds { handOver() }
    }

    private func handOver() {
        guard !block.isEmpty, let origin else { return }
        shared.take(block, origin: origin)
        block.removeAll(keepingCapacity: true)
    }

    /// Writes what is left and gives the file its name; the number of rows.
    ///
    /// - Throws: `OutputError` for a file that cannot be written, or that lacks requests.
    @discardableResult
    public func finish() throws(OutputError) -> Int {
        handOver()
        isFinished = true
        shared.end()
        let (rows, lost, failure) = shared.wait()
        if lost > 0 || failure != nil { try shared.file.finish(as: path + ".incomplete") }
        if let failure { throw failure }
        guard lost == 0 else {
            throw OutputError(
                .incomplete,
                "\(path): the disk was too slow: \(lost) of \(rows + lost) requests are missing; what there is lies in "
                    + "\(path).incomplete")
        }
        try shared.file.finish()
        return rows
    }

    private static func wallMicroseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}

/// What waits between the engine's thread and the disk.
///
/// Sendable although `file` is not: until `isDone` is set only the writing thread touches it, afterwards only the owner.
private final class Backlog: @unchecked Sendable {
    private struct State {
        var blocks: [[RequestSample]] = []
        var waiting = 0
        var lost = 0
        var rows = 0
        var origin: Int64 = 0
        var isEnding = false
        var isDone = false
        var failure: OutputError?
    }

    let file: OutputFile
    private let row: JTLRow
    private let header: String
    private let most: Int
    private let state = Mutex(State())

    init(_ file: OutputFile, _ row: JTLRow, header: String, most: Int) {
        self.file = file
        self.row = row
        self.header = header
        self.most = most
    }

    func start() throws(OutputError) {
        if let refusal = BackgroundThread.start({ self.loop() }) {
            throw OutputError(.file, "no thread for the JTL file: \(refusal)")
        }
    }

    func take(_ block: [RequestSample], origin: Int64) {
        state.withLock { state in
            state.origin = origin
            guard state.waiting + block.count <= most else {
                state.lost += block.count
                return
            }
            state.waiting += block.count
            state.blocks.append(block)
        }
    }

    func end() { state.withLock { $0.isEnding = true } }

    func wait() -> (rows: Int, lost: Int, failure: OutputError?) {
        while !state.withLock({ $0.isDone }) { usleep(1_000) }
        return state.withLock { ($0.rows, $0.lost, $0.failure) }
    }

    private func loop() {
        var bytes = Array(header.utf8) + [0x0A]
        while true {
            let (blocks, origin, isEnding) = state.withLock { state in
                defer { state.blocks = [] }
                return (state.blocks, state.origin, state.isEnding)
            }
            for block in blocks {
                for sample in block { row.append(sample, origin: origin, to: &bytes) }
                write(&bytes, block.count)
            }
            if blocks.isEmpty {
                if !bytes.isEmpty { write(&bytes, 0) }
                if isEnding { break }
                usleep(5_000)
            }
        }
        state.withLock { $0.isDone = true }
    }

    private func write(_ bytes: inout [UInt8], _ rows: Int) {
        var failed: OutputError?
        if state.withLock({ $0.failure == nil }) {
            do { try file.write(bytes) } catch { failed = error }
        }
        bytes.removeAll(keepingCapacity: true)
        state.withLock { state in
            state.waiting -= rows
            if let failed { state.failure = failed }
            if state.failure == nil { state.rows += rows } else { state.lost += rows }
        }
    }
}

/// Hands every finished request to several takers.
public final class SampleFan: SampleSink {
    private let sinks: [any SampleSink]

    /// The takers; nil where there are none, the one itself where there is one.
    public static func of(_ sinks: [any SampleSink]) -> (any SampleSink)? {
        sinks.count < 2 ? sinks.first : SampleFan(sinks)
    }

    private init(_ sinks: [any SampleSink]) { self.sinks = sinks }

    /// Hands it to each.
    public func finished(_ sample: RequestSample) { for sink in sinks { sink.finished(sample) } }
}
