import CacheStack
import TestData
import Testing

@Suite("Codecs of typed spaces: fixed layouts, wide columns, JSON, and bytes that are none of a row")
struct TypedCodecTests {
    struct Paper: CacheRow, Equatable {
        var number: Int64 = 0
        var kind = TypedFixture.Kind.retail
        var memo = ""
        var scan: [UInt8] = []
        var isSigned = false
        var mark: [UInt8] = []

        mutating func columns(_ column: inout RowColumns) {
            column("number", &number)
            column("kind", &kind)
            column("memo", &memo, max: 700)
            column("scan", &scan, max: SpaceSchema.wideMax)
            column("is_signed", &isSigned)
            column("mark", &mark, max: 255)
        }

        static func random(_ random: inout SplitMix64) -> Paper {
            let (x, y) = (random.next(), random.next())
            let sizes = [0, 1, 63, 64, 255, 256, 257, 700, Int(x % 700)]
            let memo = (0..<sizes[Int(y % 9)]).map { UInt8(1 + ($0 &+ Int(x >> 40)) % 127) }
            return Paper(
                number: Int64(bitPattern: x), kind: x & 1 == 0 ? .retail : .house,
                memo: String(decoding: memo, as: UTF8.self),
                scan: (0..<sizes[Int(x % 9)] * 3).map { _ in UInt8(truncatingIfNeeded: random.next()) },
                isSigned: y & 1 == 0, mark: (0..<y % 256).map { UInt8(truncatingIfNeeded: $0 &* x) })
        }
    }

    typealias F = TypedFixture
    static let papers = CacheSpace<Int, Paper>(4, table: "paper", key: "id")
    static let titled = CacheSpace<String, Paper>(5, table: "titled", key: "title", keyMax: 20)
    static let notes = CacheSpace<Int, F.Note>(6, table: "note", key: "id", json: 3, bodyMax: 20_000)
    static let schemas = [papers.schema, titled.schema, notes.schema, F.accounts.schema]

    let time = ManualTime()
    let tiers: MemoryTiers

    init() { tiers = MemoryTiers(Self.schemas, time: time) }

    private func stack() -> CacheStack { CacheStack.inMemory(tiers) }

    private func put(_ bytes: [UInt8], _ key: CacheKey) async {
        var writes = WriteSet()
        writes.append(key, payload: bytes)
        _ = await tiers.durable.commit([Transaction(writes: writes)], until: .now)
    }

    private func payload(_ stack: CacheStack, _ key: CacheKey) async throws -> [UInt8] {
        try #require(try await stack.read(key, .strict).payload)
    }

    @Test("Rows of any sizes written in one transaction come back through every level", arguments: 1...8 as ClosedRange)
    func roundTrips(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        let rows = (0..<60).map { _ in Paper.random(&random) }
        let notes = rows.map { F.Note(text: String(repeating: "é\u{0}\"", count: $0.scan.count / 4), tags: ["": 1]) }
        let here = stack()
        try await here.transaction { tx in
            for (id, row) in rows.enumerated() {
                try tx.write(Self.papers, id, row)
                try tx.write(Self.titled, "row \(id)", row)
                try tx.write(Self.notes, id, notes[id])
            }
        }
        let ids = Array(rows.indices)
        for (level, reader) in [(ReadLevel.bounded(), here), (.strict, stack()), (.bounded(), stack())] {
            #expect(try await reader.get(Self.papers, ids, level) == rows, "seed \(seed)")
            #expect(try await reader.get(Self.titled, ids.map { "row \($0)" }, level) == rows, "seed \(seed)")
            #expect(try await reader.get(Self.notes, ids, level) == notes, "seed \(seed)")
        }
        for (id, row) in rows.enumerated() {
            let size = 4 + 8 + 2 + 4 + row.memo.utf8.count + 4 + row.scan.count + 2 + 256
            let payload = try await payload(here, try Self.papers.key(id))
            #expect(payload.count == (size + 63) / 64 * 64, "as many bytes as it has, in steps of 64")
        }
    }

