import CacheStack
import PostgresTier
import Telemetry
import TestServers
import Testing

@Suite("Contention and doubt", .enabled(if: TestServers.areInstalled, "needs PostgreSQL: make deps"))
struct ContentionTests {
    private static let write = Sample.write(Sample.account(1), Sample.account(cash: 1))

    /// Makes the database fail that many inserts into accounts with an SQLSTATE; sequences do not roll back.
    private func fail(_ times: Int, _ state: String, _ database: TestDatabase, atCommit: Bool = false) async throws {
        let trigger =
            atCommit
            ? "CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            : "CREATE TRIGGER t BEFORE INSERT ON accounts FOR EACH STATEMENT"
        try await database.script(
            """
            CREATE SEQUENCE failures;
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF nextval('failures') <= \(times) THEN RAISE EXCEPTION 'made to fail' USING ERRCODE = '\(state)'; END IF;
              RETURN NEW;
            END $$;
            \(trigger) EXECUTE FUNCTION fail();
            """)
    }

    @Test(
        "Serialization failures and deadlocks are repeated five times and no more, in a statement and in COMMIT",
        arguments: ["40001", "40P01"], [false, true])
    func retried(_ state: String, atCommit: Bool) async throws {
        let database = try await TestDatabase()
        let registry = MetricsRegistry()
        let tier = try database.tier(metrics: registry)
        // The first batch needs all five repetitions; the second would need six.
        try await fail(5, state, database, atCommit: atCommit)
        #expect(try await tier.committed(Self.write) == Ticket(1))
        #expect(registry.text().contains("postgres_contention_retries_total 5\n"))
        try await database.script("DROP TRIGGER t ON accounts; DROP FUNCTION fail; DROP SEQUENCE failures")
        try await fail(6, state, database, atCommit: atCommit)
        guard case .failed(let error) = try await tier.outcomes([Self.write])[0] else {
            Issue.record("not failed")
            return
        }
        #expect(error.code == .overloaded && error.message.contains(state), "\(error)")
        #expect(registry.text().contains("postgres_contention_retries_total 10\n"))
        #expect(try await tier.load([Sample.account(1)], until: .soon).asOf == Ticket(1), "nothing was written")
        #expect(try await tier.committed(Self.write) == Ticket(2))
        await tier.close()
    }

    @Test("Repetitions end with the deadline, and can be switched off")
    func deadline() async throws {
        let database = try await TestDatabase()
        try await fail(1_000, "40001", database)
        let registry = MetricsRegistry()
        let patient = try database.tier(metrics: registry) { $0.contentionRetriesMax = 20 }
        // Twenty doubling pauses from 2 ms would take half an hour on average.
        let outcomes = try await patient.outcomes([Self.write], until: .now + .milliseconds(300))
        guard case .failed(let error) = outcomes[0] else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(error.code == .overloaded || error.code == .deadline)
        await patient.close()
        let none = MetricsRegistry()
        let tier = try database.tier(metrics: none) { $0.contentionRetriesMax = 0 }
        guard case .failed(let at0) = try await tier.outcomes([Self.write])[0] else {
            Issue.record("not failed")
            return
        }
        #expect(at0.code == .overloaded && none.text().contains("postgres_contention_retries_total 0\n"))
        await tier.close()
    }

