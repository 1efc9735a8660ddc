internal import Foundation
internal import Glibc

/// A private Redis and PostgreSQL in a scratch directory: for the demo, for developers and for tests.
///
/// Everything listens on loopback or on a Unix socket, belongs to this process, and is gone when the process ends,
/// also after `kill -9` (`ServerProcess`). Works as root and as an ordinary user. Starting takes about 2.5 seconds,
/// most of it a fresh Redis Cluster's own waiting time, in which PostgreSQL starts.
public final class LocalStack: Sendable {
    /// The scratch directory; gone after `stop()`.
    public let directory: String
    /// The Redis servers.
    public let redis: RedisNodes
    /// The database.
    public let postgres: PostgresServer

    /// The programs it needs that are not installed, with the Debian package of each; empty = it can start.
    public static var missingPrograms: [String] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
        let hasRedis = path.split(separator: ":").contains { access("\($0)/redis-server", X_OK) == 0 }
        return (hasRedis ? [] : ["redis-server"]) + (PostgresServer.programs == nil ? ["postgresql"] : [])
    }

    /// Starts both and waits until they serve. Blocks its thread for a few seconds.
    public init(
        redis layout: RedisNodes.Layout = .cluster(masters: 3), durability: PostgresServer.Durability = .full
    ) throws(LocalStackError) {
        let missing = Self.missingPrograms
        guard missing.isEmpty else {
            throw LocalStackError("not installed: \(missing.joined(separator: ", ")); run `make deps`")
        }
        let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(base)/springtide-\(String(repeating: "X", count: 6))".utf8CString)
        guard mkdtemp(&template) != nil else { throw LocalStackError("no scratch directory can be made in \(base)") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(directory, 0o755)
        do {
            redis = try RedisNodes(layout, root: directory)
            redis.formCluster()
            postgres = try PostgresServer(durability: durability, root: directory)
            try postgres.waitUntilReady()
            try redis.waitUntilReady()
        } catch {
            try? FileManager.default.removeItem(atPath: directory)
            throw error
        }
    }

    /// Stops all servers and removes the directory.
    public func stop() {
        redis.stop()
        postgres.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
