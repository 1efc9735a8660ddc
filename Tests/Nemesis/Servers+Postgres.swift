import CacheStack
import Foundation
import Glibc
import LocalStack
import PostgresTier
import Synchronization

extension Servers {
    func makeDatabase() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent()
        let schema = try String(
            contentsOf: root.appendingPathComponent("Schemas/0001_cache.sql"), encoding: .utf8)
        let deadline = ContinuousClock.now + .seconds(30)
        for statement in [
            "CREATE DATABASE nemesis",
            // Shorter than the tier's lock timeout, so that a deadlock is found before it.
            "ALTER DATABASE nemesis SET deadlock_timeout = '100ms'",
            "ALTER SYSTEM SET log_line_prefix = '%e %a '", "SELECT pg_reload_conf()",
        ] {
            _ = try await DatabaseScript.run(statement, on: stack.postgres.connection, until: deadline)
        }
        var script = schema
        for table in Bank.schemas { script += "\n" + (try TableDefinition.createStatement(table)) }
        try await sql(script + "\n" + Bank.history)
    }

    /// Runs a script beside the relay.
    @discardableResult
    func sql(_ script: String, seconds: Int = 30) async throws -> [[String?]] {
        try await DatabaseScript.run(script, on: directConninfo, until: .now + .seconds(seconds))
    }

    /// Runs statements as one transaction at SERIALIZABLE, beside the relay.
    func serializableSQL(_ script: String) async throws -> [[String?]] {
        let options = " options='-c default_transaction_isolation=serializable'"
        return try await DatabaseScript.run(
            script, on: directConninfo + options, until: .now + .seconds(5))
    }

    /// One number that a script gives.
    func number(_ script: String) async throws -> Int {
        guard let number = try await sql(script).first?.first.flatMap({ $0 }).flatMap({ Int($0) })
        else {
            throw BenchError("no number: \(script)")
        }
        return number
    }

    /// How often a text stands in PostgreSQL's logs, of all its starts; lines begin with SQLSTATE and program.
    func logged(_ text: String) -> Int {
        ["\(stack.postgres.process.log)", "\(stack.directory)/postgres-restart.log"].reduce(0) {
            count, path in
            guard let data = FileManager.default.contents(atPath: path) else { return count }
            let log = String(decoding: data, as: UTF8.self)
            return count + log.components(separatedBy: text).count - 1
        }
    }

    // MARK: Stopping and starting

    /// Ends all of PostgreSQL at once, as a crash does, and starts it again.
    func restartPostgres() async throws {
        try await stopPostgres()
        try startPostgres()
    }

    private func stopPostgres() async throws {
        let process = postgres.withLock { $0 }
        process.signal(SIGQUIT)
        try await Self.wait("end of PostgreSQL", seconds: 20) {
            if let child = process.child { return !child.isRunning }
            return process.first?.processID.map { Self.state($0) } ?? "Z" == "Z"
        }
    }

    private func startPostgres() throws {
        let arguments = postgres.withLock { $0.arguments }
        let child = try ChildProcess.start(arguments, log: "\(stack.directory)/postgres-restart.log")
        postgres.withLock { $0.child = child }
    }

    /// Waits until PostgreSQL answers, beside the relay.
    func waitForPostgres() async throws {
        try await Self.wait("start of PostgreSQL", seconds: 60) {
            (try? await sql("SELECT 1", seconds: 2)) == [["1"]]
        }
    }

    /// The process id of the postmaster.
    func postmaster() throws -> pid_t {
        let path = "\(stack.postgres.directory)/data/postmaster.pid"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let pid = text.split(separator: "\n").first.flatMap({ pid_t($0) }) else {
            throw BenchError("no process id in \(path)")
        }
        return pid
    }

    // MARK: Backup and restore

    /// Stops PostgreSQL, copies its files, and starts it again.
    func backUp() async throws {
        let directory = stack.postgres.directory
        try await stopPostgres()
        try await Self.execute(["rm", "-rf", "\(directory)/copy"])
        try await Self.execute(["cp", "-a", "\(directory)/data", "\(directory)/copy"])
        try startPostgres()
        try await waitForPostgres()
    }

    /// Puts the copy in the place of the present files, and raises the epoch before clients are let in again, as
    /// whoever restores a database must. Returns how many tickets were lost.
    func restore() async throws -> Int {
        let directory = stack.postgres.directory
        let cut = Clock.now
        proxy.set(Self.postgresLink, .refuse)
        defer { proxy.set(Self.postgresLink, .pass) }
        proxy.reset(Self.postgresLink)
        try await Self.wait("end of the clients' transactions", seconds: 20) {
            let sql = """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'nemesis-%'
                """
            return (try? await number(sql)) == 0
        }
        let dump = try await Dump.read(self)
        let epoch = try await number("SELECT epoch FROM mc_clock")
        try await stopPostgres()
        let over = Clock.now
        try await Self.execute(["rm", "-rf", "\(directory)/data"])
        try await Self.execute(["mv", "\(directory)/copy", "\(directory)/data"])
        try startPostgres()
        try await waitForPostgres()
        let kept = try await number("UPDATE mc_clock SET epoch = \(epoch + 1) RETURNING ts")
        end(EndedEpoch(epoch: UInt32(epoch), cut: cut, over: over, dump: dump), next: UInt32(epoch) + 1)
        return Int(dump.ticket) - kept
    }

    private static func execute(_ arguments: [String]) async throws {
        let child = try ChildProcess.start(arguments, log: "/dev/null")
        guard await child.wait() == 0 else {
            throw BenchError("failed: \(arguments.joined(separator: " "))")
        }
    }

    // MARK: Processes

    /// Runs as user postgres where this program runs as root, and dies with it.
    static var user: [String] {
        let death = ["--pdeathsig", "KILL", "--"]
        guard geteuid() == 0 else { return ["setpriv"] + death }
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + death
    }

    /// The letter of a process's state, Z for one that has ended.
    static func state(_ pid: pid_t) -> String {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ") Z"
        return text.split(separator: ")").last.flatMap { $0.split(separator: " ").first }.map(
            String.init) ?? "Z"
    }

    static func commandLine(_ pid: pid_t) throws -> [String] {
        // Not `contentsOfFile`: files of /proc have no size.
        guard let file = FileHandle(forReadingAtPath: "/proc/\(pid)/cmdline"),
            let data = try file.readToEnd()
        else {
            throw BenchError("the command line of process \(pid) cannot be read")
        }
        let words = data.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        return words.last == "" ? words.dropLast() : words
    }
}
