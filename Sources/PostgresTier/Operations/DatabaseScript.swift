package import CacheStack

/// Runs SQL scripts for tests and tools that create databases: never for text from outside.
package enum DatabaseScript {
    /// Runs statements separated by semicolons on a connection of its own; gives the last result as text.
    package static func run(
        _ script: String, on conninfo: String, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [[String?]] {
        let pool = WorkerPool<Void>("pg-script", threads: 1, queueMax: 1) {}
        let result: Result<[[String?]], TierError>
        do {
            result = .success(
                try await pool.run(until: deadline) { _ throws(DatabaseFault) in
                    let connection = try Connection(conninfo, keywords: [], until: deadline)
                    return try connection.run(script: script, until: deadline)?.texts ?? []
                })
        } catch {
            result = .failure(error)
        }
        await pool.stop()
        return try result.get()
    }
}