    @Test("A batch that the server kills to break a real deadlock commits when it is repeated")
    func deadlock() async throws {
        let database = try await TestDatabase()
        let registry = MetricsRegistry()
        let tier = try database.tier(metrics: registry) {
            $0.applicationName = "victim"
            $0.conninfo += " options='-c deadlock_timeout=300ms'"
            $0.lockTimeout = .seconds(20)
            $0.statementTimeout = .seconds(20)
        }
        try await tier.committed(Self.write)
        // The other side holds the row the batch wants, and then wants the clock row, which the batch holds. It looks
        // for deadlocks a minute later than the batch, which is the victim of each one it finds.
        let other = Task {
            try await database.script(
                """
                SET deadlock_timeout = '60s'; BEGIN; SELECT FROM accounts WHERE account = 1 FOR UPDATE;
                DO $$ BEGIN
                  WHILE NOT EXISTS (SELECT FROM pg_stat_activity
                    WHERE application_name = 'victim' AND wait_event_type = 'Lock') LOOP
                    PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot();
                  END LOOP;
                END $$;
                SELECT ts FROM mc_clock WHERE id = 1 FOR UPDATE; COMMIT
                """)
        }
        try await database.wait(
            until: "EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%60s%' AND wait_event = 'PgSleep')")
        let outcome = try await tier.outcomes([Sample.write(Sample.account(1), Sample.account(cash: 2))])[0]
        guard case .committed = outcome else {
            Issue.record("\(outcome)")
            return
        }
        _ = try await other.value
        #expect(registry.text().contains("postgres_contention_retries_total 1\n"))
        #expect(
            try await tier.load([Sample.account(1)], until: .soon).entries[0].payload == Sample.account(cash: 2))
        await tier.close()
    }

    // MARK: Doubt, as a service sees it

    struct Account: CacheRow, Equatable {
        var cash: Int64 = 0

        mutating func columns(_ column: inout RowColumns) { column("cash", &cash) }
    }

    static let accounts = CacheSpace<Int, Account>(1, table: "balance", key: "account")

    private func stack(
        _ database: TestDatabase, _ name: String, resolution: Duration
    ) throws -> (CacheStack, PostgresTier) {
        let tier = try database.tier([Self.accounts.schema]) {
            $0.applicationName = name
            $0.lockTimeout = .seconds(20)
            $0.statementTimeout = .seconds(20)
        }
        var configuration = CacheStack.Configuration()
        configuration.commitTimeout = .seconds(1)
        configuration.resolutionTimeout = resolution
        let stack = CacheStack(
            configuration, schemas: [Self.accounts.schema], shared: nil, durable: tier, metrics: MetricsRegistry())
        return (stack, tier)
    }

    private func deposit(_ stack: CacheStack, _ key: String) async throws -> TransactionOutcome<Int64> {
        try await stack.transaction(idempotencyKey: key, intent: "deposit 5 to 1") { tx in
            var account = try await tx.get(Self.accounts, 1) ?? Account()
            account.cash += 5
            try tx.write(Self.accounts, 1, account)
            return account.cash
        }
    }

    @Test("A commit whose answer does not come is inDoubt, is no failure, and its repetition finds it took effect")
    func doubtSettled() async throws {
        let database = try await TestDatabase(tables: [Self.accounts.schema])
        let (stack, tier) = try stack(database, "doubt", resolution: .milliseconds(100))
        #expect(try await deposit(stack, "first").result == 5)
        let lock = try await Lock(database, "SELECT FROM balance WHERE account = 1 FOR UPDATE")
        async let pending = deposit(stack, "second")
        let backend = try await Backend(waitingOf: "doubt", database)
        backend.suspend()
        defer { backend.resume() }
        try await lock.release()
        do {
            _ = try await pending
            Issue.record("the server stands still, and yet there was an answer")
        } catch let error as TransactionError {
            #expect(error.code == .inDoubt && error.message.contains("same key"))
        }
        #expect(try stack.peek(Self.accounts, 1) == nil, "in doubt, the row is L3's alone")
        backend.resume()
        let again = try await deposit(stack, "second")
        guard case .alreadyCommitted(let receipt) = again else {
            Issue.record("\(again)")
            return
        }
        #expect(receipt.ticket == Ticket(2))
        #expect(try await stack.get(Self.accounts, 1, .strict)?.cash == 10, "once")
        let reused = await #expect(throws: TransactionError.self) {
            try await stack.transaction(idempotencyKey: "second", intent: "deposit 6 to 1") { tx in
                try tx.write(Self.accounts, 1, Account(cash: 6))
            }
        }
        #expect(reused?.code == .keyReused)
        await tier.close()
    }

    @Test("A commit that breaks with its connection is looked up: it failed, and its repetition takes effect")
    func doubtGone() async throws {
        let database = try await TestDatabase(tables: [Self.accounts.schema])
        let (stack, tier) = try stack(database, "gone", resolution: .seconds(20))
        #expect(try await deposit(stack, "first").result == 5)
        let lock = try await Lock(database, "SELECT FROM balance WHERE account = 1 FOR UPDATE")
        async let pending = deposit(stack, "second")
        let backend = try await Backend(waitingOf: "gone", database)
        try await database.script("SELECT pg_terminate_backend(\(backend.pid))")
        do {
            _ = try await pending
            Issue.record("its connection was cut before it could commit")
        } catch let error as TransactionError {
            #expect(error.code == .failed, "\(error)")
        }
        try await lock.release()
        #expect(try await deposit(stack, "second").result == 10)
        await tier.close()
    }

    @Test("Write skew is impossible when serializable, and happens where only written rows are checked")
    func writeSkew() async throws {
        for isolation in [TransactionPolicy.Isolation.serializable, .writtenRows] {
            let database = try await TestDatabase(tables: [Self.accounts.schema])
            let (here, tier) = try stack(database, "skew", resolution: .seconds(1))
            let (there, otherTier) = try stack(database, "skew", resolution: .seconds(1))
            try await here.transaction { tx in
                for id in 1...2 { try tx.write(Self.accounts, id, Account(cash: 60)) }
            }
            // Each takes 100 from its own account if both together have it; the second reads before the first commits.
            let gate = Gate()
            @Sendable func take(_ stack: CacheStack, _ own: Int, _ wait: @escaping @Sendable () async throws -> Void)
                async throws
            {
                try await stack.transaction(policy: TransactionPolicy(isolation: isolation)) { tx in
                    let both = try await tx.get(Self.accounts, [1, 2]).map { $0?.cash ?? 0 }
                    try await wait()
                    guard both.reduce(0, +) >= 100 else { return }
                    try tx.write(Self.accounts, own, Account(cash: both[own - 1] - 100))
                }
            }
            try await take(here, 1) {
                guard await gate.enter() else { return }
                try await take(there, 2) {}
            }
            let sum = try await here.get(Self.accounts, [1, 2], .strict).reduce(0) { $0 + ($1?.cash ?? 0) }
            #expect(sum == (isolation == .serializable ? 20 : -80))
            await tier.close()
            await otherTier.close()
        }
    }

    /// Lets the first one through.
    private actor Gate {
        private var isFirst = true

        func enter() -> Bool {
            defer { isFirst = false }
            return isFirst
        }
    }
}
