import CacheStack
import Glibc
import LocalStack
import PostgresTier
import Telemetry
import TestServers
import Testing

@Suite("Faults of a real PostgreSQL", .enabled(if: TestServers.areInstalled, "needs PostgreSQL: make deps"))
struct FaultTests {
    private static let key = Sample.account(1)
    private static let rowLock = "SELECT FROM accounts WHERE account = 1 FOR UPDATE"

    @Test("A backend that stops after COMMIT was sent leaves the batch in doubt, and resolution finds it committed")
    func inDoubtCommitted() async throws {
        let database = try await TestDatabase()
        let tier = try database.tier {
            $0.applicationName = "stopped"
            $0.lockTimeout = .seconds(20)
            $0.statementTimeout = .seconds(20)
        }
        try await tier.committed(Sample.write(Self.key, Sample.account(cash: 1)))
        let lock = try await Lock(database, Self.rowLock)
        async let pending = tier.commit(
            [Sample.write(Self.key, Sample.account(cash: 2))], until: .now + .seconds(3))
        let backend = try await Backend(waitingOf: "stopped", database)
        backend.suspend()
        defer { backend.resume() }
        try await lock.release()
        guard case .inDoubt(let mark) = await pending else {
            Issue.record("not in doubt")
            return
        }
        #expect(mark.ticket == Ticket(2))
        await #expect(throws: TierError.self) { try await tier.resolve(mark, until: .now + .milliseconds(300)) }
        #expect(try await tier.load([Self.key], until: .soon).asOf == Ticket(1), "still open")
        backend.resume()
        #expect(try await tier.resolve(mark, until: .soon))
        #expect(try await tier.load([Self.key], until: .soon).entries[0].payload == Sample.account(cash: 2))
        #expect(try await tier.committed(Sample.write(Self.key, Sample.account(cash: 3))) == Ticket(3))
        let other = BatchMark(ticket: mark.ticket, nonce: mark.nonce ^ 1)
        #expect(try await !tier.resolve(other, until: .soon), "the ticket went to another batch")
        await tier.close()
    }

    @Test("A connection that breaks after COMMIT was sent leaves the batch in doubt, and resolution finds it gone")
    func inDoubtGone() async throws {
        let database = try await TestDatabase()
        let tier = try database.tier {
            $0.applicationName = "broken"
            $0.lockTimeout = .seconds(20)
            $0.statementTimeout = .seconds(20)
        }
        try await tier.committed(Sample.write(Self.key, Sample.account(cash: 1)))
        let lock = try await Lock(database, Self.rowLock)
        async let pending = tier.commit([Sample.write(Self.key, Sample.account(cash: 2))], until: .soon)
        let backend = try await Backend(waitingOf: "broken", database)
        try await database.script("SELECT pg_terminate_backend(\(backend.pid))")
        guard case .inDoubt(let mark) = await pending else {
            Issue.record("not in doubt")
            return
        }
        #expect(try await !tier.resolve(mark, until: .soon))
        try await lock.release()
        #expect(try await tier.committed(Sample.write(Self.key, Sample.account(cash: 3))) == Ticket(2))
        #expect(try await !tier.resolve(mark, until: .soon), "its ticket was taken by another batch")
        try await expectGapless(database, tier)
        await tier.close()
    }

