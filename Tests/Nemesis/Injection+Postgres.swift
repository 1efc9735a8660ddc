import CacheStack
import Glibc
import HistoryChecker
import LocalStack

extension Injection {
    private static let backends = "FROM pg_stat_activity WHERE application_name LIKE 'nemesis-%'"

    // MARK: Processes

    /// The effect: connections of clients that ended or stood still.
    mutating func breakProcess(_ fault: Fault) async throws -> Int {
        switch fault {
        case .postgresRestart:
            let cut = try await servers.number("SELECT count(*) \(Self.backends)")
            let old = try servers.postmaster()
            try await servers.restartPostgres()
            try await servers.waitForPostgres()
            return try servers.postmaster() == old ? 0 : cut
        case .postgresBackendTerminate:
            return try await servers.number(
                "SELECT count(pg_terminate_backend(pid)) \(Self.backends) AND random() < 0.5")
        case .postgresBackendKill:
            let cut = try await servers.number("SELECT count(*) \(Self.backends)")
            let before = servers.logged("was terminated by signal 9")
            kill(try await backend(), SIGKILL)
            let crashes = try await measured(within: 3_000) {
                servers.logged("was terminated by signal 9") - before
            }
            try await servers.waitForPostgres()
            return crashes > 0 ? cut : 0
        default:
            let pid = try await backend()
            kill(pid, SIGSTOP)
            await hold(200...3_000)
            let isStopped = Servers.state(pid) == "T"
            kill(pid, SIGCONT)
            return isStopped ? 1 : 0
        }
    }

    private func backend() async throws -> pid_t {
        pid_t(try await servers.number("SELECT pid \(Self.backends) ORDER BY random() LIMIT 1"))
    }

    // MARK: Locks and transactions

    /// The effect: sessions of clients that waited for the lock; for deadlocks and serialization failures, those that
    /// PostgreSQL's log has.
    mutating func contend(_ fault: Fault) async throws -> Int {
        switch fault {
        case .postgresDeadlock:
            let before = servers.logged("ERROR:  deadlock detected")
            // Its own check comes late, so that a client is the victim.
            let script = """
                SET deadlock_timeout = '10s'; BEGIN; SELECT FROM account FOR UPDATE; SELECT pg_sleep(0.2); \
                SELECT FROM mc_clock FOR UPDATE; COMMIT
                """
            for _ in 0..<3 { try await servers.sql(script) }
            return servers.logged("ERROR:  deadlock detected") - before
        case .postgresSerialization: return await serializationFailures()
        default:
            let isClock = fault == .postgresClockLock
            let milliseconds = Int.random(in: 200...(isClock ? 1_500 : 1_000), using: &random)
            let table = isClock ? "mc_clock" : "account"
            let servers = servers
            let isHeld = Task {
                let sleep = "SELECT pg_sleep(\(Double(milliseconds) / 1_000))"
                try await servers.sql("BEGIN; SELECT FROM \(table) FOR UPDATE; \(sleep); COMMIT")
            }
            let end = ContinuousClock.now + .milliseconds(milliseconds)
            var waiting = 0
            while ContinuousClock.now < end {
                await Self.sleep(milliseconds: 40)
                let sql = "SELECT count(*) \(Self.backends) AND wait_event_type = 'Lock'"
                waiting = max(waiting, (try? await servers.number(sql)) ?? 0)
            }
            _ = try await isHeld.value
            return waiting
        }
    }

    /// Another program's transactions at SERIALIZABLE, which keep to the cache's protocol: clock row, version, outbox.
    /// Those that PostgreSQL refuses with 40001 must leave no trace.
    private mutating func serializationFailures() async -> Int {
        let before = servers.logged("ERROR:  could not serialize access")
        for _ in 0..<4 {
            let turns = (0..<3).map { _ in
                (UInt64.random(in: 0..<4, using: &random), Int.random(in: 0...8, using: &random))
            }
            let (servers, recorder) = (servers, recorder)
            await withTaskGroup(of: Void.self) { group in
                for (id, pause) in turns {
                    group.addTask {
                        for run in 0..<5 {
                            let pause = run == 0 ? pause : 0
                            guard await !Self.serializable(servers, recorder, id, pause: pause) else { return }
                        }
                    }
                }
            }
        }
        return servers.logged("ERROR:  could not serialize access") - before
    }

    private static let attempts = Worker.AttemptCounter()

