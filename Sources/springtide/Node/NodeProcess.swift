internal import CacheStack
internal import Foundation
internal import Gateway
internal import Logging
internal import Market
internal import PostgresTier
internal import RedisTier
internal import Risk
internal import Services
internal import Synchronization
internal import Telemetry

/// A node's address book, known once it accepts orders.
struct NodeAddresses: Sendable, Codable {
    var fix: Int
    var http: Int
}

/// One trading node: tiers, cache stack, order service, gateway, operators' HTTP; started and stopped in order.
final class NodeProcess: Sendable {
    private let configuration: ServeConfiguration
    private let logger: Logger
    private let metrics = MetricsRegistry()

    init(_ configuration: ServeConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs until the task is cancelled or the node cannot go on; `ready` is called once orders are accepted.
    ///
    /// - Parameter reload: what SIGHUP does to a ring of Redis servers; nil: nothing.
    func run(reload: RingReload? = nil, ready: @Sendable (NodeAddresses) -> Void) async throws -> NodeEnd {
        ProcessMetrics.register(in: metrics)
        let spans = try configuration.trace.recorder(metrics)
        defer { spans?.stop() }
        let durable = try await connectedPostgres()
        let shared = try configuration.redisTier().map { RedisTier($0, metrics: metrics) }
        let tracking = shared.map { RedisTracking($0, metrics: metrics) }
        shared?.start()
        defer { shared?.shutdown() }
        let reloading = shared.map { tier in Interruption.onHangup { reload?.apply(to: tier) } }
        defer { reloading?.cancel() }
        let cache = CacheStack(
            configuration.cache.stack, schemas: TradingSpaces.all, shared: shared, durable: durable,
            invalidations: tracking,
            metrics: metrics)
        let tail = Task(name: "cache") { try await cache.run() }
        let end: Result<NodeEnd, any Error>
        do {
            end = .success(try await serve(cache, durable, spans, ready))
        } catch {
            end = .failure(error)
        }
        tail.cancel()
        _ = await tail.result
        await durable.close()
        return try end.get()
    }

    private func serve(
        _ cache: CacheStack, _ durable: PostgresTier, _ spans: SpanRecorder?,
        _ ready: @Sendable (NodeAddresses) -> Void
    ) async throws -> NodeEnd {
        let outlet = Outlet()
        let marketData = MarketDataService()
        let node = TradingNode(
            configuration: configuration.partition, cache: cache, durable: durable, metrics: metrics, logger: logger
        ) { output in
            outlet.gateway?.deliver(output.reports, traces: output.traces)
            marketData.update(output)
            outlet.notifications?.update(output)
            outlet.streams?.update(output)
        }
        try await node.recover()
        let streams = try NodeStreams(configuration, metrics: metrics, logger: logger) { node.submit($0, traces: $1) }
        let symbols = node.symbols
        let notifications = NotificationService { symbols[$0] ?? 0 }
        if let store = configuration.store {
            try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        }
        let gateway = try Gateway(
            gatewayConfiguration(node.directory.logins), entry: entry(node, outlet, symbols, streams),
            metrics: metrics, spans: spans, logger: logger)
        outlet.open(gateway, notifications, streams)
        let operators = OperatorRoutes(
            node: node, marketData: marketData, notifications: notifications)
        var listening = OperatorConfiguration()
        listening.host = configuration.http.host
        listening.port = configuration.http.port
        let http = OperatorListener(listening, registry: metrics, routes: operators.all, spans: spans, logger: logger)
        let running = Task(name: "node") { await node.run() }
        let gating = Task(name: "gate") { await streams?.runGate() }
        let feeding = Task(name: "news") { await streams?.runFeed() }
        let addresses = NodeAddresses(fix: try await gateway.start(), http: try await http.start())
        ready(addresses)
        let refreshing = Task(name: "logins") { await Self.refresh(node.directory) }
        let push = MarketDataPush(marketData: marketData, listener: http) { node.instrument(symbol: $0) }
        let pushing = Task(name: "market data") { await push.run() }
        let end = await withTaskCancellationHandler {
            await running.value
        } onCancel: {
            Task {
                await gateway.stop()
                // What waits for a verdict goes on to the node before that ends.
                gating.cancel()
                await gating.value
                running.cancel()
            }
        }
        for task in [gating, feeding] {
            task.cancel()
            await task.value
        }
        refreshing.cancel()
        pushing.cancel()
        await gateway.stop()
        await http.stop()
        return end
    }

    /// Withdrawn permissions and changed passwords count within five seconds.
    private static func refresh(_ directory: SessionDirectory) async {
        while (try? await Task.sleep(for: .seconds(5))) != nil {
            // A failed reading leaves what is known; the next one comes in five seconds.
            try? await directory.refresh()
        }
    }

    private func entry(
        _ node: TradingNode, _ outlet: Outlet, _ symbols: [InstrumentID: UInt32], _ streams: NodeStreams?
    ) -> OrderEntry {
        let gate = streams?.screens == true ? streams : nil
        return OrderEntry(
            submitTraced: { requests, traces in
                guard let gate else { return node.submit(requests, traces: traces) }
                gate.submit(requests, traces: traces)
            },
            status: { query in
                Task(name: "status") {
                    let report = await node.status(session: query.session, id: query.clientOrderID, side: query.side)
                    outlet.gateway?.deliver([report])
                }
            },
            resolveInstrument: { node.instrument(symbol: $0) },
            symbol: { symbols[$0] ?? 0 },
            authenticate: { node.directory.admit($0.session, password: $0.password) },
            ruleText: { number in
                switch number {
                case TradingNode.storeRule: "rule 143: the durable store does not answer"
                case TradingNode.capacityRule: "rule 144: a limit of the node is reached"
                default: RiskRule.row(number).map { "rule \(number): \($0.text)" } ?? "rule \(number)"
                }
            })
    }

    private func gatewayConfiguration(_ logins: [LoginRow]) -> GatewayConfiguration {
        var result = GatewayConfiguration()
        result.host = configuration.fix.host
        result.port = configuration.fix.port
        result.compID = configuration.compID
        result.sessions = logins.map { SessionDefinition(id: $0.session, compID: $0.compID) }
        result.directory = configuration.store
        result.day = UInt64(configuration.partition.day.rawValue)
        result.traceSampleEvery = configuration.trace.sampleEvery
        result.connectionsMax = configuration.connectionsMax
        result.connectionsPerAddressMax = configuration.connectionsMax
        return result
    }

    /// The database, once it is there.
    private func connectedPostgres() async throws -> PostgresTier {
        var settings = PostgresTier.Configuration(conninfo: configuration.connection)
        settings.readers = configuration.readers
        settings.relaxedDurability = configuration.relaxedDurability
        settings.batchRowsMax = 1_000_000
        settings.statementTimeout = .seconds(30)
        return try await PostgresTier.waited(
            for: settings, schemas: TradingSpaces.all, metrics: metrics, logger: logger)
    }
}

/// Where durable output goes once the gateway exists: it needs the node, and the node needs a place to deliver to.
final class Outlet: Sendable {
    private let parts = Mutex<(gateway: Gateway?, notifications: NotificationService?, streams: NodeStreams?)>(
        (nil, nil, nil))

    func open(_ gateway: Gateway, _ notifications: NotificationService, _ streams: NodeStreams?) {
        parts.withLock { $0 = (gateway, notifications, streams) }
    }

    var gateway: Gateway? { parts.withLock { $0.gateway } }
    var notifications: NotificationService? { parts.withLock { $0.notifications } }
    var streams: NodeStreams? { parts.withLock { $0.streams } }
}
