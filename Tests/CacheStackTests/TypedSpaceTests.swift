import CacheStack
import TestData
import Testing

@Suite("Typed spaces")
struct TypedSpaceTests {
    typealias F = TypedFixture

    @Test("One declaration gives the table's columns and the payload's layout")
    func layout() async throws {
        let schema = F.accounts.schema
        #expect(schema.fields.map(\.name) == ["cash", "is_blocked", "kind", "owner"])
        #expect(schema.fields.map(\.type) == [.int64, .int16, .int16, .text(max: 4)])
        #expect(schema.key == .id("account") && F.positions.schema.key == .pair("account", "instrument"))
        let f = F()
        let account = F.Account(cash: -2, isBlocked: true, kind: .house, owner: "ab")
        try await f.stack.transaction { try $0.write(F.accounts, 7, account) }
        // The stamp: CRC32C of "v1;cash int64;is_blocked int16;kind int16;owner text(4)", by a bitwise loop elsewhere.
        // Then integers little endian in two's complement, the text's length, its bytes and zeros.
        let bytes: [UInt8] = [
            0xC7, 0x80, 0xE5, 0x1D, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 200, 0, 2, 0x61, 0x62, 0, 0,
        ]
        #expect(try await f.stack.read(CacheKey(schema.space, 7), .strict).payload == bytes)
        #expect(try await f.stack.get(F.accounts, 7) == account)
    }

    struct Numbers: CacheRow, Equatable {
        var a: Int8 = 0
        var b: UInt8 = 0
        var c: Int16 = 0
        var d: UInt16 = 0
        var e: Int32 = 0
        var f: UInt32 = 0
        var g: Int = 0
        var h: UInt64 = 0
        var i: [UInt8] = []
        var j = false

        mutating func columns(_ column: inout RowColumns) {
            column("a", &a)
            column("b", &b)
            column("c", &c)
            column("d", &d)
            column("e", &e)
            column("f", &f)
            column("g", &g)
            column("h", &h)
            column("i", &i, max: 255)
            column("j", &j)
        }

        static func random(_ random: inout SplitMix64) -> Numbers {
            let (x, y) = (random.next(), random.next())
            return Numbers(
                a: .init(truncatingIfNeeded: x), b: .init(truncatingIfNeeded: y), c: .init(truncatingIfNeeded: x),
                d: .init(truncatingIfNeeded: y), e: .init(truncatingIfNeeded: x), f: .init(truncatingIfNeeded: y),
                g: .init(truncatingIfNeeded: x), h: y,
                i: (0..<x % 256).map { UInt8(truncatingIfNeeded: $0 &* y) }, j: x & 1 == 0)
        }
    }

    @Test("Every value of every type comes back, limits included", arguments: 1...5 as ClosedRange<UInt64>)
    func roundTrips(seed: UInt64) async throws {
        let space = CacheSpace<UInt64, Numbers>(9, table: "numbers", key: "id")
        let stack = CacheStack.inMemory([space.schema])
        var random = SplitMix64(seed: seed)
        var rows = (0..<100).map { _ in Numbers.random(&random) }
        rows.append(
            Numbers(
                a: .min, b: .max, c: .min, d: .max, e: .min, f: .max, g: .min, h: .max,
                i: Array(repeating: 255, count: 255), j: true))
        rows.append(Numbers(a: .max, c: .max, e: .max, g: .max))
        let all = rows
        try await stack.transaction { tx in
            for (id, row) in all.enumerated() { try tx.write(space, UInt64(id), row) }
        }
        let ids = all.indices.map { UInt64($0) }
        #expect(try await stack.get(space, ids, .strict) == all, "seed \(seed)")
        #expect(try await stack.get(space, ids.reversed()) == all.reversed(), "seed \(seed)")
    }

    @Test("Keys of all shapes map to ids one to one")
    func keys() throws {
        enum Board: UInt16, CacheableKey {
            case main = 7
        }
        struct AccountID: RawRepresentable, HalfKey, CacheableKey {
            var rawValue: UInt32
        }
        #expect(Int(-1).cacheID == .max && Int32(-1).cacheID == .max && UInt32.max.cacheID == 0xFFFF_FFFF)
        #expect(Board.main.cacheID == 7 && AccountID(rawValue: 3).cacheID == 3)
        #expect(KeyPair(AccountID(rawValue: 1), UInt32.max).cacheID == 0x1_FFFF_FFFF)
        #expect(KeyPair(UInt32(2), Int32(-1)).cacheID == 0x2_FFFF_FFFF)
    }

    @Test("Text is hashed by SipHash-2-4: the vector of its paper")
    func sipHash() {
        // Appendix A: key 00 01 ... 0f, message 00 01 ... 0e.
        let key: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
        #expect(TextHash.hash((0..<15).map { UInt8($0) }, key: key) == 0xA129_CA61_49BE_45E5)
    }

