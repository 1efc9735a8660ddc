internal import CacheStack
internal import Logging
internal import PostgresTier
internal import Telemetry

extension PostgresTier {
    /// A tier whose database answers and has the tables of `schemas`: waits for it with backoff, then what it lacks is
    /// said at once.
    static func waited(
        for settings: Configuration, schemas: [SpaceSchema], metrics: MetricsRegistry, logger: Logger
    ) async throws -> PostgresTier {
        let tier = try PostgresTier(settings, schemas: schemas, metrics: metrics)
        var pause = Duration.milliseconds(100)
        while true {
            do {
                try await tier.verifySchemas(until: .now + .seconds(5))
                return tier
            } catch  where error.code == .protocolViolation {
                await tier.close()
                throw error
            } catch {
                logger.warning("PostgreSQL is not there yet", metadata: ["error": "\(error)", "retry": "\(pause)"])
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }
}
