internal import ArgumentParser
internal import Foundation
internal import Gateway
internal import Logging
internal import Services
internal import Telemetry

/// `springtide supervise`: replicas of the services, as many as are ordered.
struct SuperviseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervise", abstract: "Run services as replicas, and start and stop them as ordered.",
        discussion: """
            Reads the section `replicas` of the configuration. Orders come by HTTP:
              curl -X PUT http://127.0.0.1:9500/v1/replicas/risk \\
                   -d '{"replicas":3,"epoch":1,"decision":"by-hand-1"}'

            Replicas end with it, however it ends. SIGINT and SIGTERM drain them first.
            Example: springtide supervise --config config/springtide.yaml
            """)

    @Option(help: "Configuration file; config/springtide.yaml documents every key.")
    var config: String

    @Option(help: "Directory for the replicas' logs; made where it is missing.")
    var logs = "replica-logs"

    @Option(help: ArgumentHelp("Write the listener's port to this file, as JSON.", visibility: .hidden))
    var readyFile: String?

    func run() async throws {
        let configuration = try ServeConfiguration.read(config)
        var logger = Logger(label: "springtide") { JSONLogHandler(label: $0) }
        logger.logLevel = configuration.logLevel
        guard let redis = try configuration.redisTier() else {
            throw ConfigurationError(description: "replicas need Redis (redis.mode)")
        }
        let settings = configuration.replicas
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        let registry = MetricsRegistry()
        ProcessMetrics.register(in: registry)
        let metrics = SupervisorMetrics(registry, services: settings.services.map(\.name))
        let supervisor = Supervisor(
            settings, configurationFile: config, directory: URL(fileURLWithPath: logs).path, metrics: metrics,
            logger: logger)
        var listening = OperatorConfiguration()
        listening.host = settings.http.host
        listening.port = settings.http.port
        let routes = SupervisorRoutes(supervisor: supervisor, settings: settings)
        let listener = OperatorListener(listening, registry: registry, routes: routes.all, logger: logger)
        let port = try await listener.start()
        if let readyFile {
            try Data(#"{"http":\#(port)}"#.utf8).write(to: URL(fileURLWithPath: readyFile), options: .atomic)
        }
        let streams = settings.services.map {
            ($0.name, RedisServiceStreams(service: $0.name, settings, redis, metrics: registry))
        }
        _ = try await Interruption.cancelling {
            let watching = Task(name: "load") { await Self.watch(streams, metrics) }
            await supervisor.run()
            watching.cancel()
        }
        for (_, stream) in streams { stream.close() }
        await listener.stop()
    }

    /// Once a second: what was offered to each service, and what waits.
    private static func watch(
        _ streams: [(String, RedisServiceStreams)], _ metrics: SupervisorMetrics
    ) async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            for (service, stream) in streams {
                // A reading that fails leaves the last one.
                guard let load = try? await stream.load(), let members = try? await stream.members() else { continue }
                metrics.set(service, load, members: members.members.count)
            }
        }
    }
}
