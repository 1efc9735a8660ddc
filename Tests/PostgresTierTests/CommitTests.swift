import CacheStack
import PostgresTier
import Telemetry
import TestServers
import Testing

@Suite("Commits against a real PostgreSQL", .enabled(if: TestServers.areInstalled, "needs PostgreSQL: make deps"))
struct CommitTests {
    @Test("Payloads of every field type come back byte for byte, with version, ticket and time")
    func roundTrip() async throws {
        let tier = try await TestDatabase().tier()
        let full = Sample.account(
            cash: .min, level: -2, flags: .max, name: "abcdefghijkl", mark: [0, 255, 0, 1])
        let empty = Sample.account(cash: 0)
        var writes = WriteSet()
        writes.append(Sample.account(1), payload: full)
        writes.append(Sample.account(.max), payload: empty)
        writes.append(Sample.position(.max, 7), payload: Sample.integers(-1, .max))
        writes.append(Sample.trade(5), .insert, payload: Sample.integers(12))
        let ticket = try await tier.committed(Transaction(writes: writes))
        #expect(ticket == Ticket(1))
        let keys = [
            Sample.trade(5), Sample.account(.max), Sample.account(2), Sample.position(.max, 7), Sample.account(1),
            Sample.account(1),
        ]
        let rows = try await tier.load(keys, until: .soon)
        #expect(rows.entries.map(\.key) == keys)
        let payloads: [[UInt8]?] = [Sample.integers(12), empty, nil, Sample.integers(-1, .max), full, full]
        #expect(rows.entries.map(\.payload) == payloads)
        #expect(rows.entries.map(\.certificate.version.rawValue) == [1, 1, 0, 1, 1, 1])
        #expect(rows.asOf == Ticket(1))
        #expect(rows.epoch == 1)
        #expect(rows.entries.allSatisfy { $0.certificate.asOf == rows.asOf && $0.certificate.epoch == 1 })
        #expect(rows.entries.allSatisfy { $0.certificate.asOfTime == rows.asOfTime })
        let one = try await tier.load([Sample.account(1)], until: .soon)
        #expect(one.entries.first?.payload == full)
        #expect(one.asOfTime >= rows.asOfTime)
        let none = try await tier.load([], until: .soon)
        #expect(none.entries.isEmpty && none.asOf == Ticket(1) && none.asOfTime >= one.asOfTime)
        await tier.close()
    }

