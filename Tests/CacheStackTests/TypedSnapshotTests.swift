import CacheStack
import TestData
import Testing

@Suite("Snapshots in a closure")
struct TypedSnapshotTests {
    typealias F = TypedFixture

    /// Moves shares of account `id` into cash, one for one, and back: cash + shares stays 100.
    private func rebalance(_ f: F, _ cash: Int64, _ id: Int = 1) async throws {
        try await f.peer().transaction { tx in
            try tx.write(F.accounts, id, F.Account(cash: cash))
            try tx.write(F.positions, F.Pair(UInt32(id), 1), F.Position(shares: Int32(100 - cash)))
        }
    }

    private func sum(_ f: F, between: () async throws -> Void = {}) async throws -> SnapshotResult<Int64> {
        try await f.stack.withSnapshot { snapshot in
            let cash = try await snapshot.get(F.accounts, 1)?.cash ?? 0
            try await between()
            return cash + Int64(try await snapshot.get(F.positions, F.Pair(1, 1))?.shares ?? 0)
        }
    }

    @Test("Rows of several spaces are of one ticket, whatever L1 holds of each")
    func oneTicket() async throws {
        let f = F()
        try await rebalance(f, 10)
        _ = try await f.stack.get(F.accounts, 1)
        try await rebalance(f, 20)
        _ = try await f.stack.get(F.positions, F.Pair(1, 1))
        let result = try await sum(f)
        #expect(result.result == 100 && result.ticket == Ticket(2) && result.epoch == 1)
    }

    @Test("A row that changes between two reads costs a second run")
    func moved() async throws {
        let f = F()
        try await rebalance(f, 10)
        var runs = 0
        let result = try await sum(f) {
            runs += 1
            if runs == 1 {
                try await rebalance(f, 30)
                f.time.advance(by: .seconds(20))
            }
        }
        #expect(result.result == 100 && result.ticket == Ticket(2) && runs == 2)
    }

    @Test("Rows that change in every run of a closure that never names them twice alike end as contention")
    func contention() async throws {
        let f = F()
        var id = 0
        var runs = 0
        let error = await thrown(CacheError.self) {
            _ = try await f.stack.withSnapshot(attemptsMax: 3) { snapshot in
                runs += 1
                id += 1
                _ = try await snapshot.get(F.accounts, id)
                try await f.peer().transaction { try $0.write(F.accounts, id, F.Account(cash: 1)) }
                f.time.advance(by: .seconds(20))
                _ = try await snapshot.get(F.positions, F.Pair(9, UInt32(id)))
            }
        }
        #expect(error?.code == .contention && runs == 3)
    }

    @Test("The result's token, and a session's, are lower bounds")
    func session() async throws {
        let f = F()
        try await rebalance(f, 10)
        _ = try await sum(f)
        try await rebalance(f, 20)
        #expect(try await sum(f).ticket == Ticket(1), "ten seconds are allowed")
        let token = SessionToken(epoch: 1, ticket: Ticket(2))
        let newer = try await f.stack.withSnapshot(session: token) { try await $0.get(F.accounts, 1)?.cash }
        #expect(newer.result == 20 && newer.token == token)
        let ahead = SessionToken(epoch: 1, ticket: Ticket(3))
        await #expect(throws: CacheError.self) {
            try await f.stack.withSnapshot(session: ahead) { try await $0.get(F.accounts, 1) }
        }
        let empty = try await f.stack.withSnapshot { _ in 1 }
        #expect(empty.result == 1)
    }

    @Test("An error of the closure is passed on")
    func error() async throws {
        let f = F()
        await #expect(throws: TypedTransactionTests.Poor.self) {
            try await f.stack.withSnapshot { snapshot in
                _ = try await snapshot.get(F.accounts, 1)
                throw TypedTransactionTests.Poor()
            }
        }
    }

    @Test("No sum is ever torn, over random writes, polls and pauses", arguments: 1...10 as ClosedRange<UInt64>)
    func neverTorn(seed: UInt64) async throws {
        let f = F()
        var random = SplitMix64(seed: seed)
        try await rebalance(f, 0)
        for step in 0..<100 {
            var interruptions = Int(random.next() % 3)
            switch random.next() % 5 {
            case 0: try await rebalance(f, Int64(random.next() % 100))
            case 1: try await f.stack.pollChanges()
            case 2: f.time.advance(by: .milliseconds(Int64(random.next() % 4_000)))
            default:
                let result = try await sum(f) {
                    guard interruptions > 0 else { return }
                    interruptions -= 1
                    try await rebalance(f, Int64(random.next() % 100))
                    if random.next() % 2 == 0 { try await f.stack.pollChanges() }
                }
                #expect(result.result == 100, "seed \(seed) step \(step)")
            }
        }
    }
}
