import CacheStack
import Foundation
import LocalStack
import PostgresTier
import Simulation
import Telemetry
import TestServers
import Testing

/// The fake L3 of the simulation against a real PostgreSQL: the same seeded script on both, every answer compared.
///
/// Left out, because the tiers differ by design: inserting a row that exists. PostgreSQL rejects that transaction alone,
/// the fake fails the batch.
@Suite(
    .enabled(if: TestServers.areInstalled, "needs redis-server and postgresql: make deps"), .timeLimit(.minutes(3)))
struct DurableComparisonTests {
    private static let balances = SpaceSchema(
        space: SpaceID(rawValue: 1), table: "balances", key: .id("id"),
        fields: [.init("attempt", .int64), .init("balance", .int64)])
    private static let orders = SpaceSchema(
        space: SpaceID(rawValue: 2), table: "orders", key: .id("id"), fields: [.init("quantity", .int64)],
        isShared: false)

    private static func database() async throws -> PostgresTier.Configuration {
        let server = try TestServers.shared.postgres.connection
        let name = "sim\(UInt64.random(in: .min ... .max))"
        let end = ContinuousClock.now + .seconds(30)
        _ = try await DatabaseScript.run("CREATE DATABASE \(name)", on: server, until: end)
        var configuration = PostgresTier.Configuration(conninfo: "\(server) dbname=\(name)")
        configuration.relaxedDurability = true
        let schemas = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Schemas")
        let migration = try String(contentsOf: schemas.appending(path: "0001_cache.sql"), encoding: .utf8)
        _ = try await DatabaseScript.run(migration, on: configuration.conninfo, until: end)
        for table in [balances, orders] {
            _ = try await DatabaseScript.run(
                TableDefinition.createStatement(table), on: configuration.conninfo, until: end)
        }
        return configuration
    }

    /// An outcome without what differs between servers: times and epochs.
    private static func text(_ outcome: CommitOutcome) -> String {
        if case .committed(let ticket, _, _) = outcome { return "committed \(ticket.rawValue)" }
        return "\(outcome)"
    }

    private static func text(_ rows: LoadedRows) -> String {
        let entries = rows.entries.map { entry in
            "\(entry.key.space.rawValue):\(entry.key.id) \(entry.certificate.version.rawValue) "
                + "\(entry.certificate.asOf.rawValue) \(entry.payload.map { "\($0)" } ?? "absent")"
        }
        return "\(rows.asOf.rawValue) \(entries)"
    }

    private static func text(_ page: ChangePage) -> String {
        let records = page.records.map { record in
            "\(record.ticket.rawValue): \(record.keys.map { "\($0.space.rawValue):\($0.id)" }.sorted())"
        }
        return "\(page.newest.rawValue) \(records)"
    }

    @Test("The fake L3 answers as PostgreSQL does", arguments: [1, 2, 3] as [UInt64])
    func durableTiersAgree(seed: UInt64) async throws {
        let schemas = [Self.balances, Self.orders]
        let real = try PostgresTier(try await Self.database(), schemas: schemas, metrics: MetricsRegistry())
        let fake = MemoryDurableTier(schemas: schemas) { 1_700_000_000_000_000 }
        var script = Script(seed: seed)
        for step in 0..<150 {
            let deadline = ContinuousClock.now + .seconds(20)
            let answers: (String, String)
            switch script.generator.below(10) {
            case 0..<6:
                let batch = script.batch()
                guard case .decided(let a) = await fake.commit(batch, until: deadline),
                    case .decided(let b) = await real.commit(batch, until: deadline)
                else {
                    Issue.record("seed \(seed), step \(step): in doubt without a fault")
                    return
                }
                script.learn(batch, a)
                answers = ("\(a.map(Self.text))", "\(b.map(Self.text))")
            case 6..<8:
                let keys = script.keys()
                answers = (
                    Self.text(try await fake.load(keys, until: deadline)),
                    Self.text(try await real.load(keys, until: deadline))
                )
            case 8:
                let after = Ticket(UInt64(script.generator.below(Int(fake.newest.rawValue) + 1)))
                let limit = 1 + script.generator.below(20)
                answers = (
                    Self.text(try await fake.changes(after: after, limit: limit, until: deadline)),
                    Self.text(try await real.changes(after: after, limit: limit, until: deadline))
                )
            default:
                guard fake.newest > .zero else { continue }
                let mark = BatchMark(ticket: fake.newest.next(script.generator.below(2)), nonce: 12_345)
                answers = (
                    "\(try await fake.resolve(mark, until: deadline))",
                    "\(try await real.resolve(mark, until: deadline))"
                )
            }
            try #require(answers.0 == answers.1, "seed \(seed), step \(step): the fake differs from PostgreSQL")
        }
        await real.close()
        #expect(script.kinds.count >= 4, "the script meets every outcome: \(script.kinds)")
    }
}

