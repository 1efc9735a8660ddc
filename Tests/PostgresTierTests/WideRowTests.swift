import CacheStack
import PostgresTier
import Synchronization
import Telemetry
import TestData
import TestServers
import Testing

/// A space whose payloads differ in size, and their bytes.
enum Wide {
    static let schema = SpaceSchema(
        space: SpaceID(rawValue: 7), table: "papers", key: .id("paper"),
        fields: [
            .init("number", .int64), .init("memo", .text(max: 300)), .init("level", .int16),
            .init("scan", .bytes(max: SpaceSchema.wideMax)), .init("mark", .bytes(max: 3)),
        ], stamp: 0xC0DE_0001)

    static func key(_ id: UInt64) -> CacheKey { CacheKey(schema.space, id) }

    /// Written by hand from the table of `SpaceSchema`.
    static func payload(
        _ number: Int64, memo: String = "", level: Int16 = 0, scan: [UInt8] = [], mark: [UInt8] = [],
        stamp: [UInt8] = [1, 0, 0xDE, 0xC0]
    ) -> [UInt8] {
        func little<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
        var bytes = stamp + little(number) + little(UInt32(memo.utf8.count)) + Array(memo.utf8) + little(level)
        bytes += little(UInt32(scan.count)) + scan
        bytes += [UInt8(mark.count)] + mark + Array(repeating: 0, count: 3 - mark.count)
        return bytes + Array(repeating: 0, count: (64 - bytes.count % 64) % 64)
    }

    static func random(_ random: inout SplitMix64) -> [UInt8] {
        let size = [0, 1, 40, 255, 256, 300, 5_000][Int(random.next() % 7)]
        let scan = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        return payload(
            Int64(bitPattern: random.next()), memo: String(repeating: "m", count: Int(random.next() % 301)),
            level: Int16(truncatingIfNeeded: random.next()), scan: scan,
            mark: Array(repeating: 9, count: Int(random.next() % 4)))
    }
}

@Suite("Rows with wide columns: encoding and staging")
struct WideEncodingTests {
    private static let head: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 1]

    private func parameters(_ rows: [[UInt8]]) throws -> [[UInt8]] {
        var ranges: [Range<Int>] = []
        var start = 0
        for row in rows {
            ranges.append(start..<start + row.count)
            start += row.count
        }
        return try Inspection.upsertParameters(
            Wide.schema, ids: rows.indices.map { UInt64($0) }, payloads: rows.flatMap { $0 }, ranges: ranges, ticket: 1)
    }

    @Test("Columns are gathered from payloads of different sizes; the stamp is no column")
    func golden() throws {
        let found = try parameters([
            Wide.payload(258, memo: "xy", level: -1, scan: [7, 8, 9], mark: [5]), Wide.payload(1),
        ])
        #expect(found.count == 7, "ticket, key and five fields")
        #expect(
            Array(found[2].dropFirst(12)) == Self.head + [
                0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1,
            ])
        #expect(Array(found[3].dropFirst(12)) == Self.head + [0, 0, 0, 2, 120, 121, 0, 0, 0, 0])
        #expect(Array(found[4].dropFirst(12)) == Self.head + [0, 0, 0, 2, 255, 255, 0, 0, 0, 2, 0, 0])
        #expect(Array(found[5].dropFirst(12)) == Self.head + [0, 0, 0, 3, 7, 8, 9, 0, 0, 0, 0])
        #expect(Array(found[6].dropFirst(12)) == Self.head + [0, 0, 0, 1, 5, 0, 0, 0, 0])
    }

    @Test("Lengths beyond the column or the payload, cut payloads and other stamps are refused, never read past")
    func malformed() throws {
        let good = Wide.payload(1, memo: "abc", scan: [1, 2, 3])
        var cases: [[UInt8]] = []
        for (offset, byte): (Int, UInt8) in [(0, 2), (12, 255), (13, 2), (15, 0x80), (21, 255), (24, 0xFF)] {
            cases.append(good)
            cases[cases.count - 1][offset] = byte
        }
        cases += [[], Array(good.prefix(3)), Array(good.prefix(14)), Array(good.prefix(20)), Array(good.prefix(24))]
        for (number, bytes) in cases.enumerated() {
            let error = #expect(throws: TierError.self, "case \(number)") { _ = try parameters([good, bytes]) }
            #expect(error?.code == .constraint, "case \(number)")
        }
        var random = SplitMix64(seed: 3)
        for _ in 0..<2_000 {
            var bytes = good
            for _ in 0...random.next() % 3 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            bytes.removeLast(Int(random.next() % 3) * Int(random.next() % UInt64(bytes.count)) / 2)
            _ = try? parameters([bytes, good])
        }
    }

    @Test("Coalesced batches of rows of any size equal a replay of their transactions", arguments: 1...100)
    func staging(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var expected: [UInt64: [UInt8]] = [:]
        let batch = (0..<8).map { _ in
            var writes = WriteSet()
            for id in (UInt64(0)..<6).shuffled(using: &random).prefix(3) {
                let payload = random.next() % 4 == 0 ? [] : Wide.random(&random)
                writes.append(Wide.key(id), payload.isEmpty ? .delete : .upsert, payload: payload)
                expected[id] = payload
            }
            return Transaction(writes: writes)
        }
        let staged = try #require(try Inspection.staged(batch, Wide.schema))
        let rows = (staged[.upsert] ?? [:]).merging(staged[.delete] ?? [:]) { _, deleted in deleted }
        #expect(rows == expected, "seed \(seed)")
    }
}