    @Test("The server encodes the same arrays as we do")
    func arraysLikeTheServer() async throws {
        let database = try await TestDatabase()
        let parameters = try Inspection.upsertParameters(
            Sample.accounts, ids: [7, .max],
            payloads: Sample.account(cash: -5, level: 3, flags: -9, name: "abc", mark: [1, 2])
                + Sample.account(cash: 6, level: -4, flags: 8, name: "", mark: []), ticket: 1)
        let expected = try await database.script(
            #"""
            SELECT encode(array_send('{7,-1}'::int8[]), 'hex'), encode(array_send('{-5,6}'::int8[]), 'hex'),
            encode(array_send('{3,-4}'::int2[]), 'hex'), encode(array_send('{-9,8}'::int4[]), 'hex'),
            encode(array_send('{abc,""}'::text[]), 'hex'), encode(array_send('{"\\x0102","\\x"}'::bytea[]), 'hex')
            """#)
        #expect(parameters.dropFirst().map(hexadecimal) == expected[0])
    }

    @Test("An upsert replaces, a deletion is a version, also of a row that never was, and an upsert revives")
    func modes() async throws {
        let tier = try await TestDatabase().tier()
        let key = Sample.account(1)
        try await tier.committed(Sample.write(key, Sample.account(cash: 1), mode: .insert))
        try await tier.committed(Sample.write(key, Sample.account(cash: 2)))
        #expect(try await state(tier, key) == [2, 2])
        try await tier.committed(Sample.write(key, mode: .delete))
        #expect(try await state(tier, key) == [3, nil])
        try await tier.committed(Sample.write(key, mode: .delete))
        #expect(try await state(tier, key) == [4, nil])
        try await tier.committed(Sample.write(key, Sample.account(cash: 5)))
        #expect(try await state(tier, key) == [5, 5])
        for unknown in [Sample.account(9), Sample.position(9, 9)] {
            let ticket = try await tier.committed(Sample.write(unknown, mode: .delete))
            let entry = try #require(try await tier.load([unknown], until: .soon).entries.first)
            #expect(entry.payload == nil && entry.certificate.version == ticket)
        }
        await tier.close()
    }

    @Test("First committer wins: the conflict names key and version; the batch's own writes count")
    func conflicts() async throws {
        let tier = try await TestDatabase().tier()
        let key = Sample.account(1)
        let other = Sample.position(1, 2)
        try await tier.committed(Sample.write(key, Sample.account(cash: 1), expecting: [.init(key, at: .zero)]))
        let outcomes = try await tier.outcomes([
            Sample.write(
                key, Sample.account(cash: 2), expecting: [.init(key, at: Ticket(1)), .init(other, at: .zero)]),
            Sample.write(key, Sample.account(cash: 3), expecting: [.init(key, at: Ticket(1))]),
            Sample.write(key, Sample.account(cash: 4), expecting: [.init(key, at: Ticket(2))]),
            Sample.write(other, Sample.integers(1, 1), expecting: [.init(key, at: .zero)]),
        ])
        guard case .committed(Ticket(2), let time, 1) = outcomes[0] else {
            Issue.record("\(outcomes)")
            return
        }
        let committed = CommitOutcome.committed(Ticket(2), time: time, epoch: 1)
        let conflict = CommitOutcome.conflict(key, current: Ticket(2))
        #expect(outcomes == [committed, conflict, committed, conflict])
        #expect(try await state(tier, key) == [2, 4])
        let late = Sample.write(key, Sample.account(cash: 9), expecting: [.init(key, at: .zero)])
        #expect(try await tier.outcomes([late]) == [conflict])
        let next = try await tier.committed(Sample.write(key, Sample.account(cash: 6)))
        #expect(next == Ticket(3), "a batch that wrote nothing gave its ticket back")
        await tier.close()
    }

    @Test("An idempotency key takes effect once; with another body it is refused; a conflict frees it")
    func idempotency() async throws {
        let tier = try await TestDatabase().tier()
        let key = Sample.account(1)
        func attempt(_ name: String, _ body: UInt64, _ cash: Int64, at version: Ticket? = nil) -> Transaction {
            Sample.write(
                key, Sample.account(cash: cash), expecting: version.map { [.init(key, at: $0)] } ?? [],
                idempotency: .init(name, bodyHash: body))
        }
        let first = try await tier.outcomes([attempt("a", .max, 1), attempt("a", .max, 2), attempt("a", 2, 3)])
        #expect(Array(first.dropFirst()) == [CommitOutcome.duplicate(Ticket(1)), .keyReused])
        #expect(try await tier.outcomes([attempt("a", .max, 4)]) == [.duplicate(Ticket(1))])
        #expect(try await tier.outcomes([attempt("a", 2, 4)]) == [.keyReused])
        #expect(try await tier.outcomes([attempt("b", 1, 5, at: Ticket(9))]) == [.conflict(key, current: Ticket(1))])
        try await tier.committed(attempt("b", 1, 6, at: Ticket(1)))
        #expect(try await state(tier, key) == [2, 6])
        let longest = String(repeating: "k", count: 64)
        try await tier.committed(attempt(longest, 1, 7))
        #expect(try await tier.outcomes([attempt(longest, 1, 7)]) == [.duplicate(Ticket(3))])
        guard case .rejected = try await tier.outcomes([attempt(longest + "k", 1, 8)])[0] else {
            Issue.record("a key of 65 bytes was accepted")
            return
        }
        await tier.close()
    }

    @Test("Of a batch with rows the database refuses, the guilty are rejected and the others commit")
    func rejected() async throws {
        let database = try await TestDatabase()
        try await database.script("ALTER TABLE accounts ADD CONSTRAINT solvent CHECK (cash >= 0)")
        let registry = MetricsRegistry()
        let tier = try database.tier(metrics: registry)
        try await tier.committed(Sample.write(Sample.trade(1), Sample.integers(1), mode: .insert))
        var batch = (0..<40).map { Sample.write(Sample.account(UInt64($0)), Sample.account(cash: Int64($0))) }
        batch[3] = Sample.write(Sample.account(3), Sample.account(cash: -1))
        batch[17] = Sample.write(Sample.trade(1), Sample.integers(2), mode: .insert)
        batch[30] = Sample.write(Sample.account(5), Sample.account(cash: 5), mode: .insert)
        let outcomes = try await tier.outcomes(batch)
        let guilty = outcomes.indices.filter {
            if case .rejected = outcomes[$0] { true } else { false }
        }
        #expect(guilty == [3, 17, 30])
        guard case .rejected(let why) = outcomes[3] else { return }
        #expect(why.contains("solvent") && why.contains("accounts") && !why.contains("-1"), "\(why)")
        let committed = outcomes.count { if case .committed = $0 { true } else { false } }
        #expect(committed == 37)
        let live = try await tier.query("SELECT count(*) FROM accounts", until: .soon)
        #expect(live == [["37"]])
        try await expectGapless(database, tier)
        #expect(registry.text().contains("postgres_transactions_total{result=\"rejected\"} 3\n"))
        #expect(registry.text().contains("postgres_transactions_total{result=\"committed\"} 38\n"))
        await tier.close()
    }

    @Test("A length byte beyond the field rejects its transaction only")
    func badPayload() async throws {
        let tier = try await TestDatabase().tier()
        var bad = Sample.account(cash: 1)
        bad[14] = 13
        let outcomes = try await tier.outcomes([
            Sample.write(Sample.account(1), bad), Sample.write(Sample.account(2), Sample.account(cash: 2)),
        ])
        guard case .rejected = outcomes[0], case .committed = outcomes[1] else {
            Issue.record("\(outcomes)")
            return
        }
        await tier.close()
    }

    @Test("The outbox lists the keys of shared spaces, one row a ticket, in order, by pages")
    func outbox() async throws {
        let tier = try await TestDatabase().tier()
        #expect(try await tier.changes(after: .zero, limit: 5, until: .soon).records.isEmpty)
        var writes = WriteSet()
        writes.append(Sample.account(0x0102_0304_0506_0708), payload: Sample.account(cash: 1))
        writes.append(Sample.position(1, 2), .delete, payload: [])
        writes.append(Sample.trade(1), .insert, payload: Sample.integers(1))
        try await tier.committed(Transaction(writes: writes))
        try await tier.committed(Sample.write(Sample.trade(2), Sample.integers(1)))
        try await tier.committed(Sample.write(Sample.account(2), Sample.account(cash: 1)))
        let raw = try await tier.query("SELECT encode(keys, 'hex') FROM mc_commit WHERE ct = 1", until: .soon)
        #expect(raw == [["01000807060504030201" + "02000200000001000000"]])
        let page = try await tier.changes(after: .zero, limit: 2, until: .soon)
        #expect(page.newest == Ticket(3) && page.epoch == 1)
        let first = ChangeRecord(
            ticket: Ticket(1), keys: [Sample.account(0x0102_0304_0506_0708), Sample.position(1, 2)])
        #expect(page.records == [first, ChangeRecord(ticket: Ticket(2), keys: [])])
        let rest = try await tier.changes(after: Ticket(2), limit: 2, until: .soon)
        #expect(rest.records == [ChangeRecord(ticket: Ticket(3), keys: [Sample.account(2)])])
        #expect(rest.time >= page.time)
        await tier.close()
    }

    @Test("Two tiers that commit at once share gapless tickets, and no increment is lost")
    func twoCommitters() async throws {
        let database = try await TestDatabase()
        let tiers = [
            try database.tier { $0.lockTimeout = .seconds(20) }, try database.tier { $0.lockTimeout = .seconds(20) },
        ]
        let key = Sample.account(1)
        try await tiers[0].committed(Sample.write(key, Sample.account(cash: 0)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for tier in tiers {
                group.addTask {
                    var done: Int64 = 0
                    while done < 50 {
                        let row = try #require(try await tier.load([key], until: .soon).entries.first)
                        let cash = try #require(row.payload).withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
                        let outcome = try await tier.outcomes([
                            Sample.write(
                                key, Sample.account(cash: cash + 1),
                                expecting: [.init(key, at: row.certificate.version)])
                        ])
                        if case .committed = outcome[0] { done += 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await state(tiers[1], key) == [101, 100])
        try await expectGapless(database, tiers[0])
        for tier in tiers { await tier.close() }
    }

    @Test("A clock that went back raises the epoch, once")
    func epoch() async throws {
        let database = try await TestDatabase()
        let tier = try database.tier()
        try await database.script("UPDATE mc_clock SET at = clock_timestamp() + interval '1 hour'")
        let write = Sample.write(Sample.trade(1), Sample.integers(1))
        for ticket in UInt64(1)...2 {
            guard case .committed(Ticket(ticket), _, 2) = try await tier.outcomes([write])[0] else {
                Issue.record("another epoch or ticket")
                return
            }
        }
        #expect(try await tier.load([Sample.trade(1)], until: .soon).epoch == 2)
        #expect(try await tier.changes(after: .zero, limit: 1, until: .soon).epoch == 2)
        await tier.close()
    }

    @Test("Limits hold at the cap and refuse one past it")
    func limits() async throws {
        let tier = try await TestDatabase().tier {
            $0.batchRowsMax = 3
            $0.loadKeysMax = 3
        }
        func batch(_ rows: UInt64) -> [Transaction] {
            (0..<rows).map { Sample.write(Sample.trade($0), Sample.integers(1)) }
        }
        guard case .committed = try await tier.outcomes(batch(3))[2],
            case .failed(let error) = try await tier.outcomes(batch(4))[0]
        else {
            Issue.record("the limit on rows does not hold")
            return
        }
        #expect(error.code == .overloaded)
        #expect(try await tier.load((0..<3).map { Sample.trade($0) }, until: .soon).entries.count == 3)
        await #expect(throws: TierError.self) { try await tier.load((0..<4).map { Sample.trade($0) }, until: .soon) }
        #expect(try await tier.outcomes([]) == [])
        await tier.close()
        guard case .failed(let closed) = try await tier.outcomes(batch(1))[0] else { return }
        #expect(closed.code == .unavailable)
    }

    /// Version and cash of an account; nil = absent.
    private func state(_ tier: PostgresTier, _ key: CacheKey) async throws -> [Int64?] {
        let entry = try #require(try await tier.load([key], until: .soon).entries.first)
        return [
            Int64(entry.certificate.version.rawValue),
            entry.payload.map { payload in payload.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) } },
        ]
    }
}

/// The outbox holds exactly the tickets 1 ... newest.
func expectGapless(_ database: TestDatabase, _ tier: PostgresTier) async throws {
    let rows = try await tier.query(
        "SELECT count(*) = max(ct) AND min(ct) = 1 AND max(ct) = (SELECT ts FROM mc_clock) FROM mc_commit",
        until: .soon)
    #expect(rows == [["t"]])
}

func hexadecimal(_ bytes: [UInt8]) -> String? {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}
