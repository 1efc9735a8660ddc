import CacheStack
import PostgresTier
import TestServers
import Testing

@Suite(
    "Migrations and readiness of a real PostgreSQL",
    .enabled(if: TestServers.areInstalled, "needs PostgreSQL: make deps"))
struct MigrationTests {
    @Test("Files are applied once and in order; later a changed or inserted file is refused")
    func order() async throws {
        let database = try await TestDatabase(tables: [])
        try await database.script("DROP TABLE schema_migrations")
        let first = ("0001_a.sql", "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);")
        let third = ("0003_c.sql", "-- täglich\nINSERT INTO a VALUES (3);")
        #expect(try await apply([third, first], database) == ["0001_a.sql", "0003_c.sql"])
        #expect(try await apply([first, third], database) == [])
        let fourth = ("0004_d.sql", "INSERT INTO a VALUES (4);")
        #expect(try await apply([first, third, fourth], database) == ["0004_d.sql"])
        #expect(try await database.script("SELECT x FROM a ORDER BY x") == [["1"], ["3"], ["4"]])
        let changed = await refusal([("0001_a.sql", "SELECT 1"), third], database)
        #expect(changed?.contains("0001_a.sql") == true, "\(changed ?? "")")
        let renamed = await refusal([("0001_b.sql", first.1), third], database)
        #expect(renamed?.contains("0001_b.sql") == true && renamed?.contains("0001_a.sql") == true)
        let inserted = await refusal([first, ("0002_b.sql", "SELECT 1"), third], database)
        #expect(inserted?.contains("renumber") == true)
    }

    @Test("A file that fails leaves nothing behind, and the message names file and line")
    func failure() async throws {
        let database = try await TestDatabase(tables: [])
        try await database.script("DROP TABLE schema_migrations")
        let bad = ("0001_a.sql", "CREATE TABLE a (x int);\nCREATE TABLE b (y int);\nCREATE TABEL c ();")
        let message = await refusal([bad], database)
        #expect(message?.hasPrefix("0001_a.sql:3: syntax error") == true, "\(message ?? "")")
        let left = try await database.script("SELECT to_regclass('a'), count(*) FROM schema_migrations")
        #expect(left == [[nil, "0"]])
        let commits = await refusal([("0001_a.sql", "COMMIT")], database)
        #expect(commits?.contains("must not contain") == true)
    }

    @Test("Malformed names, equal numbers and empty directories are refused")
    func names() async throws {
        let database = try await TestDatabase(tables: [])
        for files in [
            [("1_a.sql", "")], [("0001_A.sql", "")], [("0001.sql", "")], [("0001_a'.sql", "")], [],
            [("0001_a.sql", ""), ("0001_b.sql", "")],
        ] {
            #expect(await refusal(files, database) != nil, "\(files)")
        }
        let missing = Migrations(directory: "/nonexistent", .init(conninfo: database.conninfo))
        await #expect(throws: TierError.self) { try await missing.apply(until: .soon) }
    }

    @Test("Two migrators at once apply each file once")
    func concurrent() async throws {
        let database = try await TestDatabase(tables: [])
        try await database.script("DROP TABLE schema_migrations")
        let files = (1...9).map { ("000\($0)_a.sql", "CREATE TABLE a\($0) (x int)") }
        async let one = apply(files, database)
        async let two = apply(files, database)
        #expect(try await (one + two).sorted() == files.map(\.0))
    }

    @Test("The repository's own migrations apply, and the cache's tables are as the tier expects")
    func ownMigrations() async throws {
        let tier = try await TestDatabase().tier()
        try await tier.verifySchemas(until: .soon)
        await tier.close()
    }

    @Test(
        "A table that does not fit its schema is named with its column",
        arguments: [
            ("ALTER TABLE accounts DROP COLUMN level", "column accounts.level is missing"),
            ("ALTER TABLE accounts ALTER flags TYPE bigint", "column accounts.flags is bigint, expected integer"),
            ("ALTER TABLE accounts ALTER name DROP NOT NULL", "column accounts.name allows NULL"),
            ("ALTER TABLE accounts ADD extra int NOT NULL", "column accounts.extra is not in the schema"),
            ("DROP TABLE trades", "table trades is missing"),
            ("ALTER TABLE mc_commit DROP COLUMN nonce", "column mc_commit.nonce is missing"),
            (
                "ALTER TABLE positions DROP CONSTRAINT positions_pkey, ADD PRIMARY KEY (instrument, account)",
                "the primary key of positions is (instrument, account), expected (account, instrument)"
            ),
        ])
    func mismatch(_ change: String, _ message: String) async throws {
        let database = try await TestDatabase()
        try await database.script(change)
        let tier = try database.tier()
        let error = await #expect(throws: TierError.self) { try await tier.verifySchemas(until: .soon) }
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        await tier.close()
    }

    @Test("A server that may lose commits is refused unless durability is relaxed")
    func durability() async throws {
        let tier = try await TestDatabase().tier { $0.relaxedDurability = false }
        let error = await #expect(throws: TierError.self) { try await tier.verifySchemas(until: .soon) }
        #expect(error?.message.contains("fsync is off") == true, "\(String(describing: error))")
        await tier.close()
    }

    @Test("Pruning removes old rows in chunks and keeps young ones; resolution beyond retention does not guess")
    func prune() async throws {
        let database = try await TestDatabase()
        let tier = try database.tier()
        for id in UInt64(1)...7 {
            let key = Transaction.IdempotencyKey("k\(id)", bodyHash: id)
            try await tier.committed(Sample.write(Sample.trade(id), Sample.integers(1), idempotency: key))
        }
        try await database.script("UPDATE mc_commit SET at = at - interval '11 minutes' WHERE ct <= 5")
        try await database.script("UPDATE mc_idem SET at = at - interval '25 hours' WHERE ct <= 3")
        let pruned = try await tier.prune(chunk: 2, until: .soon)
        #expect(pruned.outbox == 5 && pruned.idempotency == 3)
        let again = try await tier.prune(until: .soon)
        #expect(again.outbox == 0 && again.idempotency == 0)
        let page = try await tier.changes(after: .zero, limit: 9, until: .soon)
        #expect(page.records.map(\.ticket.rawValue) == [6, 7])
        await #expect(throws: TierError.self) {
            try await tier.resolve(BatchMark(ticket: Ticket(5), nonce: 1), until: .soon)
        }
        await tier.close()
    }

    @Test("Queries take text parameters and give text")
    func query() async throws {
        let tier = try await TestDatabase().tier()
        let rows = try await tier.query(
            "SELECT $1::int + 1, $2::text, NULL UNION ALL SELECT 0, '', ''", ["41", nil], until: .soon)
        #expect(rows == [["42", nil, nil], ["0", "", ""]])
        await #expect(throws: TierError.self) { try await tier.query("SELECT nothing", until: .soon) }
        #expect(try await tier.query("SELECT 1", until: .soon) == [["1"]])
        await tier.close()
    }

    private func apply(_ files: [(String, String)], _ database: TestDatabase) async throws -> [String] {
        let directory = try Scratch.directory(files.map { (name: $0.0, text: $0.1) })
        defer { try? Scratch.remove(directory) }
        return try await Migrations(directory: directory, .init(conninfo: database.conninfo)).apply(until: .soon)
    }

    private func refusal(_ files: [(String, String)], _ database: TestDatabase) async -> String? {
        do {
            _ = try await apply(files, database)
            return nil
        } catch let error as TierError {
            return error.message
        } catch {
            return nil
        }
    }
}
