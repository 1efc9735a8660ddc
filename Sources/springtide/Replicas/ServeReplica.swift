internal import ArgumentParser
internal import Foundation
internal import Logging
internal import Services

extension ServeCommand {
    /// `serve SERVICE --replica N`: one replica of a service instead of the node.
    func serve(_ service: String, _ configuration: ServeConfiguration, _ logger: Logger) async throws {
        guard ReplicaSettings.names.contains(service) else {
            throw ValidationError(
                "\(service) cannot run as replicas; one of \(ReplicaSettings.names.joined(separator: ", "))")
        }
        guard let number = replica, (1...ReplicaSettings.replicasMax).contains(number) else {
            throw ValidationError("--replica must be 1 to \(ReplicaSettings.replicasMax)")
        }
        var logger = logger
        logger[metadataKey: "replica"] = "\(service)-\(number)"
        let listening = try Self.address(http)
        let process = ReplicaProcess(
            service: service, number: number, configuration: configuration, http: listening, logger: logger)
        let (readyFile, log, drain) = (readyFile, logger, configuration.replicas.drain)
        try await Interruption.cancelling {
            try await withTaskCancellationHandler {
                try await process.run { facts in
                    log.info("the replica listens", metadata: ["http": "\(facts.http)"])
                    guard let readyFile, let data = try? JSONEncoder().encode(facts) else { return }
                    do {
                        try data.write(to: URL(fileURLWithPath: readyFile), options: .atomic)
                    } catch {
                        log.warning("the ready file cannot be written", metadata: ["error": "\(error)"])
                    }
                }
            } onCancel: {
                log.info("the replica drains")
                Task.detached {
                    try? await Task.sleep(for: drain)
                    log.error("the drain took too long; what is not ended is taken over by others")
                    Foundation.exit(1)
                }
            }
        }
        logger.info("the replica has drained")
    }

    /// host:port of an option.
    private static func address(_ text: String) throws -> (host: String, port: Int) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]), (0...65_535).contains(port) else {
            throw ValidationError("--http must be host:port")
        }
        return (String(parts[0]), port)
    }
}
