extension PostgresTier {
    /// How to reach the database and what it may cost.
    public struct Configuration: Sendable {
        /// libpq connection string or URI. `PGPASSFILE` and friends work; a password is never logged.
        public var conninfo: String
        /// Shown in pg_stat_activity and in the server's log.
        public var applicationName = "springtide"
        /// Longest wait for a connection.
        public var connectTimeout = Duration.seconds(2)
        /// The server's `statement_timeout` for loads, commits and changes; scans have their own deadline only.
        public var statementTimeout = Duration.seconds(2)
        /// The server's `lock_timeout`: how long a batch waits for the clock row.
        public var lockTimeout = Duration.milliseconds(500)
        /// The server's `idle_in_transaction_session_timeout`: a stopped process gives the clock row back after it.
        public var idleInTransactionTimeout = Duration.seconds(5)
        /// Connections, and threads, for loads: 1...32.
        public var readers = 2
        /// Most calls waiting for each kind of thread; one more is answered `overloaded`.
        public var queueMax = 1_024
        /// Most keys of one load.
        public var loadKeysMax = 100_000
        /// Most rows of one batch; whoever fills tables stays near 20,000, far from `statementTimeout`.
        public var batchRowsMax = 100_000
        /// Most bytes of the payloads of one batch: larger ones are committed in halves, a larger transaction refused.
        /// A message to the server may have 1 GiB, and an array up to three times the bytes of its payloads.
        public var batchBytesMax = 256 << 20
        /// How often a batch is attempted again after SQLSTATE 40001 or 40P01, within its deadline: 0...20. The pauses
        /// double from 2 ms, with full jitter: five add up to 62 ms at most.
        public var contentionRetriesMax = 5
        /// Longest pause between attempts to connect; the pauses double from 50 ms, with full jitter.
        public var reconnectPauseMax = Duration.seconds(1)
        /// Accepts a server that may lose acknowledged commits (fsync or checksums off). Only for tests.
        public var relaxedDurability = false

        /// The defaults for the database at `conninfo`.
        public init(conninfo: String) { self.conninfo = conninfo }
    }
}
