internal import FIX
internal import Glibc
public import Logging
public import Market
internal import NIOCore
internal import NIOPosix
internal import Synchronization
public import Telemetry

/// FIX sessions over TCP: requests in, execution reports out.
///
/// One event loop thread serves all sessions: frames are cut, checked and decoded there (module `FIX` does the
/// thinking), gathered per turn of the loop and handed to `OrderEntry.submit` in one call. Reports come back through
/// `deliver` from any thread, with one hop per batch, and each session's reports leave in one write.
///
/// - Sequence numbers are kept per session and survive the process; reports for a counterparty that is away are
///   numbered and kept, and reach it by ResendRequest when it is back.
/// - One connection per CompID; the second is closed.
/// - A peer that does not read is disconnected when `outboundBytesMax` bytes wait for it; it loses nothing.
/// - Nothing here decides about orders: malformed messages are refused, all others go to the order service.
public final class Gateway: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let engine: FIXEngine
    private let configuration: GatewayConfiguration
    private let logger: Logger

    private struct State {
        var reports: [[ExecutionReport]] = []
        var traces: [TracedRequest] = []
        var isHopping = false
        var isStopped = false
        var channel: (any Channel)?
        var ticks: RepeatedTask?
    }

    private let state = Mutex(State())

    /// Opens the sessions' stores; listens only after `start`.
    ///
    /// - Parameters:
    ///   - spans: takes the traces of sampled requests; nil: no request is traced.
    ///   - clock: microseconds since 1970 UTC.
    /// - Throws: `GatewayError` for a configuration that contradicts itself, or files that cannot be opened.
    public init(
        _ configuration: GatewayConfiguration, entry: OrderEntry, metrics: MetricsRegistry,
        spans: SpanRecorder? = nil, logger: Logger,
        clock: @escaping @Sendable () -> Int64 = Gateway.realTime
    ) throws(GatewayError) {
        guard (1...65_536).contains(configuration.messageLengthMax), configuration.messageLengthMax >= 256 else {
            throw GatewayError(.configuration, "messageLengthMax must be 256 ... 65536")
        }
        self.configuration = configuration
        self.logger = logger
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.group = group
        do {
            engine = try FIXEngine(
                loop: group.next(), configuration: configuration, entry: entry, metrics: GatewayMetrics(metrics),
                spans: spans, logger: logger, clock: clock)
        } catch {
            group.shutdownGracefully { _ in }
            throw error
        }
    }

    /// The system's clock: microseconds since 1970 UTC.
    public static let realTime: @Sendable () -> Int64 = {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    /// Listens; hands back the port.
    ///
    /// - Throws: `GatewayError.bind` with the address and the reason.
    @discardableResult
    public func start() async throws(GatewayError) -> Int {
        let engine = engine
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16_384))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let address = channel.remoteAddress?.ipAddress ?? "?"
                    try channel.pipeline.syncOperations.addHandler(FIXConnection(engine, address: address))
                }
            }
        do {
            let channel = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
            let ticks = engine.loop.scheduleRepeatedTask(
                initialDelay: .milliseconds(100), delay: .milliseconds(100)
            ) { _ in engine.tick() }
            state.withLock {
                $0.channel = channel
                $0.ticks = ticks
            }
            let port = channel.localAddress?.port ?? configuration.port
            logger.info("FIX listener started", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
            return port
        } catch {
            throw GatewayError(.bind, "cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
    }

    /// Listens until the task is cancelled, then stops.
    public func run() async throws {
        try await start()
        do {
            while true { try await Task.sleep(for: .seconds(3_600)) }
        } catch {
            await stop()
        }
    }

    /// Sends reports to their sessions; callable from any thread, returns at once, keeps the order of calls.
    ///
    /// - Parameter traces: the sampled requests that these reports answer, as `OrderEntry.submit` was given them.
    public func deliver(_ reports: [ExecutionReport], traces: [TracedRequest] = []) {
        guard !reports.isEmpty || !traces.isEmpty else { return }
        let needsHop = state.withLock { state in
            guard !state.isStopped else { return false }
            state.reports.append(reports)
            if !traces.isEmpty { state.traces += traces }
            defer { state.isHopping = true }
            return !state.isHopping
        }
        guard needsHop else { return }
        engine.loop.execute { self.takeReports() }
    }

    private func takeReports() {
        let (batches, traces) = state.withLock { state in
            state.isHopping = false
            defer {
                state.reports = []
                state.traces = []
            }
            return (state.reports, state.traces)
        }
        engine.deliver(batches, traces)
    }

    /// Stops listening, logs everybody out, waits for the answers up to the limit, and closes; a second call does
    /// nothing. What is delivered afterwards is dropped: the order service has it, and the counterparty asks for it.
    public func stop() async {
        let (isFirst, channel, ticks) = state.withLock { state in
            defer { state.isStopped = true }
            return (!state.isStopped, state.channel, state.ticks)
        }
        guard isFirst else { return }
        // A listener that is closed already is what we want.
        try? await channel?.close().get()
        let engine = engine
        _ = try? await engine.loop.submit { engine.beginStop() }.get()
        let steps = max(1, configuration.stopTimeoutMilliseconds / 10)
        for _ in 0..<steps {
            let isQuiet = (try? await engine.loop.submit { engine.isQuiet }.get()) ?? true
            if isQuiet { break }
            try? await Task.sleep(for: .milliseconds(10))
        }
        ticks?.cancel()
        _ = try? await engine.loop.submit { engine.closeAll() }.get()
        try? await group.shutdownGracefully()
    }
}
