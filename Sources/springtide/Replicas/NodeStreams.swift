internal import Logging
internal import Market
internal import Services
internal import Telemetry

/// A node's side of the replicated services: the gate in front of it and the feed behind it, each where it is on.
final class NodeStreams: Sendable {
    private let gate: RiskGate?
    private let feed: NewsFeed?
    private let streams: [RedisServiceStreams]

    /// What `configuration` asks for; nil where everything stays in the process.
    ///
    /// - Parameter forward: takes requests that have passed the gate.
    init?(
        _ configuration: ServeConfiguration, metrics: MetricsRegistry, logger: Logger,
        forward: @escaping @Sendable ([OrderRequest], [TracedRequest]) -> Void
    ) throws {
        let settings = configuration.replicas
        guard settings.screens || settings.notices else { return nil }
        guard let redis = try configuration.redisTier() else {
            throw ConfigurationError(description: "replicas: screen and notices need Redis (redis.mode)")
        }
        var opened: [RedisServiceStreams] = []
        func open(_ service: String) -> RedisServiceStreams {
            opened.append(RedisServiceStreams(service: service, settings, redis, metrics: metrics))
            return opened[opened.count - 1]
        }
        if settings.screens {
            var options = GateOptions()
            options.timeout = settings.screenTimeout
            gate = RiskGate(
                streams: open("risk"), options: options, metrics: metrics, logger: logger, forward: forward)
        } else {
            gate = nil
        }
        feed = settings.notices ? NewsFeed(streams: open("notifications"), metrics: metrics, logger: logger) : nil
        streams = opened
    }

    /// Whether requests go through the gate.
    var screens: Bool { gate != nil }

    /// Hands requests to the gate, which must be there.
    func submit(_ requests: [OrderRequest], traces: [TracedRequest]) { gate?.submit(requests, traces: traces) }

    /// Takes the news of a durable batch.
    func update(_ output: NodeOutput) { feed?.update(output) }

    /// Screens until the task is cancelled; then everything at the gate has gone on.
    func runGate() async { await gate?.run() }

    /// Sends news until the task is cancelled, and then what is left; closes the connections.
    ///
    /// To be ended after the node, whose last batch has news too.
    func runFeed() async {
        if let feed {
            await feed.run()
        } else {
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
        }
        for stream in streams { stream.close() }
    }
}