extension Ticket {
    fileprivate func next(_ steps: Int) -> Ticket { Ticket(rawValue + UInt64(steps)) }
}

/// A seeded script of transactions: right and wrong expectations, keys used once and again, deletions.
private struct Script {
    var generator: SeededGenerator
    private var versions: [CacheKey: Ticket] = [:]
    private var attempts: [Transaction.IdempotencyKey] = []
    private var inserted: UInt64 = 1_000
    private(set) var kinds: [String: Int] = [:]

    init(seed: UInt64) { generator = SeededGenerator(seed: seed, stream: 9) }

    private mutating func key() -> CacheKey {
        CacheKey(SpaceID(rawValue: generator.chance(7_000) ? 1 : 2), UInt64(generator.below(6)))
    }

    mutating func keys() -> [CacheKey] {
        var keys: [CacheKey] = []
        for _ in 0..<1 + generator.below(5) {
            let key = key()
            if !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    private mutating func payload(_ key: CacheKey) -> [UInt8] {
        (0..<(key.space.rawValue == 1 ? 16 : 8)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    /// One to four transactions, no row written twice.
    mutating func batch() -> [Transaction] {
        var written: Set<CacheKey> = []
        var batch: [Transaction] = []
        for _ in 0..<1 + generator.below(4) {
            var transaction = Transaction(writes: WriteSet())
            for key in keys() where written.insert(key).inserted {
                if generator.chance(2_000) {
                    transaction.writes.append(key, .delete, payload: EmptyCollection())
                } else {
                    transaction.writes.append(key, payload: payload(key))
                }
                if generator.chance(6_000) { transaction.expectations.append(expectation(key)) }
            }
            if generator.chance(2_000) { transaction.expectations.append(expectation(key())) }
            if generator.chance(1_000) {
                inserted += 1
                let key = CacheKey(SpaceID(rawValue: 1), inserted)
                transaction.writes.append(key, .insert, payload: payload(key))
            }
            if generator.chance(5_000) { transaction.idempotency = name() }
            if transaction.writes.count > 0 { batch.append(transaction) }
        }
        return batch.isEmpty ? self.batch() : batch
    }

    private mutating func expectation(_ key: CacheKey) -> Transaction.Expectation {
        let version = versions[key] ?? .zero
        return .init(key, at: generator.chance(1_500) ? Ticket(version.rawValue + 1) : version)
    }

    private mutating func name() -> Transaction.IdempotencyKey {
        if !attempts.isEmpty, generator.chance(3_000) {
            let known = attempts[generator.below(attempts.count)]
            return generator.chance(5_000) ? known : .init(known.key, bodyHash: known.bodyHash &+ 1)
        }
        attempts.append(.init("k\(attempts.count)", bodyHash: generator.next()))
        return attempts[attempts.count - 1]
    }

    /// Notes what became of a batch, for later expectations.
    mutating func learn(_ batch: [Transaction], _ outcomes: [CommitOutcome]) {
        for (transaction, outcome) in zip(batch, outcomes) {
            kinds[String("\(outcome)".prefix { $0 != "(" }), default: 0] += 1
            guard case .committed(let ticket, _, _) = outcome else { continue }
            transaction.writes.forEachKey { versions[$0] = ticket }
        }
    }
}
