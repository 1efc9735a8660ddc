public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOWebSocket
internal import Synchronization
public import Telemetry

/// The operator's HTTP interface: `/metrics`, `/health`, and the routes it is given.
///
/// It has an event loop of its own, so that a scrape never delays an order. `/metrics` answers OpenMetrics 1.0 to those
/// who accept it and Prometheus text to the others. `/health` answers 200 `ok` while `isHealthy` says so, else 503.
/// An unknown path is 404, a known one with another method 405 with `Allow`; HEAD is answered like GET, without body.
/// `/ws` is a WebSocket: after `{"subscribe":"600536"}` it gets what `publish` and `announce` say of that topic.
public final class OperatorListener: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let hub: PushHub
    private let configuration: OperatorConfiguration
    private let routes: [OperatorRoute]
    private let logger: Logger
    private let spans: SpanRecorder?
    private let connections = Atomic<Int>(0)
    private let channel = Mutex<(any Channel)?>(nil)

    /// A listener for `registry` and `routes`; it listens after `start`.
    ///
    /// - Parameter spans: takes a span of each request to a known route that carries a sampled `traceparent`.
    public init(
        _ configuration: OperatorConfiguration, registry: MetricsRegistry, routes: [OperatorRoute] = [],
        spans: SpanRecorder? = nil, logger: Logger, isHealthy: @escaping @Sendable () -> Bool = { true }
    ) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.group = group
        hub = PushHub(loop: group.next())
        self.configuration = configuration
        self.logger = logger
        self.spans = spans
        self.routes =
            [
                .get("/metrics") { Self.metrics(registry, accept: $0.accept) },
                .get("/health") { _ in isHealthy() ? .text("ok") : .text("not ready", status: 503) },
            ] + routes
    }

    private static func metrics(_ registry: MetricsRegistry, accept: String) -> OperatorResponse {
        let isOpenMetrics = accept.contains("application/openmetrics-text")
        return OperatorResponse(
            contentType: isOpenMetrics
                ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8",
            body: Array(registry.text(openMetrics: isOpenMetrics).utf8))
    }

    /// Listens; hands back the port.
    ///
    /// - Throws: `GatewayError.bind` with the address and the reason.
    @discardableResult
    public func start() async throws(GatewayError) -> Int {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                guard self.connections.add(1, ordering: .relaxed).newValue <= self.configuration.connectionsMax else {
                    self.connections.subtract(1, ordering: .relaxed)
                    return channel.close()
                }
                channel.closeFuture.whenComplete { _ in self.connections.subtract(1, ordering: .relaxed) }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let idle = TimeAmount.milliseconds(self.configuration.idleTimeoutMilliseconds)
                    try pipeline.addHandler(IdleStateHandler(readTimeout: idle))
                    let connection = OperatorConnection(self.configuration, self.routes, self.spans)
                    try pipeline.configureHTTPServerPipeline(
                        withPipeliningAssistance: true, withServerUpgrade: self.upgrade(channel, connection),
                        withErrorHandling: true)
                    try pipeline.addHandler(connection)
                }
            }
        do {
            let channel = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
            self.channel.withLock { $0 = channel }
            let port = channel.localAddress?.port ?? configuration.port
            logger.info("operator listener started", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
            return port
        } catch {
            throw GatewayError(.bind, "cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
    }

    /// To WebSocket on `/ws`; the HTTP handlers go.
    private func upgrade(
        _ channel: any Channel, _ connection: OperatorConnection
    ) -> NIOHTTPServerUpgradeSendableConfiguration {
        let hub = hub
        let bound = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: 4_096,
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(head.uri == "/ws" ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    pipeline.removeHandler(bound.value, promise: nil)
                    try pipeline.addHandler(PushConnection(hub))
                }
            })
        return (upgraders: [upgrader], completionHandler: { _ in })
    }

    /// Replaces a topic's state (top of book, ready as JSON) for its subscribers; from any thread, returns at once.
    ///
    /// States of the last few milliseconds are conflated; a slow subscriber sees the newest.
    public func publish(_ topic: String, _ json: [UInt8]) { hub.publish(topic, json, .state) }

    /// Sends an event (a trade, ready as JSON) to a topic's subscribers; from any thread, returns at once.
    ///
    /// A subscriber that lets 1,000 of them wait is disconnected with code 1008.
    public func announce(_ topic: String, _ json: [UInt8]) { hub.publish(topic, json, .event) }

    /// Topics that have a subscriber now; from any thread.
    public var subscribedTopics: Set<String> { hub.topics }

    /// Stops listening and closes all connections; a second call does nothing.
    public func stop() async {
        let listening = channel.withLock { channel in
            defer { channel = nil }
            return channel
        }
        // A listener that is closed already is what we want.
        try? await listening?.close().get()
        try? await group.shutdownGracefully()
    }
}
