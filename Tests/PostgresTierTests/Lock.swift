import CacheStack
import Glibc
import PostgresTier

/// A transaction of another session that holds a lock until it is released.
struct Lock {
    private let database: TestDatabase
    private let backend: Int32
    private let session: Task<Void, any Error>

    /// Takes what `sql` locks; returns when it is held.
    init(_ database: TestDatabase, _ sql: String) async throws {
        self.database = database
        let mark = "lock\(UInt64.random(in: .min ... .max))"
        session = Task { try await database.script("BEGIN; \(sql); SELECT pg_sleep(60) AS \(mark)") }
        let held = "query LIKE '%\(mark)%' AND wait_event = 'PgSleep'"
        try await database.wait(until: "EXISTS (SELECT FROM pg_stat_activity WHERE \(held))")
        let rows = try await database.script("SELECT pid FROM pg_stat_activity WHERE \(held)")
        backend = Int32(rows[0][0] ?? "") ?? 0
    }

    func release() async throws {
        try await database.script("SELECT pg_terminate_backend(\(backend))")
        guard case .failure = await session.result else { throw TierError(.deadline, "the lock had gone before") }
    }
}

/// The server's process for a session of a tier.
struct Backend {
    let pid: Int32

    /// The one session of application `name` that waits for a lock.
    init(waitingOf name: String, _ database: TestDatabase) async throws {
        let waiting = "application_name = '\(name)' AND wait_event_type = 'Lock'"
        try await database.wait(until: "EXISTS (SELECT FROM pg_stat_activity WHERE \(waiting))")
        let rows = try await database.script("SELECT pid FROM pg_stat_activity WHERE \(waiting)")
        pid = Int32(rows[0][0] ?? "") ?? 0
    }

    func suspend() { kill(pid, SIGSTOP) }
    func resume() { kill(pid, SIGCONT) }
}
