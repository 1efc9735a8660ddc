internal import Foundation
internal import Glibc

/// A private PostgreSQL on a Unix socket in its own directory; no TCP port.
public final class PostgresServer: Sendable {
    /// How much a crash may cost.
    public enum Durability: String, Sendable {
        /// fsync, full page writes, synchronous commit, data checksums: what production must have.
        case full
        /// None of these: only for tests.
        case relaxed
    }

    /// Connection string of database `postgres` for user `app`.
    public var connection: String { "host=\(directory) user=app dbname=postgres" }
    /// The directory of the socket.
    public let directory: String
    /// The postmaster.
    public let process: ServerProcess

    private static let programsMissing = """
        PostgreSQL 15 or later is not installed: run `make deps`, or apt-get install postgresql
        """

    /// The newest /usr/lib/postgresql/N/bin, or nil.
    static var programs: String? {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        return versions.compactMap(Int.init).filter { $0 >= 15 }.max().map { "\(base)/\($0)/bin" }
    }

    /// Creates the database cluster below `root` and starts the server; see `waitUntilReady`.
    init(durability: Durability, root: String) throws(LocalStackError) {
        guard let bin = Self.programs else { throw LocalStackError(Self.programsMissing) }
        directory = "\(root)/pg"
        mkdir(directory, 0o700)
        let user = try Self.unprivileged(owning: directory)
        let data = "\(directory)/data"
        do {
            try Spawn.run(
                user + [
                    "\(bin)/initdb", "-D", data, "-A", "trust", "-U", "app", "-E", "UTF8", "--locale=C", "--no-sync",
                ] + (durability == .full ? ["--data-checksums"] : []), log: "\(directory)/initdb.log")
        } catch {
            try? FileManager.default.removeItem(atPath: directory)
            throw error
        }
        process = try ServerProcess(
            "postgresql",
            user + ["\(bin)/postgres", "-D", data, "-k", directory, "-c", "listen_addresses="]
                + Self.settings(durability).flatMap { ["-c", $0] },
            directory: directory, stopSignal: "INT")
    }

    /// PostgreSQL refuses to run as root: then it runs as user postgres.
    private static func unprivileged(owning directory: String) throws(LocalStackError) -> [String] {
        guard geteuid() == 0 else { return [] }
        guard let user = getpwnam("postgres") else { throw LocalStackError(programsMissing) }
        chown(directory, user.pointee.pw_uid, user.pointee.pw_gid)
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    }

    private static func settings(_ durability: Durability) -> [String] {
        let common = ["max_connections=60", "jit=off", "restart_after_crash=on"]
        switch durability {
        case .full:
            return common + [
                "shared_buffers=1GB", "wal_compression=lz4", "max_wal_size=8GB", "min_wal_size=4GB",
                "checkpoint_timeout=15min", "wal_buffers=16MB", "synchronous_commit=on", "fsync=on",
                "full_page_writes=on",
            ]
        case .relaxed:
            return common + ["shared_buffers=64MB", "fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        }
    }

    /// Waits until connections are accepted.
    func waitUntilReady() throws(LocalStackError) {
        guard let bin = Self.programs else { throw LocalStackError(Self.programsMissing) }
        let isReady = waitUntil(seconds: 60) {
            (try? Spawn.run(["\(bin)/pg_isready", "-q", "-h", directory, "-U", "app"], log: "/dev/null")) != nil
        }
        guard isReady else { throw LocalStackError("PostgreSQL is not ready:\n\(process.logTail())") }
    }

    /// Stops the server (fast shutdown).
    public func stop() { process.stop() }
}