    @Test("A wide column takes its maximum and not one byte more; the largest row passes through L2")
    func limits() async throws {
        let here = stack()
        let full = Paper(
            memo: String(repeating: "m", count: 700), scan: Array(repeating: 7, count: SpaceSchema.wideMax))
        try await here.transaction { try $0.write(Self.papers, 1, full) }
        let (filler, reader) = (stack(), stack())
        for process in [filler, reader] { _ = try await process.get(Self.papers, 2) }  // now they know the epoch
        _ = try await filler.get(Self.papers, 1)
        let held = try await reader.read(Self.papers, 1)
        #expect(held.value == full && held.level == .l2)
        #expect(try await payload(here, try Self.papers.key(1)).count <= Self.papers.schema.payloadSize)
        for over in [Paper(memo: full.memo + "m"), Paper(scan: full.scan + [7])] {
            let error = await thrown(RowError.self) {
                try await here.transaction { try $0.write(Self.papers, 1, over) }
            }
            #expect(error?.code == .tooLong)
        }
        let body = F.Note(text: String(repeating: "x", count: 20_000 - 21))
        try await here.transaction { try $0.write(Self.notes, 1, body) }
        #expect(try await here.get(Self.notes, 1, .strict) == body)
        let over = F.Note(text: body.text + "x")
        let error = await thrown(RowError.self) { try await here.transaction { try $0.write(Self.notes, 1, over) } }
        #expect(error?.code == .tooLong && error?.message.contains("20000") == true)
    }

