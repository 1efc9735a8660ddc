import CacheStack
import PostgresTier
import Telemetry
import TestServers
import Testing

@Suite("Typed spaces in PostgreSQL", .enabled(if: TestServers.areInstalled, "needs PostgreSQL: make deps"))
struct TypedSpacesTests {
    struct Account: CacheRow, Equatable {
        var cash: Int64 = 0
        var isBlocked = false
        var flags: UInt32 = 0
        var owner = ""
        var mark: [UInt8] = []

        mutating func columns(_ column: inout RowColumns) {
            column("cash", &cash)
            column("is_blocked", &isBlocked)
            column("flags", &flags)
            column("owner", &owner, max: 12)
            column("mark", &mark, max: 255)
        }
    }

    struct Note: Codable, Sendable, Equatable {
        var text: String
        var tags: [String: Int] = [:]
    }

    struct Poor: Error {}

    static let accounts = CacheSpace<Int, Account>(1, table: "account", key: "account")
    static let pairs = CacheSpace<KeyPair<UInt32, Int32>, Account>(2, table: "pair", key: "a", "b")
    static let notes = CacheSpace<String, Note>(3, table: "note", key: "title", json: 1, bodyMax: 600)
    static let schemas = [accounts.schema, pairs.schema, notes.schema]

    /// Two stacks over one database: two processes, as it were.
    private func stacks(_ database: TestDatabase) throws -> (CacheStack, CacheStack, PostgresTier) {
        let tier = try database.tier(Self.schemas)
        let shared = MemorySharedTier()
        func stack() -> CacheStack {
            CacheStack(schemas: Self.schemas, shared: shared, durable: tier, metrics: MetricsRegistry())
        }
        return (stack(), stack(), tier)
    }

    @Test("Rows of every shape are columns in SQL, and come back from there")
    func rows() async throws {
        let database = try await TestDatabase(tables: Self.schemas)
        let (here, there, tier) = try stacks(database)
        let account = Account(
            cash: .min, isBlocked: true, flags: .max, owner: "Ann", mark: Array(repeating: 0, count: 255))
        let note = Note(text: String(repeating: "ü", count: 250), tags: ["a": .max])
        try await here.transaction { tx in
            try tx.write(Self.accounts, -5, account)
            try tx.write(Self.pairs, KeyPair(.max, -1), account)
            try tx.write(Self.notes, "first note", note)
        }
        #expect(try await there.get(Self.accounts, -5) == account)
        #expect(try await there.get(Self.pairs, KeyPair(.max, -1)) == account)
        #expect(try await there.get(Self.notes, "first note") == note)
        let sql = "SELECT account, cash, is_blocked, flags, owner, octet_length(mark), ver FROM account"
        #expect(try await database.script(sql) == [["-5", "-9223372036854775808", "1", "-1", "Ann", "255", "1"]])
        #expect(
            try await database.script(
                "SELECT title, left(convert_from(body, 'UTF8'), 10) FROM note")
                == [["first note", "{\"tags\":{\""]])
        try await there.transaction { try $0.delete(Self.notes, "first note") }
        #expect(try await here.get(Self.notes, "first note", .strict) == nil)
        await tier.close()
    }

    @Test("Concurrent withdrawals never overdraw, and each key takes effect once")
    func withdrawals() async throws {
        let database = try await TestDatabase(tables: Self.schemas)
        let (here, there, tier) = try stacks(database)
        try await here.transaction { try $0.write(Self.accounts, 1, Account(cash: 100)) }
        func withdraw(_ stack: CacheStack, _ order: Int) async throws -> Bool {
            do {
                try await stack.transaction(
                    idempotencyKey: "order-\(order)", intent: "withdraw 7", policy: TransactionPolicy(attemptsMax: 200)
                ) { tx in
                    var account = try await tx.get(Self.accounts, 1) ?? Account()
                    guard account.cash >= 7 else { throw Poor() }
                    account.cash -= 7
                    try tx.write(Self.accounts, 1, account)
                }
                return true
            } catch is Poor {
                return false
            }
        }
        // Every order is sent twice, to both processes; 14 of them fit into 100.
        let accepted = try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
            for order in 0..<20 {
                for stack in [here, there] { group.addTask { (order, try await withdraw(stack, order)) } }
            }
            return try await group.reduce(into: [Int: Set<Bool>]()) { $0[$1.0, default: []].insert($1.1) }
        }
        #expect(accepted.values.filter { $0.contains(true) }.count == 14)
        #expect(try await there.get(Self.accounts, 1, .strict)?.cash == 100 - 14 * 7)
        #expect(try await database.script("SELECT count(*) FROM mc_idem") == [["14"]], "refused orders left no key")
        await tier.close()
    }

    @Test("A snapshot of several spaces is one ticket; a transaction that only reads takes none, with a key it does")
    func snapshot() async throws {
        let database = try await TestDatabase(tables: Self.schemas)
        let (here, there, tier) = try stacks(database)
        let key = KeyPair<UInt32, Int32>(1, 1)
        for cash in 0..<10 {
            try await here.transaction { tx in
                try tx.write(Self.accounts, 1, Account(cash: Int64(cash)))
                try tx.write(Self.pairs, key, Account(cash: Int64(100 - cash)))
            }
            let result = try await there.withSnapshot { snapshot in
                let a = try await snapshot.get(Self.accounts, 1)?.cash ?? 0
                return a + (try await snapshot.get(Self.pairs, key)?.cash ?? 0)
            }
            #expect(result.result == 100)
        }
        let read = try await here.transaction { tx in
            (try await tx.get(Self.accounts, 1)?.cash ?? 0) + (try await tx.get(Self.pairs, key)?.cash ?? 0)
        }
        #expect(read.result == 100 && read.receipt.ticket == Ticket(10))
        let marked = try await here.transaction(idempotencyKey: "r") { tx in try await tx.get(Self.accounts, 1)?.cash }
        #expect(marked.result == 9 && marked.receipt.ticket == Ticket(11))
        await tier.close()
    }
}
