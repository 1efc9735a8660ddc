public import CacheStack

extension PostgresTier {
    /// Most rows of one `query`.
    public static let queryRowsMax = 100_000

    /// How many rows a pruning removed.
    public struct Pruned: Sendable, Equatable {
        /// Outbox rows.
        public var outbox = 0
        /// Idempotency keys.
        public var idempotency = 0
    }

    /// Readiness: server version, durability settings (unless `relaxedDurability`), tables, columns, primary keys.
    ///
    /// - Throws: `protocolViolation` naming every table, column or setting that is wrong, `unavailable` with the address.
    public func verifySchemas(until deadline: ContinuousClock.Instant) async throws(TierError) {
        let check = SchemaCheck(catalog: catalog, relaxedDurability: configuration.relaxedDurability)
        let problems = try await operators.run(until: deadline) { session throws(DatabaseFault) in
            try session.run(until: deadline) { connection throws(DatabaseFault) in
                try check.problems(on: connection, until: deadline)
            }
        }
        guard problems.isEmpty else { throw TierError(.protocolViolation, problems.joined(separator: "; ")) }
    }

    /// Runs one statement of fixed text for operators and tests, all parameters and values as text.
    ///
    /// It must be safe to repeat: it is sent again where an idle connection turns out to be broken.
    ///
    /// - Throws: `overloaded` above `queryRowsMax` rows.
    public func query(
        _ sql: StaticString, _ parameters: [String?] = [], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [[String?]] {
        let text = "\(sql)"
        return try await operators.run(until: deadline) { session throws(DatabaseFault) in
            let result = try Self.execute(text, parameters, on: session, deadline)
            guard result.count <= Self.queryRowsMax else {
                throw DatabaseFault(.statement, sqlState: "54000", "a query of \(result.count) rows")
            }
            return result.texts
        }
    }

    /// Removes old outbox rows and idempotency keys, in chunks, until all are gone or the deadline comes.
    ///
    /// - Parameters:
    ///   - outboxAge: must exceed the life of L2 entries (60 s) and the longest tolerated disconnection of a reader.
    ///   - idempotencyAge: must exceed the trading day.
    ///   - chunk: rows of one statement.
    public func prune(
        outboxAge: Duration = .seconds(600), idempotencyAge: Duration = .seconds(86_400), chunk: Int = 10_000,
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> Pruned {
        precondition(chunk > 0, "a chunk has at least one row")
        var pruned = Pruned()
        pruned.outbox = try await prune(Self.pruneOutbox, outboxAge, chunk, deadline)
        pruned.idempotency = try await prune(Self.pruneKeys, idempotencyAge, chunk, deadline)
        return pruned
    }

    private func prune(
        _ sql: String, _ age: Duration, _ chunk: Int, _ deadline: ContinuousClock.Instant
    ) async throws(TierError) -> Int {
        var total = 0
        while ContinuousClock.now < deadline {
            let parameters = ["\(age.milliseconds)", "\(chunk)"]
            let removed = try await operators.run(until: deadline) { session throws(DatabaseFault) in
                let result = try Self.execute(sql, parameters, on: session, deadline)
                return result.text(0, 0).flatMap { Int($0) } ?? 0
            }
            total += removed
            if removed < chunk { break }
        }
        return total
    }

    private static func execute(
        _ sql: String, _ parameters: [String?], on session: Session, _ deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) -> ResultSet {
        try session.run(until: deadline) { connection throws(DatabaseFault) in
            try connection.send(sql: sql, parameters)
            try connection.sync()
            guard let result = try connection.receive(until: deadline).first else {
                throw DatabaseFault(.protocolViolation, "a statement gave no result")
            }
            return result
        }
    }

    /// Only a prefix goes: the rest stays gapless, also where the clock went back.
    private static let pruneOutbox = """
        WITH old AS (SELECT ct, at < clock_timestamp() - $1::int8 * interval '1 ms' AS expired FROM mc_commit \
        ORDER BY ct LIMIT $2::int8), kept AS (SELECT min(ct) AS ct FROM old WHERE NOT expired), \
        gone AS (DELETE FROM mc_commit m USING old, kept WHERE m.ct = old.ct \
        AND (kept.ct IS NULL OR old.ct < kept.ct) RETURNING 1) SELECT count(*) FROM gone
        """

    private static let pruneKeys = """
        WITH gone AS (DELETE FROM mc_idem WHERE idem IN (SELECT idem FROM mc_idem \
        WHERE at < clock_timestamp() - $1::int8 * interval '1 ms' LIMIT $2::int8) RETURNING 1) \
        SELECT count(*) FROM gone
        """
}
