internal import CacheStack
internal import Foundation
internal import Gateway
internal import Logging
internal import PostgresTier
internal import RedisTier
internal import Services
internal import Telemetry

/// What a replica tells whoever started it, and the other members.
struct ReplicaFacts: Sendable, Codable {
    var service: String
    var replica: Int
    var http: String
    var pid: Int32
}

/// One replica of a service as a process: tiers, cache stack, worker, operators' HTTP.
///
/// It drains when its task is cancelled: it leaves the members, ends what it has in hand, and closes.
struct ReplicaProcess: Sendable {
    let service: String
    let number: Int
    let configuration: ServeConfiguration
    let http: (host: String, port: Int)
    let logger: Logger

    /// Runs until the task is cancelled and the drain is over; `ready` is called once HTTP is served.
    func run(ready: @escaping @Sendable (ReplicaFacts) -> Void) async throws {
        let metrics = MetricsRegistry()
        ProcessMetrics.register(in: metrics)
        guard let redis = try configuration.redisTier() else {
            throw ConfigurationError(description: "replicas need Redis (redis.mode)")
        }
        let durable = try await Self.durable(configuration, schemas, metrics, logger)
        let shared = RedisTier(redis, metrics: metrics)
        let tracking = RedisTracking(shared, metrics: metrics)
        shared.start()
        let streams = RedisServiceStreams(service: service, configuration.replicas, redis, metrics: metrics)
        let cache = CacheStack(
            stack, schemas: schemas, shared: shared, durable: durable, invalidations: tracking, metrics: metrics)
        let tail = Task(name: "cache") { try await cache.run() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await work(cache, streams, metrics, ready))
        } catch {
            result = .failure(error)
        }
        tail.cancel()
        _ = await tail.result
        streams.close()
        shared.shutdown()
        await durable.close()
        try result.get()
    }

    private var schemas: [SpaceSchema] {
        service == "notifications" ? [NoticeRow.schema] : TradingSpaces.all
    }

    private var stack: CacheStack.Configuration {
        var stack = CacheStack.Configuration()
        stack.local.entriesMax = min(configuration.cache.entries, 200_000)
        stack.local.bytesMax = min(configuration.cache.megabytes, 128) << 20
        stack.local.policy = configuration.cache.policy
        return stack
    }

    private func work(
        _ cache: CacheStack, _ streams: RedisServiceStreams, _ metrics: MetricsRegistry,
        _ ready: @escaping @Sendable (ReplicaFacts) -> Void
    ) async throws {
        let (work, method): (any BatchService, String) =
            service == "notifications"
            ? (NoticeWriter(cache: cache), "notify")
            : (RiskScreen(cache: cache, configuration: configuration.partition), "screen")
        let meters = ReplicaMetrics(metrics, service: service, method: method)
        var listening = OperatorConfiguration()
        listening.host = http.host
        listening.port = http.port
        let listener = OperatorListener(
            listening, registry: metrics, routes: [.get("/healthz") { _ in .text("ok") }], logger: logger,
            isHealthy: { meters.isReady })
        let port = try await listener.start()
        let facts = ReplicaFacts(
            service: service, replica: number, http: "\(http.host):\(port)",
            pid: ProcessInfo.processInfo.processIdentifier)
        let told = try JSONEncoder().encode(facts)
        var options = ReplicaOptions()
        options.claimIdle = configuration.replicas.lifetime
        options.beatInterval = min(.milliseconds(500), configuration.replicas.lifetime / 4)
        options.handOver = options.beatInterval + .milliseconds(100)
        let worker = ReplicaWorker(
            name: "\(service)-\(number)", facts: String(decoding: told, as: UTF8.self), service: work,
            streams: streams, options: options, metrics: meters, logger: logger)
        ready(facts)
        await worker.run()
        await listener.stop()
    }

    /// The database, once it is there.
    private static func durable(
        _ configuration: ServeConfiguration, _ schemas: [SpaceSchema], _ metrics: MetricsRegistry, _ logger: Logger
    ) async throws -> PostgresTier {
        var settings = PostgresTier.Configuration(conninfo: configuration.connection)
        settings.readers = 1
        settings.relaxedDurability = configuration.relaxedDurability
        return try await PostgresTier.waited(for: settings, schemas: schemas, metrics: metrics, logger: logger)
    }
}
