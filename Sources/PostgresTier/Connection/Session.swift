internal import CacheStack
internal import Telemetry

/// Keeps one connection open for one thread: opens it at need, drops it after faults, and waits between attempts.
///
/// Planner settings: joins against arrays must use the primary key even while a table is empty or was never analyzed,
/// when the planner would take a sequential scan or hash join and keep that plan until the next ANALYZE. So the other
/// methods are priced out, plans are generic (no planning per call), and JIT, which looks at those prices, is off.
final class Session {
    enum Role {
        /// Point reads and writes by primary key.
        case rows
        /// Full scans and operator queries: the planner chooses, statements may take as long as their deadline.
        case scans
    }

    private let configuration: PostgresTier.Configuration
    private let role: Role
    private let metrics: TierMetrics
    private var open: Connection?
    private var failures = 0
    private var notBefore = ContinuousClock.now
    private var hasConnected = false

    init(_ configuration: PostgresTier.Configuration, _ role: Role, _ metrics: TierMetrics) {
        self.configuration = configuration
        self.role = role
        self.metrics = metrics
    }

    /// Closes the connection: the server rolls an open transaction back.
    func drop() { open = nil }

    /// The connection, in pipeline mode, opened where there is none.
    func connection(until deadline: ContinuousClock.Instant) throws(DatabaseFault) -> Connection {
        if let open { return open }
        guard notBefore < deadline else {
            throw DatabaseFault(.connection, "PostgreSQL is down; the next attempt to connect comes after the deadline")
        }
        let pause = notBefore - .now
        if pause > .zero { Thread.sleep(pause) }
        do {
            let fresh = try connect(until: min(deadline, .now + configuration.connectTimeout))
            failures = 0
            open = fresh
            if hasConnected { metrics.reconnects.increment() }
            hasConnected = true
            return fresh
        } catch {
            failures += 1
            notBefore = .now + pauseAfterFailure
            throw error.kind == .deadline
                ? DatabaseFault(.connection, "no connection to PostgreSQL within its timeout") : error
        }
    }

    /// Runs `body` on the connection; drops it after a fault, and repeats once where a connection that had worked
    /// before broke. `body` must be safe to repeat.
    func run<R>(
        until deadline: ContinuousClock.Instant, _ body: (Connection) throws(DatabaseFault) -> R
    ) throws(DatabaseFault) -> R {
        var mayRepeat = true
        while true {
            let connection = try connection(until: deadline)
            do {
                return try body(connection)
            } catch {
                let wasOld = connection.hasAnswered
                settle(error)
                guard mayRepeat, error.kind == .connection, wasOld else { throw error }
                mayRepeat = false
            }
        }
    }

    /// After a fault: keeps the connection where it is good, ending an open transaction, and drops it otherwise.
    func settle(_ fault: DatabaseFault) {
        // 0A000 and 26000: a prepared statement no longer fits its table. A new connection prepares anew.
        guard fault.isConnectionUsable, !["0A000", "26000"].contains(fault.sqlState), let open else { return drop() }
        guard open.isInTransaction else { return }
        rollback(open)
    }

    /// Ends the open transaction; drops the connection where that fails.
    func rollback(_ connection: Connection) {
        do {
            try connection.send(Self.rollbackStatement)
            try connection.sync()
            _ = try connection.receive(until: .now + .seconds(1))
        } catch {
            metrics.rollbackFailures.increment()
            drop()
        }
    }

    private static let rollbackStatement = Statement("rollback", "ROLLBACK")

    private var pauseAfterFailure: Duration {
        let ceiling = min(configuration.reconnectPauseMax, .milliseconds(50) * (1 << min(failures - 1, 10)))
        return ceiling * Double.random(in: 0.1...1)
    }

    private func connect(until deadline: ContinuousClock.Instant) throws(DatabaseFault) -> Connection {
        let seconds = max(2, configuration.connectTimeout.components.seconds)
        let fresh = try Connection(
            configuration.conninfo,
            keywords: [
                ("application_name", configuration.applicationName), ("client_encoding", "UTF8"),
                ("connect_timeout", "\(seconds)"),
            ],
            until: deadline)
        try fresh.run(script: settings, until: deadline)
        try fresh.enterPipelineMode()
        return fresh
    }

    private var settings: String {
        let idle = configuration.idleInTransactionTimeout.milliseconds
        let common = "SET lock_timeout = \(configuration.lockTimeout.milliseconds); SET jit = off; "
        switch role {
        case .rows:
            return common + """
                SET statement_timeout = \(configuration.statementTimeout.milliseconds); \
                SET idle_in_transaction_session_timeout = \(idle); \
                SET plan_cache_mode = force_generic_plan; \
                SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
                """
        case .scans:
            return common + """
                SET statement_timeout = 0; SET idle_in_transaction_session_timeout = \(max(idle, 60_000)); \
                SET cursor_tuple_fraction = 1
                """
        }
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
