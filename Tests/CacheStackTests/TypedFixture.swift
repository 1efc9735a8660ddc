import CacheStack
import Synchronization

/// Rows, spaces and tiers of the tests of typed spaces.
struct TypedFixture {
    struct Account: CacheRow, Equatable {
        var cash: Int64 = 0
        var isBlocked = false
        var kind = Kind.retail
        var owner = ""

        mutating func columns(_ column: inout RowColumns) {
            column("cash", &cash)
            column("is_blocked", &isBlocked)
            column("kind", &kind)
            column("owner", &owner, max: 4)
        }
    }

    enum Kind: UInt8 {
        case retail = 1
        case house = 200
    }

    struct Position: CacheRow, Equatable {
        var shares: Int32 = 0

        mutating func columns(_ column: inout RowColumns) { column("shares", &shares) }
    }

    struct Note: Codable, Sendable, Equatable {
        var text: String
        var tags: [String: Int] = [:]
    }

    /// A count that closures share.
    final class Counter: Sendable {
        private let count = Atomic(0)

        var value: Int { count.load(ordering: .relaxed) }

        func increment() { count.wrappingAdd(1, ordering: .relaxed) }
    }

    typealias Pair = KeyPair<UInt32, UInt32>

    static let accounts = CacheSpace<Int, Account>(1, table: "account", key: "account")
    static let positions = CacheSpace<Pair, Position>(2, table: "position", key: "account", "instrument")
    static let notes = CacheSpace<String, Note>(3, table: "note", key: "title", keyMax: 8, json: 2, bodyMax: 300)

    static var schemas: [SpaceSchema] { [accounts.schema, positions.schema, notes.schema] }

    let time = ManualTime()
    let tiers: MemoryTiers
    let stack: CacheStack

    init(_ configure: (inout CacheStack.Configuration) -> Void = { _ in }) {
        tiers = MemoryTiers(Self.schemas, time: time)
        stack = CacheStack.inMemory(tiers, configure)
    }

    /// Another process over the same tiers.
    func peer() -> CacheStack { CacheStack.inMemory(tiers) }

    /// Writes an account from another process.
    @discardableResult
    func deposit(_ cash: Int64, _ id: Int = 1) async throws -> Ticket {
        try await peer().transaction { try $0.write(Self.accounts, id, Account(cash: cash)) }.receipt.ticket
    }

    /// Puts bytes into L3 under a row's id, as another release would.
    func putBytes(_ bytes: [UInt8], _ key: CacheKey) async {
        var writes = WriteSet()
        writes.append(key, payload: bytes)
        _ = await tiers.durable.commit([Transaction(writes: writes)], until: .now)
    }
}

/// The error that `body` throws, if it is of that type.
func thrown<Fault: Error>(_ type: Fault.Type, _ body: () async throws -> Void) async -> Fault? {
    do {
        try await body()
        return nil
    } catch {
        return error as? Fault
    }
}
