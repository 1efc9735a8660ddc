/// The committer's statements on the cache's own tables (Schemas/0001_cache.sql).
enum CommitStatements {
    static let begin = Statement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
    static let commit = Statement("commit", "COMMIT")

    /// Waits for the previous batch, and is always the first lock taken. The epoch rises where the clock went back.
    static let takeTicket = Statement(
        "ticket",
        """
        UPDATE mc_clock SET ts = ts + 1, at = clock_timestamp(), \
        epoch = epoch + (clock_timestamp() < at - interval '50 ms')::int4 WHERE id = 1 RETURNING ts, at, epoch
        """)

    static let knownKeys = Statement(
        "idem", "SELECT idem, ct, body_hash FROM mc_idem WHERE idem = ANY($1::text[])")

    static let insertKeys = Statement(
        "idem_insert",
        """
        INSERT INTO mc_idem (idem, ct, outcome, body_hash, at) \
        SELECT unnest($2::text[]), $1::int8, 'ok', unnest($3::int8[]), clock_timestamp()
        """)

    static let outbox = Statement(
        "outbox",
        """
        INSERT INTO mc_commit (ct, at, epoch, nonce, keys) \
        SELECT ts, at, epoch, $1::int8, $2::bytea FROM mc_clock WHERE id = 1
        """)

    /// Waits for the transaction that holds the clock row.
    static let lockClock = Statement("lock", "SELECT ts FROM mc_clock WHERE id = 1 FOR UPDATE")

    static let findBatch = Statement(
        "find",
        "SELECT (SELECT nonce FROM mc_commit WHERE ct = $1::int8), EXISTS (SELECT FROM mc_commit WHERE ct = $1::int8)")
}