@Suite("Rows with wide columns in PostgreSQL", .enabled(if: TestServers.areInstalled, "needs PostgreSQL: make deps"))
struct WideRowTests {
    @Test("Payloads of any size come back byte for byte from loads and scans, and are columns in SQL")
    func roundTrips() async throws {
        let database = try await TestDatabase(tables: [Wide.schema])
        let tier = try database.tier([Wide.schema])
        var random = SplitMix64(seed: 11)
        var expected: [UInt64: [UInt8]] = [:]
        for round in 0..<6 {
            var writes = WriteSet()
            for _ in 0..<40 {
                let id = random.next() % 100
                guard expected.updateValue([], forKey: 1_000 * UInt64(round + 1) + id) == nil else { continue }
                expected[id] = Wide.random(&random)
                writes.append(Wide.key(id), payload: expected[id] ?? [])
            }
            try await tier.committed(Transaction(writes: writes))
        }
        expected = expected.filter { $0.key < 100 }
        let largest = Wide.payload(1, memo: "m", scan: Array(repeating: 3, count: SpaceSchema.wideMax))
        try await tier.committed(Sample.write(Wide.key(500), largest, mode: .insert))
        try await tier.committed(Sample.write(Wide.key(501), Wide.payload(0), mode: .insert))
        try await tier.committed(Sample.write(Wide.key(501), mode: .delete))
        try await tier.committed(Sample.write(Wide.key(502), mode: .delete))
        expected[500] = largest
        let ids = expected.keys.sorted() + [501, 502, 503]
        let loaded = try await tier.load(ids.map { Wide.key($0) }, until: .soon)
        #expect(loaded.entries.map(\.payload) == ids.map { expected[$0] })
        let scanned = Mutex<[UInt64: [UInt8]]>([:])
        _ = try await tier.scan([Wide.schema.space], until: .soon) { chunk in
            let size = chunk.bytes.count / chunk.ids.count
            for (row, id) in chunk.ids.enumerated() {
                scanned.withLock { $0[id] = Array(chunk.bytes[row * size..<(row + 1) * size]) }
            }
        }
        #expect(scanned.withLock { $0 } == expected)
        let sql = "SELECT number, memo, level, octet_length(scan), octet_length(mark) FROM papers WHERE paper = 500"
        #expect(try await database.script(sql) == [["1", "m", "0", "262144", "0"]])
        await tier.close()
    }

    @Test("A payload of another stamp is rejected and leaves nothing; the others of its batch commit")
    func stamps() async throws {
        let database = try await TestDatabase(tables: [Wide.schema])
        let tier = try database.tier([Wide.schema])
        let outcomes = try await tier.outcomes([
            Sample.write(Wide.key(1), Wide.payload(1)),
            Sample.write(Wide.key(2), Wide.payload(2, stamp: [2, 0, 0xDE, 0xC0])),
            Sample.write(Wide.key(3), Wide.payload(3)),
        ])
        let committed = outcomes.map { if case .committed = $0 { true } else { false } }
        #expect(committed == [true, false, true])
        guard case .rejected(let text) = outcomes[1] else {
            Issue.record("\(outcomes[1])")
            return
        }
        #expect(text.contains("papers") && text.contains("stamp"))
        #expect(try await database.script("SELECT paper FROM papers ORDER BY 1") == [["1"], ["3"]])
        await tier.close()
    }

    @Test("A batch of too many bytes commits in halves; a transaction of too many is refused and leaves nothing")
    func bytes() async throws {
        let database = try await TestDatabase(tables: [Wide.schema])
        let row = Wide.payload(1, scan: Array(repeating: 1, count: 1_000))
        let tier = try database.tier([Wide.schema]) { $0.batchBytesMax = 2 * row.count }
        let outcomes = try await tier.outcomes((0..<7).map { Sample.write(Wide.key($0), row) })
        let tickets = outcomes.compactMap { if case .committed(let ticket, _, _) = $0 { ticket.rawValue } else { nil } }
        #expect(tickets == [1, 2, 2, 3, 3, 4, 4], "7 rows are halved to 3 and 4, and these to 1 + 2 and 2 + 2")
        var writes = WriteSet()
        for id in UInt64(10)..<12 { writes.append(Wide.key(id), payload: row) }
        try await tier.committed(Transaction(writes: writes))
        writes.append(Wide.key(12), payload: Wide.payload(1))
        guard case .failed(let error) = try await tier.outcomes([Transaction(writes: writes)])[0] else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .overloaded && error.message.contains("\(2 * row.count)"))
        #expect(try await database.script("SELECT count(*) FROM papers") == [["9"]])
        await tier.close()
    }
}