    @Test("A connection that breaks before COMMIT was sent is opened again and the batch repeated")
    func brokenBeforeCommit() async throws {
        let database = try await TestDatabase()
        let registry = MetricsRegistry()
        let tier = try database.tier(metrics: registry) {
            $0.applicationName = "early"
            $0.readers = 1
        }
        try await tier.committed(Sample.write(Self.key, Sample.account(cash: 1)))
        _ = try await tier.load([Self.key], until: .soon)
        _ = try await tier.changes(after: .zero, limit: 1, until: .soon)
        let ended = try await database.script(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'early'")
        #expect(ended == [["3"]])
        try await tier.committed(Sample.write(Self.key, Sample.account(cash: 2)))
        #expect(try await tier.load([Self.key], until: .soon).asOf == Ticket(2))
        #expect(try await tier.changes(after: .zero, limit: 9, until: .soon).records.count == 2)
        #expect(registry.text().contains("postgres_reconnects_total 3\n"))
        await tier.close()
    }

    @Test("A batch that cannot get the clock row in time fails with deadline, takes no ticket, and the next commits")
    func lockTimeout() async throws {
        let database = try await TestDatabase()
        let tier = try database.tier { $0.lockTimeout = .milliseconds(50) }
        let lock = try await Lock(database, "SELECT FROM mc_clock FOR UPDATE")
        let outcomes = try await tier.outcomes([Sample.write(Self.key, Sample.account(cash: 1))])
        guard case .failed(let error) = outcomes[0] else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(error.code == .deadline && error.message.contains("55P03"), "\(error)")
        let late = try await tier.outcomes(
            [Sample.write(Self.key, Sample.account(cash: 1))], until: .now + .milliseconds(20))
        guard case .failed(let lateError) = late[0] else { return }
        #expect(lateError.code == .deadline)
        try await lock.release()
        #expect(try await tier.committed(Sample.write(Self.key, Sample.account(cash: 1))) == Ticket(1))
        await tier.close()
    }

    @Test("Calls above the queue's cap are refused as overloaded, and queued ones past their deadline are not run")
    func queueCap() async throws {
        let database = try await TestDatabase()
        let tier = try database.tier {
            $0.queueMax = 2
            $0.applicationName = "queue"
            $0.lockTimeout = .seconds(20)
        }
        let lock = try await Lock(database, "SELECT FROM mc_clock FOR UPDATE")
        let write = Sample.write(Self.key, Sample.account(cash: 1))
        async let running = tier.outcomes([write])
        _ = try await Backend(waitingOf: "queue", database)
        async let expired = tier.outcomes([write], until: .now + .milliseconds(1))
        async let queued = tier.outcomes([write])
        while tier.queueDepth < 2 { await Task.yield() }
        let refused = try await tier.outcomes([write])
        guard case .failed(let error) = refused[0] else { return }
        #expect(error.code == .overloaded)
        try await lock.release()
        guard case .committed = try await running[0], case .committed = try await queued[0],
            case .failed(let late) = try await expired[0]
        else {
            Issue.record("the queue did not drain")
            return
        }
        #expect(late.code == .deadline)
        await tier.close()
    }

    @Test("An unreachable server is reported with its address, and soon")
    func unreachable() async throws {
        let tier = try PostgresTier(.init(conninfo: "host=/nonexistent dbname=x"), schemas: Sample.schemas)
        let error = await #expect(throws: TierError.self) { try await tier.load([Self.key], until: .soon) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("/nonexistent") == true, "\(error?.message ?? "")")
        guard case .failed(let failure) = try await tier.outcomes([Sample.write(Self.key, Sample.account(cash: 1))])[0]
        else { return }
        #expect(failure.code == .unavailable)
        await tier.close()
    }

    @Test("A crash of the server in mid-use loses nothing acknowledged, and the tier recovers by itself")
    func crash() async throws {
        let stack = try LocalStack(redis: .standalone(shards: 1), durability: .full)
        defer { stack.stop() }
        let database = try await TestDatabase(server: stack.postgres.connection)
        let tier = try database.tier { $0.applicationName = "crash" }
        var expected: [UInt64: Bool] = [:]
        var crashes = 0
        for id in UInt64(1)...120 {
            if id == 40 || id == 80 {
                let rows = try await database.script(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'crash' LIMIT 1")
                crashes += kill(Int32(rows[0][0] ?? "") ?? 0, SIGKILL) == 0 ? 1 : 0
            }
            expected[id] = try await attempt(Sample.write(Sample.trade(id), Sample.integers(1), mode: .insert), tier)
        }
        #expect(crashes == 2)
        let rows = try await tier.query("SELECT trade FROM trades ORDER BY trade", until: .soon)
        #expect(rows.compactMap { $0[0].flatMap { UInt64($0) } } == expected.filter(\.value).keys.sorted())
        #expect(expected.count { $0.value } >= 110, "\(expected.count { !$0.value }) of 120 failed")
        try await expectGapless(database, tier)
        await tier.close()
    }

    /// Whether the transaction committed, asked for until it is known; waits out the server's recovery.
    private func attempt(_ transaction: Transaction, _ tier: PostgresTier) async throws -> Bool {
        switch await tier.commit([transaction], until: .now + .seconds(5)) {
        case .decided(let outcomes):
            if case .committed = outcomes[0] { return true }
            guard case .failed = outcomes[0] else { throw TierError(.constraint, "\(outcomes)") }
            _ = try await untilItWorks { () throws(TierError) in try await tier.load([Self.key], until: .soon) }
            return false
        case .inDoubt(let mark):
            return try await untilItWorks { () throws(TierError) in try await tier.resolve(mark, until: .soon) }
        }
    }

    private func untilItWorks<R>(_ body: () async throws(TierError) -> R) async throws -> R {
        let end = ContinuousClock.now + .seconds(20)
        while true {
            do {
                return try await body()
            } catch {
                guard ContinuousClock.now < end else { throw error }
            }
        }
    }
}