    @Test("Text keys keep their text: a row of another text with the same hash is an error, never a value")
    func textKeys() async throws {
        let f = F()
        let note = F.Note(text: "buy", tags: ["a": 1])
        try await f.stack.transaction { try $0.write(F.notes, "alpha", note) }
        #expect(try await f.stack.get(F.notes, "alpha") == note)
        #expect(try await f.stack.get(F.notes, "beta") == nil)
        #expect(F.notes.schema.key == .id("title_hash") && F.notes.schema.fields[0].name == "title")
        // No two texts with one hash are known, so the bytes of alpha are put where gamma belongs.
        let bytes = try #require(try await f.stack.read(try F.notes.key("alpha"), .strict).payload)
        await f.putBytes(bytes, try F.notes.key("gamma"))
        for attempt in 0..<3 {
            let error = await thrown(RowError.self) {
                switch attempt {
                case 0: _ = try await f.stack.get(F.notes, "gamma", .strict)
                case 1: try await f.stack.transaction { try $0.write(F.notes, "gamma", note) }
                default: try await f.stack.transaction { try $0.delete(F.notes, "gamma") }
                }
            }
            #expect(error?.code == .keyCollision, "attempt \(attempt)")
        }
    }

    @Test("An absent row is nil with its certificate: never existed, and deleted")
    func absent() async throws {
        let f = F()
        try await f.deposit(5, 2)
        let never = try await f.stack.read(F.accounts, 1)
        #expect(never.value == nil && never.version == .zero && never.asOf == Ticket(1) && never.epoch == 1)
        try await f.stack.transaction { try $0.delete(F.accounts, 2) }
        let deleted = try await f.stack.read(F.accounts, 2)
        #expect(deleted.value == nil && deleted.version == Ticket(2))
    }

    @Test("The tagged result tells level, age and staleness; peek sees L1 only")
    func tagged() async throws {
        let f = F()
        try await f.deposit(5)
        #expect(try f.stack.peek(F.accounts, 1) == nil)
        let loaded = f.time.now
        #expect(try await f.stack.read(F.accounts, 1).level == .l3)
        f.time.advance(by: .seconds(2))
        let held = try await f.stack.read(F.accounts, 1)
        #expect(held.level == .l1 && held.ageBound == .seconds(2) && !held.isStale)
        #expect(try f.stack.peek(F.accounts, 1)?.value == F.Account(cash: 5))
        #expect(try f.stack.peek(F.accounts, 1, maxAge: .seconds(1)) == nil)
        f.tiers.durable.setFaults { $0.reads = TierError(.unavailable, "down") }
        f.time.advance(by: .seconds(15))
        let error = await thrown(CacheError.self) { _ = try await f.stack.get(F.accounts, 1) }
        #expect(error?.code == .stalenessUnprovable)
        let stale = try await f.stack.read(F.accounts, 1, allowStale: true)
        #expect(stale.isStale && stale.value == F.Account(cash: 5))
        #expect(stale.ageBound >= .seconds(17) && stale.ageBound <= f.time.now - loaded)
    }

    @Test("A session reads its own writes in another process, by its token alone")
    func session() async throws {
        let f = F()
        let there = f.peer()
        _ = try await there.get(F.accounts, 1)
        var token = try await f.stack.transaction { try $0.write(F.accounts, 1, F.Account(cash: 9)) }.receipt.token
        #expect(try await there.get(F.accounts, 1) == nil, "bounded: ten seconds")
        token = try SessionToken(travelText: token.travelText)
        #expect(try await there.read(F.accounts, 1, session: &token).value?.cash == 9)
    }

    @Test("Bytes of another layout in L2 are a miss; in L3 a typed error; never a value")
    func otherLayout() async throws {
        let f = F()
        try await f.deposit(5)
        _ = try await f.stack.get(F.accounts, 1)
        let key = try F.accounts.key(1)
        let entry = CertifiedEntry(
            key: key,
            certificate: Certificate(
                version: Ticket(1), asOf: Ticket(1), asOfTime: f.time.microseconds, epoch: 1),
            payload: [1, 2, 3])
        f.tiers.shared.overwrite(key, with: EntryFormat.encode(entry, keyHash: key.l2Hash(epoch: 1)))
        let reader = f.peer()
        _ = try await reader.get(F.accounts, 2)
        #expect(try await reader.read(key).level == .l2, "the strange bytes are there")
        #expect(try await reader.get(F.accounts, 1) == F.Account(cash: 5))
        let outcome = try await reader.transaction { tx in try await tx.get(F.accounts, 1)?.cash }
        #expect(outcome.result == 5)
        await f.putBytes([1, 2, 3], key)
        let error = await thrown(RowError.self) { _ = try await f.peer().get(F.accounts, 1) }
        #expect(error?.code == .otherLayout)
    }

    @Test("JSON rows carry their version: others are refused, listed ones are read")
    func versions() async throws {
        let (old, new) = (
            CacheSpace<Int, F.Note>(1, table: "n", key: "id", json: 1),
            CacheSpace<Int, F.Note>(1, table: "n", key: "id", json: 2)
        )
        let patient = CacheSpace<Int, F.Note>(1, table: "n", key: "id", json: 2, reading: [1])
        let stack = CacheStack.inMemory([old.schema])
        let note = F.Note(text: "n", tags: ["x": .max])
        try await stack.transaction { try $0.write(old, 1, note) }
        #expect(try await stack.get(patient, 1) == note)
        let error = await thrown(RowError.self) { _ = try await stack.get(new, 1) }
        #expect(error?.code == .otherVersion)
        let number = CacheSpace<Int, [Int]>(1, table: "n", key: "id", json: 1)
        let wrong = await thrown(RowError.self) { _ = try await stack.get(number, 1) }
        #expect(wrong?.code == .badBody)
    }
}
