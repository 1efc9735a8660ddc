import CacheStack
import PostgresTier
import RedisTier
import Telemetry

/// The stack over a database and a Redis Cluster. Whoever has it keeps `run()` going in a task.
func stack(over connection: String, _ seeds: [RedisAddress], _ metrics: MetricsRegistry) async throws -> CacheStack {
    let spaces = [AccountService.accounts.schema, AccountService.positions.schema]
    let durable = try PostgresTier(.init(conninfo: connection), schemas: spaces, metrics: metrics)
    try await durable.verifySchemas(until: .now + .seconds(5))
    let shared = RedisTier(.init(.cluster(seeds: seeds)), metrics: metrics)
    shared.start()
    return CacheStack(
        schemas: spaces, shared: shared, durable: durable, invalidations: RedisTracking(shared, metrics: metrics),
        metrics: metrics)
}
