import CacheStack
import Testing

@Suite("Limits of typed spaces")
struct TypedLimitTests {
    typealias F = TypedFixture

    private func code(_ body: () async throws -> Void) async -> RowError.Code? {
        await thrown(RowError.self, body)?.code
    }

    @Test("A text at its limit is written, one byte more is refused, as is text that is not ASCII")
    func text() async throws {
        let f = F()
        func write(_ owner: String) async throws {
            try await f.stack.transaction { try $0.write(F.accounts, 1, F.Account(owner: owner)) }
        }
        try await write("abcd")
        #expect(try await f.stack.get(F.accounts, 1)?.owner == "abcd")
        #expect(await code { try await write("abcde") } == .tooLong)
        #expect(await code { try await write("é") } == .notASCII)
        #expect(await code { try await write("a\0") } == .notASCII)
        #expect(try await f.stack.get(F.accounts, 1)?.owner == "abcd", "refused writes left nothing")
    }

    @Test("A text key at its limit names a row, one byte more does not")
    func textKey() async throws {
        let f = F()
        #expect(try await f.stack.get(F.notes, "12345678") == nil)
        #expect(await code { _ = try await f.stack.get(F.notes, "123456789") } == .tooLong)
        #expect(await code { _ = try await f.stack.get(F.notes, "é") } == .notASCII)
        #expect(try await f.stack.get(F.notes, "") == nil)
    }

    @Test("A JSON body at its limit comes back, one byte more is refused")
    func body() async throws {
        let f = F()
        // {"tags":{},"text":""} has 21 bytes.
        let full = F.Note(text: String(repeating: "x", count: 300 - 21))
        try await f.stack.transaction { try $0.write(F.notes, "a", full) }
        #expect(try await f.stack.get(F.notes, "a", .strict) == full)
        #expect(F.notes.schema.fields.map(\.name) == ["title", "schema_version", "body"])
        let over = F.Note(text: full.text + "x")
        #expect(
            await code { try await f.stack.transaction { try $0.write(F.notes, "a", over) } } == .tooLong)
        let endless = CacheSpace<Int, Double>(1, table: "d", key: "id", json: 1)
        let stack = CacheStack.inMemory([endless.schema])
        #expect(await code { try await stack.transaction { try $0.write(endless, 1, .infinity) } } == .badBody)
    }

    @Test("A number without a case is refused, both ways")
    func badValue() async throws {
        let f = F()
        try await f.stack.transaction { try $0.write(F.accounts, 9, F.Account(owner: "ab")) }
        let good = try #require(try await f.stack.read(try F.accounts.key(9), .strict).payload)
        // Offsets behind the stamp of 4: cash 4, is_blocked 12, kind 14, owner's length 16, its bytes 17...20.
        let cases: [(Int, UInt8, RowError.Code)] = [
            (14, 3, .badValue),  // no kind
            (12, 2, .badValue),  // is_blocked is neither 0 nor 1
            (16, 5, .otherLayout),  // a text longer than its column
            (16, 1, .otherLayout),  // a letter behind the text's end
            (17, 0x80, .notASCII), (17, 0, .notASCII), (0, good[0] ^ 1, .otherLayout),
        ]
        for (id, (offset, byte, expected)) in cases.enumerated() {
            var bytes = good
            bytes[offset] = byte
            await f.putBytes(bytes, try F.accounts.key(id + 10))
            #expect(await code { _ = try await f.stack.get(F.accounts, id + 10) } == expected, "case \(id)")
        }
    }

    struct Fickle: CacheRow {
        var isWide = false
        var number: Int64 = 0

        mutating func columns(_ column: inout RowColumns) {
            column("is_wide", &isWide)
            if isWide { column("number", &number) }
        }
    }

    @Test("A row whose columns depend on its value is refused, written and read")
    func fickle() async throws {
        let space = CacheSpace<Int, Fickle>(1, table: "f", key: "id")
        let tiers = MemoryTiers([space.schema])
        let stack = CacheStack.inMemory(tiers)
        #expect(
            await code { try await stack.transaction { try $0.write(space, 1, Fickle(isWide: true)) } } == .otherLayout)
        var writes = WriteSet()
        try await stack.transaction { try $0.write(space, 1, Fickle()) }
        var bytes = try #require(try await stack.read(try space.key(1), .strict).payload)
        bytes[4] = 1
        writes.append(try space.key(1), payload: bytes)
        _ = await tiers.durable.commit([Transaction(writes: writes)], until: .now)
        #expect(await code { _ = try await stack.get(space, 1, .strict) } == .otherLayout)
    }

    @Test("A bulk read has at most snapshotKeysMax keys, repeated ones counted; none is fine")
    func bulk() async throws {
        let f = F { $0.snapshotKeysMax = 3 }
        #expect(try await f.stack.get(F.accounts, [1, 2, 1]).count == 3)
        #expect(try await f.stack.get(F.accounts, [Int]()).isEmpty)
        #expect(await code { _ = try await f.stack.get(F.accounts, [1, 2, 3, 1]) } == .tooManyKeys)
        let scoped = await code { try await f.stack.transaction { _ = try await $0.get(F.accounts, [1, 2, 3, 4]) } }
        #expect(scoped == .tooManyKeys)
    }

    @Test("A transaction has at most rowsMax rows, read and written")
    func rows() async throws {
        let f = F()
        var policy = TransactionPolicy()
        policy.rowsMax = 4
        let full = policy
        try await f.stack.transaction(policy: full) { tx in
            _ = try await tx.get(F.accounts, [1, 2])
            for id in 1...2 { try tx.write(F.accounts, id, F.Account(cash: 1)) }
        }
        for isRead in [false, true] {
            let error = await thrown(TransactionError.self) {
                try await f.stack.transaction(policy: full) { tx in
                    for id in 11...14 { try tx.write(F.accounts, id, F.Account(cash: 1)) }
                    if isRead { _ = try await tx.get(F.accounts, 15) } else { try tx.delete(F.accounts, 15) }
                }
            }
            #expect(error?.code == .tooManyRows)
        }
        #expect(try await f.stack.get(F.accounts, 11, .strict) == nil)
    }

    @Test("An idempotency key has 1 to 64 bytes, none of them zero", arguments: ["", "a\0b", "65"])
    func idempotencyKeys(_ key: String) async throws {
        let f = F()
        let bad = key == "65" ? String(repeating: "k", count: 65) : key
        let error = await thrown(TransactionError.self) {
            try await f.stack.transaction(idempotencyKey: bad) { try $0.delete(F.accounts, 1) }
        }
        #expect(error?.code == .invalidKey)
        let good = String(repeating: "k", count: 64)
        try await f.stack.transaction(idempotencyKey: good) { try $0.delete(F.accounts, 1) }
    }

    @Test("A handle declared with the wrong number of key columns is a programmer's mistake")
    func keyColumns() async {
        await #expect(processExitsWith: .failure) {
            _ = CacheSpace<KeyPair<UInt32, UInt32>, TypedFixture.Position>(1, table: "p", key: "only_one")
        }
        await #expect(processExitsWith: .failure) {
            _ = CacheSpace<Int, TypedFixture.Position>(0, table: "p", key: "id")
        }
    }
}
