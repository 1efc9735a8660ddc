internal import ArgumentParser
internal import Foundation
internal import Logging
internal import Services
internal import Telemetry

/// `springtide serve`: the services against servers you have.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the trading services against your PostgreSQL and Redis.",
        discussion: """
            Example: springtide serve --config config/springtide.yaml

            SIGINT and SIGTERM end it. SIGHUP reads redis.addresses of a ring anew: \
            servers that are listed now are added, others leave, and orders go on. \
            What it did is logged. Other keys take effect at the next start.

            With a service's name, one replica of it instead of the node (section replicas):
              springtide serve risk --replica 1 --config config/springtide.yaml
            Services: risk, notifications. SIGTERM drains it: it ends what it has in hand and exits with 0.
            """)

    @Argument(help: "A service to run one replica of; without it the node with everything in one process.")
    var service: String?

    @Option(help: "Number of the replica, from 1; no two of a service may have the same.")
    var replica: Int?

    @Option(help: "Where a replica serves /metrics and /healthz; port 0 takes a free one.")
    var http = "127.0.0.1:0"

    @Option(help: "Configuration file; config/springtide.yaml documents every key.")
    var config: String

    @Option(name: .customLong("trace"), help: "Append spans of sampled requests to this file; beats trace.file.")
    var traceFile: String?

    @Option(help: "Processors that the process may use, such as 0.5, where control groups allow; 0 for no limit.")
    var quota = 0.0

    @Option(help: ArgumentHelp("Write the listeners' ports to this file, as JSON.", visibility: .hidden))
    var readyFile: String?

    func run() async throws {
        var configuration = try ServeConfiguration.read(config)
        if let traceFile { configuration.trace.file = traceFile }
        var logger = Logger(label: "springtide") { JSONLogHandler(label: $0) }
        logger.logLevel = configuration.logLevel
        guard quota == 0 || (0.001...1_024).contains(quota) else {
            throw ValidationError("--quota must be 0, or 0.001 to 1024 processors")
        }
        guard service != nil || replica == nil else {
            throw ValidationError("--replica needs a service, such as: springtide serve risk --replica 1")
        }
        if quota > 0 { try ProcessorQuota.confine(to: quota) }
        if let service { return try await serve(service, configuration, logger) }
        let process = NodeProcess(configuration, logger: logger)
        let (readyFile, config, log) = (readyFile, config, logger)
        let end = try await Interruption.cancelling {
            try await process.run(reload: RingReload(file: config, logger: log)) { addresses in
                log.info("accepting orders", metadata: ["fix": "\(addresses.fix)", "http": "\(addresses.http)"])
                guard let readyFile, let data = try? JSONEncoder().encode(addresses) else { return }
                do {
                    try data.write(to: URL(fileURLWithPath: readyFile), options: .atomic)
                } catch {
                    log.warning("the ready file cannot be written", metadata: ["error": "\(error)"])
                }
            }
        }
        guard end == .stopped else {
            logger.error("the node ended", metadata: ["reason": "\(end)"])
            throw ExitCode(1)
        }
    }
}