    /// One of them; false where it was refused and may be repeated.
    private static func serializable(
        _ servers: Servers, _ recorder: Recorder, _ id: UInt64, pause: Int
    ) async -> Bool {
        let key = CacheKey(Bank.registers, id)
        let attempt = attempts.take(2_000_000)
        let mark = Bank.mark(key, 0, attempt)
        let bytes = withUnsafeBytes(of: id.littleEndian) { Array($0) }
        let hex = "0200" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let signed = Int64(bitPattern: mark)
        var call = RecordedCall(
            "otherProgram",
            Operation(.write, .inDoubt, begin: Clock.now, end: Operation.never, attempt: attempt))
        call.writes = [IntendedWrite(Bank.number(key), mark)]
        recorder.note(call)
        do {
            // Statements of one message are one transaction; its isolation comes with the session.
            let rows = try await servers.serializableSQL(
                """
                SELECT max(ver) FROM register WHERE id < 4; SELECT pg_sleep(\(Double(pause) / 1_000)); \
                UPDATE mc_clock SET ts = ts + 1, at = clock_timestamp(), \
                epoch = epoch + (clock_timestamp() < at - interval '50 ms')::int4 WHERE id = 1; \
                INSERT INTO register (id, ver, deleted, balance, attempt, mark) \
                SELECT \(id), ts, false, 0, \(attempt), \(signed) FROM mc_clock \
                ON CONFLICT (id) DO UPDATE SET ver = excluded.ver, deleted = false, balance = 0, \
                attempt = excluded.attempt, mark = excluded.mark; \
                INSERT INTO mc_commit (ct, at, epoch, nonce, keys) \
                SELECT ts, at, epoch, \(Int64(attempt & 0xFFFF_FFFF)), '\\x\(hex)'::bytea FROM mc_clock; \
                SELECT ts, epoch FROM mc_clock
                """)
            let numbers = rows.first?.compactMap { $0.flatMap { UInt64($0) } } ?? []
            guard numbers.count == 2 else { return true }
            call.operation.outcome = .ok
            call.operation.ticket = numbers[0]
            call.epoch = UInt32(numbers[1])
        } catch {
            // 40001 and 40P01 are refusals; after anything else it may have taken effect.
            guard (error as? TierError)?.code == .overloaded else { return true }
            call.operation.outcome = .failed
            recorder.note(error: "other program's transaction refused (40001)")
        }
        call.operation.end = Clock.now
        recorder.note(call)
        return call.operation.outcome == .ok
    }

    // MARK: What PostgreSQL holds

    /// The effect: tickets lost, epochs raised, statements refused for want of room.
    mutating func breakDatabase(_ fault: Fault) async throws -> Int {
        switch fault {
        case .postgresRestore:
            try await servers.backUp()
            await hold(1_000...4_000)
            let lost = try await servers.restore()
            // It has had its effect when a client has committed in the new epoch.
            let sql = "SELECT count(*) FROM mc_commit WHERE epoch = (SELECT epoch FROM mc_clock)"
            let commits = try await measured(within: 5_000) { (try? await servers.number(sql)) ?? 0 }
            return commits > 0 ? max(1, lost) : 0
        case .postgresClockBack:
            let cut = Clock.now
            let epoch = try await servers.number(
                "UPDATE mc_clock SET at = at + interval '1 hour' RETURNING epoch")
            let raised = try await measured(within: 60_000) {
                ((try? await servers.number("SELECT epoch FROM mc_clock")) ?? epoch) - epoch
            }
            guard raised == 1 else { throw BenchError("no commit in 60 s after the clock went back") }
            let ended = EndedEpoch(epoch: UInt32(epoch), cut: cut, over: Clock.now, dump: nil)
            servers.end(ended, next: UInt32(epoch) + 1)
            return raised
        default: return try await fillDisk()
        }
    }

    /// A limit in the midst of the next page of the longest table: PostgreSQL's write of it is cut short, which is how
    /// a full disk shows itself. The write-ahead log stays below it.
    private mutating func fillDisk() async throws -> Int {
        let size = try await servers.number("SELECT pg_relation_size('history')")
        guard size > 16 << 20 else { throw BenchError("the table is shorter than the log's segments") }
        let before = servers.logged("ERROR:  could not extend file")
        var pids = [try servers.postmaster()]
        for row in try await servers.sql("SELECT pid \(Self.backends)") {
            if let pid = row.first?.flatMap({ pid_t($0) }) { pids.append(pid) }
        }
        for pid in pids { try await Self.limit(pid, size + 4_096) }
        await hold(500...3_000)
        pids = [try servers.postmaster()]
        for row in (try? await servers.sql("SELECT pid \(Self.backends)")) ?? [] {
            if let pid = row.first?.flatMap({ pid_t($0) }) { pids.append(pid) }
        }
        for pid in pids { try await Self.limit(pid, nil) }
        return servers.logged("ERROR:  could not extend file") - before
    }

    /// Sets how long a file a process may make, nil for any length; one that has ended meanwhile is no fault.
    private static func limit(_ pid: pid_t, _ bytes: Int?) async throws {
        let soft = bytes.map { "\($0)" } ?? "unlimited"
        // Only the user whose process it is may, without special rights.
        let command = Servers.user + ["prlimit", "--pid", "\(pid)", "--fsize=\(soft):"]
        let child = try ChildProcess.start(command, log: "/dev/null")
        guard await child.wait() == 0 || kill(pid, 0) != 0 else { throw BenchError("no limit on process \(pid)") }
    }
}
