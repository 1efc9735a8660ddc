import CacheStack
import LocalStack
import PostgresTier
import Telemetry
import TestServers

/// A database of one test on the shared server, migrated, with the tables of `Sample`.
struct TestDatabase {
    let conninfo: String
    /// Of the server itself, to reach it beside the tier.
    let administrator: String

    init(server: String? = nil, tables: [SpaceSchema] = Sample.schemas) async throws {
        administrator = try server ?? TestServers.shared.postgres.connection
        let name = "t\(UInt64.random(in: .min ... .max))"
        _ = try await DatabaseScript.run("CREATE DATABASE \(name)", on: administrator, until: .soon)
        conninfo = "\(administrator) dbname=\(name)"
        var configuration = PostgresTier.Configuration(conninfo: conninfo)
        configuration.relaxedDurability = true
        let directory = try Self.cacheMigration()
        defer { try? Scratch.remove(directory) }
        _ = try await Migrations(directory: directory, configuration).apply(until: .soon)
        for table in tables { _ = try await script(TableDefinition.createStatement(table)) }
    }

    @discardableResult
    func script(_ text: String) async throws -> [[String?]] {
        try await DatabaseScript.run(text, on: conninfo, until: .soon)
    }

    /// A tier on this database; `adjust` changes its configuration.
    func tier(
        _ schemas: [SpaceSchema] = Sample.schemas, metrics: MetricsRegistry = MetricsRegistry(),
        _ adjust: (inout PostgresTier.Configuration) -> Void = { _ in }
    ) throws -> PostgresTier {
        var configuration = PostgresTier.Configuration(conninfo: conninfo)
        configuration.relaxedDurability = true
        adjust(&configuration)
        return try PostgresTier(configuration, schemas: schemas, metrics: metrics)
    }

    /// Waits until `sql` gives true, for at most ten seconds.
    func wait(until sql: String) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while try await script("SELECT \(sql)") != [["t"]] {
            guard ContinuousClock.now < end else { throw TierError(.deadline, "never true: \(sql)") }
        }
    }

    /// A directory that holds only the first migration.
    private static func cacheMigration() throws -> String {
        try Scratch.directory([("0001_cache.sql", Scratch.text(of: "\(Scratch.schemas)/0001_cache.sql"))])
    }
}

/// Three spaces: every field type, a pair key, and an append-only one that nobody else reads.
enum Sample {
    static let accounts = SpaceSchema(
        space: SpaceID(rawValue: 1), table: "accounts", key: .id("account"),
        fields: [
            .init("cash", .int64), .init("level", .int16), .init("flags", .int32), .init("name", .text(max: 12)),
            .init("mark", .bytes(max: 4)),
        ])
    static let positions = SpaceSchema(
        space: SpaceID(rawValue: 2), table: "positions", key: .pair("account", "instrument"),
        fields: [.init("quantity", .int64), .init("sellable", .int64)])
    static let trades = SpaceSchema(
        space: SpaceID(rawValue: 300), table: "trades", key: .id("trade"), fields: [.init("price", .int64)],
        isShared: false, isAppendOnly: true)
    static let schemas = [accounts, positions, trades]

    static func account(
        cash: Int64, level: Int16 = 0, flags: Int32 = 0, name: String = "", mark: [UInt8] = []
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: cash.littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: level.littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: flags.littleEndian) { bytes.append(contentsOf: $0) }
        bytes += [UInt8(name.utf8.count)] + Array(name.utf8) + Array(repeating: 0, count: 12 - name.utf8.count)
        return bytes + [UInt8(mark.count)] + mark + Array(repeating: 0, count: 4 - mark.count)
    }

    static func integers(_ values: Int64...) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    }

    static func account(_ id: UInt64) -> CacheKey { CacheKey(accounts.space, id) }
    static func position(_ account: UInt32, _ instrument: UInt32) -> CacheKey {
        CacheKey(positions.space, UInt64(account) << 32 | UInt64(instrument))
    }
    static func trade(_ id: UInt64) -> CacheKey { CacheKey(trades.space, id) }

    /// One row, one write.
    static func write(
        _ key: CacheKey, _ payload: [UInt8] = [], mode: WriteSet.Mode = .upsert,
        expecting: [Transaction.Expectation] = [], idempotency: Transaction.IdempotencyKey? = nil
    ) -> Transaction {
        var writes = WriteSet()
        writes.append(key, mode, payload: payload)
        return Transaction(expectations: expecting, writes: writes, idempotency: idempotency)
    }
}

extension ContinuousClock.Instant {
    /// Far enough for anything that works.
    static var soon: Self { .now + .seconds(30) }
}

extension PostgresTier {
    /// The outcomes of a batch that must be decided.
    func outcomes(
        _ batch: [Transaction], until deadline: ContinuousClock.Instant = .soon
    ) async throws -> [CommitOutcome] {
        guard case .decided(let outcomes) = await commit(batch, until: deadline) else {
            throw TierError(.deadline, "the batch is in doubt")
        }
        return outcomes
    }

    /// The ticket of one transaction that must commit.
    @discardableResult
    func committed(_ transaction: Transaction) async throws -> Ticket {
        let outcomes = try await outcomes([transaction])
        guard case .committed(let ticket, _, _)? = outcomes.first else {
            throw TierError(.constraint, "not committed: \(outcomes)")
        }
        return ticket
    }
}