    @Test("A maximum above 262,144 bytes, and a row above 1 MiB, are programmer's mistakes")
    func declarations() async {
        await #expect(processExitsWith: .failure) {
            _ = CacheSpace<Int, TypedFixture.Note>(1, table: "n", key: "id", json: 1, bodyMax: 262_145)
        }
        await #expect(processExitsWith: .failure) {
            let fields = (0..<5).map { SpaceSchema.Field("b\($0)", .bytes(max: SpaceSchema.wideMax)) }
            _ = SpaceSchema(space: SpaceID(rawValue: 1), table: "t", key: .id("k"), fields: fields)
        }
    }

    @Test("Bytes cut short, lengthened or changed are a typed error, or a value whose bytes they are", arguments: 1...4)
    func mutations(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        let here = stack()
        var (errors, values) = (0, 0)
        for round in 0..<60 {
            let id = seed * 1_000 + round
            var paper = Paper.random(&random)
            paper.scan.removeLast(max(0, paper.scan.count - 300))
            let account = F.Account(cash: paper.number, kind: paper.kind, owner: String(paper.memo.prefix(4)))
            try await here.transaction { [paper] tx in
                try tx.write(Self.papers, id, paper)
                try tx.write(F.accounts, id, account)
            }
            for _ in 0..<4 {
                if try await isRefused(Self.papers, id, here, &random) { errors += 1 } else { values += 1 }
                if try await isRefused(F.accounts, id, here, &random) { errors += 1 } else { values += 1 }
            }
        }
        #expect(errors > 100 && values > 20, "seed \(seed): \(errors) errors, \(values) values")
    }

    @Test("Bodies that are no JSON of the type are badBody: torn, not UTF-8, of another type, nested without end")
    func bodies() async throws {
        let here = stack()
        try await here.transaction { try $0.write(Self.notes, 1, F.Note(text: "t")) }
        let head = try await payload(here, try Self.notes.key(1)).prefix(6)  // stamp and version
        let texts: [[UInt8]] = [
            [], Array("{".utf8), Array("{\"tags\":{},\"text\":\"".utf8) + [0xFF, 0xFE] + Array("\"}".utf8),
            Array("[1]".utf8), Array("{\"tags\":{},\"text\":1}".utf8),
            Array("{\"tags\":{\"a\":1e99},\"text\":\"\"}".utf8),
            Array(repeating: UInt8(ascii: "["), count: 20_000), Array(repeating: 0, count: 64),
        ]
        for (id, text) in texts.enumerated() {
            let length = (0..<4).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
            var bytes = head + length + text
            bytes += Array(repeating: 0, count: (64 - bytes.count % 64) % 64)
            await put(Array(bytes), try Self.notes.key(id + 100))
            let error = await thrown(RowError.self) { _ = try await here.get(Self.notes, id + 100, .strict) }
            #expect(error?.code == .badBody, "case \(id)")
        }
    }

    /// Changes the bytes of a row; whether they are refused then. If not they must be what their value is written as.
    private func isRefused<Value>(
        _ space: CacheSpace<Int, Value>, _ id: Int, _ stack: CacheStack, _ random: inout SplitMix64
    ) async throws -> Bool {
        let good = try await payload(stack, try space.key(id))
        var bytes = good
        switch random.next() % 4 {
        case 0: bytes.removeLast(1 + Int(random.next() % UInt64(bytes.count)))
        case 1: bytes += (0...random.next() % 70).map { _ in UInt8(truncatingIfNeeded: random.next() % 2) }
        default:
            let place = random.next() % 3 == 0 ? Int(random.next() % 30) : Int(random.next() % UInt64(bytes.count))
            bytes[min(place, bytes.count - 1)] ^= 1 << UInt8(random.next() % 8)
        }
        let strange = 1 << 40 | id
        await put(bytes, try space.key(strange))
        do {
            let value = try #require(try await stack.get(space, strange, .strict))
            try await stack.transaction { try $0.write(space, strange, value) }
            #expect(try await payload(stack, try space.key(strange)) == bytes, "two payloads for one value")
            return false
        } catch is RowError {
            return true
        }
    }

    @Test("Any change of an entry in L2 is a miss: the value is L3's", arguments: 1...3)
    func damagedEntries(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        let here = stack()
        let paper = Paper(number: 7, memo: "memo", scan: Array(repeating: 1, count: 300))
        try await here.transaction { try $0.write(Self.papers, seed, paper) }
        let key = try Self.papers.key(seed)
        let row = try await stack().read(key, .strict)
        let certificate = Certificate(
            version: row.version, asOf: row.asOf, asOfTime: time.microseconds, epoch: row.epoch)
        let entry = CertifiedEntry(key: key, certificate: certificate, payload: row.payload)
        let good = EntryFormat.encode(entry, keyHash: key.l2Hash(epoch: row.epoch))
        for round in 0..<200 {
            var bytes = good
            if round % 4 == 0 {
                bytes.removeLast(1 + Int(random.next() % UInt64(bytes.count)))
            } else {
                bytes[Int(random.next() % UInt64(bytes.count))] ^= 1 << UInt8(random.next() % 8)
            }
            let reader = stack()
            _ = try await reader.get(Self.papers, 999)
            tiers.shared.overwrite(key, with: bytes)
            #expect(try await reader.get(Self.papers, seed) == paper, "seed \(seed) round \(round)")
        }
        tiers.shared.overwrite(key, with: good)
        let reader = stack()
        _ = try await reader.get(Self.papers, 999)
        #expect(try await reader.read(Self.papers, seed).level == .l2, "the undamaged entry is believed")
    }
}

@Suite("Releases with other layouts beside each other")
struct TypedReleaseTests {
    typealias F = TypedFixture

    struct Straight: CacheRow, Equatable {
        var a: Int64 = 0
        var b: Int64 = 0

        mutating func columns(_ column: inout RowColumns) {
            column("a", &a)
            column("b", &b)
        }
    }

    struct Swapped: CacheRow, Equatable {
        var a: Int64 = 0
        var b: Int64 = 0

        mutating func columns(_ column: inout RowColumns) {
            column("b", &b)
            column("a", &a)
        }
    }

    static let straight = CacheSpace<Int, Straight>(1, table: "t", key: "id")
    static let swapped = CacheSpace<Int, Swapped>(1, table: "t", key: "id")
    static let raised = CacheSpace<Int, Straight>(1, table: "t", key: "id", version: 2)
    static let texts = CacheSpace<String, Straight>(2, table: "u", key: "id")
    static let laterTexts = CacheSpace<String, Straight>(2, table: "u", key: "id", version: 2)

