public import CacheStack

/// Applies the numbered SQL files of a directory, each once, each in a transaction of its own.
///
/// Files are named `0001_cache.sql`. What was applied is recorded in `schema_migrations` with the SHA-256 of the file;
/// a file that changed afterwards is refused, as is a new one whose number is below one already applied. An advisory
/// lock keeps two migrators apart. Files must not contain BEGIN or COMMIT of their own.
public struct Migrations: Sendable {
    private let configuration: PostgresTier.Configuration
    private let directory: String

    /// Taken by whoever migrates: "mcmigrat" in ASCII.
    private static let lockNumber: Int64 = 0x6D63_6D69_6772_6174

    /// The migrations of `directory`, for the database of `configuration`.
    public init(directory: String, _ configuration: PostgresTier.Configuration) {
        self.directory = directory
        self.configuration = configuration
    }

    /// Applies what is missing; returns the names of the files applied now, in order.
    ///
    /// - Throws: `protocolViolation` naming the file (and line) that is wrong, `deadline` where another migrator holds
    ///   the lock for too long, `unavailable` with the address.
    public func apply(until deadline: ContinuousClock.Instant) async throws(TierError) -> [String] {
        let files: [MigrationFile]
        do {
            files = try MigrationFile.all(in: directory)
        } catch {
            throw error.tierError
        }
        let pool = WorkerPool<Void>("pg-migrate", threads: 1, queueMax: 1) {}
        let result: Result<[String], TierError>
        do {
            result = .success(
                try await pool.run(until: deadline) { _ throws(DatabaseFault) in try apply(files, until: deadline) })
        } catch {
            result = .failure(error)
        }
        await pool.stop()
        return try result.get()
    }

    private func apply(
        _ files: [MigrationFile], until deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) -> [String] {
        let connection = try Connection(
            configuration.conninfo, keywords: [("application_name", "\(configuration.applicationName) migrate")],
            until: deadline)
        let patience = max(1, (deadline - .now).milliseconds)
        try connection.run(
            script: """
                SET client_min_messages = warning; SET statement_timeout = 0; SET lock_timeout = \(patience); \
                SELECT pg_advisory_lock(\(Self.lockNumber)); \
                CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY, name text NOT NULL, \
                sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())
                """, until: deadline)
        let applied = try Self.applied(on: connection, deadline)
        var names: [String] = []
        for file in files {
            let digest = try Self.digest(file, on: connection, deadline)
            if let known = applied.first(where: { $0.number == file.number }) {
                guard known.digest == digest, known.name == file.name else {
                    throw DatabaseFault(
                        .protocolViolation,
                        "\(file.name) is not the file that was applied as \(known.name): add a new file instead")
                }
                continue
            }
            if let newest = applied.last, newest.number > file.number {
                throw DatabaseFault(
                    .protocolViolation, "\(file.name) is new, but \(newest.name) was applied already: renumber it")
            }
            try Self.apply(file, digest, on: connection, deadline)
            names.append(file.name)
        }
        return names
    }

    private static func applied(
        on connection: Connection, _ deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) -> [(number: Int, name: String, digest: String)] {
        let script = "SELECT number, name, sha256 FROM schema_migrations ORDER BY number"
        let rows = try connection.run(script: script, until: deadline)?.texts ?? []
        return rows.map { (Int($0[0] ?? "") ?? 0, $0[1] ?? "", $0[2] ?? "") }
    }

    private static func digest(
        _ file: MigrationFile, on connection: Connection, _ deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) -> String {
        let hexadecimal = file.text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0\(digits)" : digits
        }.joined()
        let script = "SELECT encode(sha256('\\x\(hexadecimal)'::bytea), 'hex')"
        return try connection.run(script: script, until: deadline)?.text(0, 0) ?? ""
    }

    private static func apply(
        _ file: MigrationFile, _ digest: String, on connection: Connection, _ deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) {
        try connection.run(script: "BEGIN", until: deadline)
        do {
            try connection.run(script: file.text, until: deadline)
        } catch {
            var fault = error
            let line = error.position.map { position in
                ":\(file.text.unicodeScalars.prefix(position).reduce(1) { $0 + ($1 == "\n" ? 1 : 0) })"
            }
            fault.message = "\(file.name)\(line ?? ""): \(error.message)"
            throw fault
        }
        guard connection.isInTransaction else {
            throw DatabaseFault(.protocolViolation, "\(file.name) must not contain BEGIN, COMMIT or ROLLBACK")
        }
        // The name consists of digits, lower-case letters and underscores; the digest of hexadecimal digits.
        let record = "INSERT INTO schema_migrations VALUES (\(file.number), '\(file.name)', '\(digest)')"
        try connection.run(script: record, until: deadline)
        let end = try connection.run(script: "COMMIT", until: deadline)
        guard end?.commandTag == "COMMIT" else {
            throw DatabaseFault(.protocolViolation, "\(file.name) was rolled back")
        }
    }
}