    /// An L3 row, and an L2 entry of the same version whose payload is that of another release.
    private func prepare(
        _ key: CacheKey, _ tiers: MemoryTiers, _ time: ManualTime, foreign: [UInt8], own: [UInt8]
    ) async throws -> CacheStack {
        var writes = WriteSet()
        writes.append(key, payload: own)
        _ = await tiers.durable.commit([Transaction(writes: writes)], until: .now)
        let certificate = Certificate(
            version: tiers.durable.newest, asOf: tiers.durable.newest, asOfTime: time.microseconds, epoch: 1)
        let entry = CertifiedEntry(key: key, certificate: certificate, payload: foreign)
        let reader = CacheStack.inMemory(tiers)
        // L2 is asked only by a process that knows the epoch.
        _ = try await reader.read([CacheKey(key.space, key.id ^ 1)])
        tiers.shared.overwrite(key, with: EntryFormat.encode(entry, keyHash: key.l2Hash(epoch: 1)))
        #expect(try await reader.read(key).level == .l2, "the strange bytes are there")
        return reader
    }

    private func bytes<Key, Value>(_ space: CacheSpace<Key, Value>, _ key: Key, _ value: Value) async throws -> [UInt8]
    {
        let stack = CacheStack.inMemory([space.schema])
        try await stack.transaction { try $0.write(space, key, value) }
        return try #require(try await stack.read(try space.key(key), .strict).payload)
    }

    @Test("Columns of one size in another order, or of another version, in L2 are a miss; in L3 a typed error")
    func stamps() async throws {
        let own = try await bytes(Self.straight, 1, Straight(a: 1, b: 2))
        for foreign in [
            try await bytes(Self.swapped, 1, Swapped(a: 1, b: 2)),
            try await bytes(Self.raised, 1, Straight(a: 9, b: 9)),
        ] {
            #expect(foreign.count == own.count && foreign[..<4] != own[..<4])
            let time = ManualTime()
            let tiers = MemoryTiers([Self.straight.schema], time: time)
            let key = try Self.straight.key(1)
            let reader = try await prepare(key, tiers, time, foreign: foreign, own: own)
            #expect(try reader.peek(Self.straight, 1) == nil, "what L1 took from L2 is as good as nothing")
            let read = try await reader.read(Self.straight, 1)
            #expect(read.value == Straight(a: 1, b: 2) && read.level == .l3)
            let sum = try await reader.transaction { tx in try await tx.get(Self.straight, 1).map { $0.a + $0.b } }
            #expect(sum.result == 3)
            let seen = try await reader.withSnapshot { snapshot in
                let first = try await snapshot.get(Self.straight, 1)
                _ = try await snapshot.get(Self.straight, 5)
                return [first, try await snapshot.get(Self.straight, 1)]
            }
            #expect(seen.result == [Straight(a: 1, b: 2), Straight(a: 1, b: 2)] && seen.ticket == Ticket(1))
            var writes = WriteSet()
            writes.append(key, payload: foreign)
            _ = await tiers.durable.commit([Transaction(writes: writes)], until: .now)
            let error = await thrown(RowError.self) { _ = try await reader.get(Self.straight, 1, .strict) }
            #expect(error?.code == .otherLayout)
        }
    }

    @Test("A blind write under a text key looks behind another release's bytes in L2")
    func textKeys() async throws {
        let time = ManualTime()
        let tiers = MemoryTiers([Self.texts.schema], time: time)
        let key = try Self.texts.key("k")
        let reader = try await prepare(
            key, tiers, time, foreign: try await bytes(Self.laterTexts, "k", Straight(a: 9)),
            own: try await bytes(Self.texts, "k", Straight(a: 1)))
        try await reader.transaction { try $0.write(Self.texts, "k", Straight(a: 2)) }
        #expect(try await reader.get(Self.texts, "k", .strict) == Straight(a: 2))
    }
}
