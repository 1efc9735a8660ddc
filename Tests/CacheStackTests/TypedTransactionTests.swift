import CacheStack
import TestData
import Testing

@Suite("Transactions in a closure")
struct TypedTransactionTests {
    typealias F = TypedFixture

    struct Poor: Error {}

    /// Takes cash from an account that must have it.
    static func withdraw(
        _ amount: Int64, _ stack: CacheStack, key: String? = nil
    ) async throws -> TransactionOutcome<Int64> {
        try await stack.transaction(idempotencyKey: key, intent: "withdraw \(amount)") { tx in
            var account = try await tx.get(F.accounts, 1) ?? F.Account()
            guard account.cash >= amount else { throw Poor() }
            account.cash -= amount
            try tx.write(F.accounts, 1, account)
            return account.cash
        }
    }

    @Test("Reads see the transaction's own writes; nothing is visible before the commit")
    func ownWrites() async throws {
        let f = F()
        try await f.deposit(5)
        let (stack, time) = (f.stack, f.time)
        let outcome = try await stack.transaction { tx in
            try tx.write(F.accounts, 1, F.Account(cash: 6))
            try tx.write(F.positions, F.Pair(1, 2), F.Position(shares: 3))
            try tx.delete(F.accounts, 2)
            time.advance(by: .seconds(30))
            #expect(try await stack.get(F.accounts, 1)?.cash == 5)
            let own = try await tx.get(F.accounts, [1, 2, 3]).map { $0?.cash }
            try tx.write(F.accounts, 1, F.Account(cash: 7))
            return own
        }
        #expect(outcome.result == [6, nil, nil] && outcome.receipt.ticket == Ticket(2))
        #expect(try await stack.get(F.accounts, 1)?.cash == 7)
        #expect(try await stack.get(F.positions, F.Pair(1, 2))?.shares == 3)
    }

    @Test("A stale read costs a second run, not a lost update", arguments: [1, 2])
    func staleRead(commits: Int) async throws {
        let f = F()
        try await f.deposit(100)
        _ = try await f.stack.get(F.accounts, 1)
        for cash in 0..<commits { try await f.deposit(Int64(50 + cash)) }
        let outcome = try await Self.withdraw(10, f.stack)
        #expect(outcome.result == Int64(50 + commits - 1 - 10) && outcome.receipt.attempts == 2)
        #expect(try await f.peer().get(F.accounts, 1)?.cash == outcome.result)
    }

    @Test("An error thrown on a stale read runs the closure again; on the newest rows it stands")
    func staleError() async throws {
        let f = F()
        try await f.deposit(5)
        _ = try await f.stack.get(F.accounts, 1)
        try await f.deposit(50)
        #expect(try await Self.withdraw(10, f.stack).result == 40)
        await #expect(throws: Poor.self) { try await Self.withdraw(41, f.stack) }
        #expect(try await f.stack.get(F.accounts, 1, .strict)?.cash == 40)
    }

    @Test("An error of the closure writes nothing")
    func rollback() async throws {
        let f = F()
        await #expect(throws: Poor.self) {
            try await f.stack.transaction { tx in
                try tx.write(F.accounts, 1, F.Account(cash: 1))
                throw Poor()
            }
        }
        #expect(f.tiers.durable.newest == .zero)
    }

    @Test("Conflicts without end are a typed error that names the row, after attemptsMax runs")
    func conflict() async throws {
        let f = F()
        try await f.deposit(1)
        let (runs, pauses) = (TypedFixture.Counter(), TypedFixture.Counter())
        var policy = TransactionPolicy(attemptsMax: 4)
        policy.jitter = {
            pauses.increment()
            return 0.5
        }
        let (patience, start) = (policy, f.time.now)
        let error = await thrown(TransactionError.self) {
            try await f.stack.transaction(policy: patience) { tx in
                let cash = try await tx.get(F.accounts, 1)?.cash ?? 0
                runs.increment()
                try await f.deposit(cash + 1)
                try tx.write(F.accounts, 1, F.Account(cash: cash + 100))
            }
        }
        #expect(error?.code == .conflict)
        #expect(try error?.key == F.accounts.key(1))
        #expect(runs.value == 4 && pauses.value == 3)
        #expect(f.time.now - start == .milliseconds(1 + 2 + 4), "pauses of 2, 4, 8 ms, halved")
        #expect(try await f.stack.get(F.accounts, 1, .strict)?.cash == 5)
    }

    @Test("Write skew is refused when serializable, and allowed when only written rows are checked")
    func writeSkew() async throws {
        for isolation in [TransactionPolicy.Isolation.serializable, .writtenRows] {
            let f = F()
            try await f.stack.transaction { tx in
                for id in 1...2 { try tx.write(F.accounts, id, F.Account(cash: 1)) }
            }
            // Both may go to zero only if the other is not: each reads both, and writes one.
            func lower(_ id: Int, between: () async throws -> Void) async throws {
                try await f.stack.transaction(policy: TransactionPolicy(isolation: isolation)) { tx in
                    let sum = try await tx.get(F.accounts, [1, 2]).reduce(0) { $0 + ($1?.cash ?? 0) }
                    try await between()
                    if sum > 1 { try tx.write(F.accounts, id, F.Account(cash: 0)) }
                }
            }
            var isNested = false
            try await lower(1) {
                guard !isNested else { return }
                isNested = true
                try await lower(2) {}
            }
            let sum = try await f.stack.get(F.accounts, [1, 2], .strict).reduce(0) { $0 + ($1?.cash ?? 0) }
            #expect(sum == (isolation == .serializable ? 1 : 0))
        }
    }

    @Test("Transactions at the same time lose no update", arguments: 1...4 as ClosedRange<UInt64>)
    func noLostUpdates(seed: UInt64) async throws {
        let f = F()
        let stacks = [f.stack, f.peer(), f.peer()]
        try await f.stack.transaction { tx in
            for id in 0..<4 { try tx.write(F.accounts, id, F.Account(cash: 1_000)) }
        }
        // Every transfer keeps the sum, and adds one to row 9.
        let done = F.Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<6 {
                group.addTask {
                    var random = SplitMix64(seed: seed &* 31 &+ UInt64(worker))
                    for _ in 0..<30 {
                        let (from, to) = (Int(random.next() % 4), Int(random.next() % 4))
                        guard from != to else { continue }
                        try await stacks[worker % 3].transaction(policy: TransactionPolicy(attemptsMax: 1_000)) { tx in
                            let rows = try await tx.get(F.accounts, [from, to, 9])
                            let cash = rows.map { $0?.cash ?? 0 }
                            try tx.write(F.accounts, from, F.Account(cash: cash[0] - 7))
                            try tx.write(F.accounts, to, F.Account(cash: cash[1] + 7))
                            try tx.write(F.accounts, 9, F.Account(cash: cash[2] + 1))
                        }
                        done.increment()
                    }
                }
            }
            try await group.waitForAll()
        }
        let rows = try await f.peer().get(F.accounts, [0, 1, 2, 3, 9], .strict).map { $0?.cash ?? 0 }
        #expect(rows[..<4].reduce(0, +) == 4_000, "seed \(seed)")
        #expect(rows[4] == Int64(done.value), "seed \(seed)")
    }

    @Test("The same idempotency key takes effect once, even where the second run would throw")
    func idempotency() async throws {
        let f = F()
        try await f.deposit(15)
        let first = try await Self.withdraw(10, f.stack, key: "w1")
        #expect(first.result == 5)
        for stack in [f.stack, f.peer()] {
            let again = try await Self.withdraw(10, stack, key: "w1")
            #expect(again.result == nil && again.receipt.ticket == first.receipt.ticket)
        }
        let reused = await thrown(TransactionError.self) { _ = try await Self.withdraw(2, f.stack, key: "w1") }
        #expect(reused?.code == .keyReused)
        let poor = await thrown(TransactionError.self) { _ = try await Self.withdraw(11, f.stack, key: "w1") }
        #expect(poor?.code == .keyReused)
        await #expect(throws: Poor.self) { try await Self.withdraw(10, f.stack, key: "w2") }
        try await f.deposit(20)
        #expect(try await Self.withdraw(10, f.stack, key: "w2").result == 10, "a refused attempt left no trace")
    }

    @Test("A lost answer is in doubt, not a failure; the same key finds out", arguments: [true, false])
    func inDoubt(isCommitted: Bool) async throws {
        let f = F()
        try await f.deposit(15)
        f.tiers.durable.setFaults {
            $0.lostCommit = isCommitted
            $0.failedResolutions = .max
        }
        let error = await thrown(TransactionError.self) { _ = try await Self.withdraw(10, f.stack, key: "w1") }
        #expect(error?.code == .inDoubt)
        f.tiers.durable.setFaults { $0.failedResolutions = 0 }
        let again = try await Self.withdraw(10, f.stack, key: "w1")
        #expect((again.result == nil) == isCommitted)
        #expect(try await f.stack.get(F.accounts, 1, .strict)?.cash == 5)
    }

    @Test("A database that is down is failed, with its fault; nothing was written")
    func failed() async throws {
        let f = F()
        f.tiers.durable.setFaults { $0.commits = TierError(.cannotWrite, "disk full") }
        let error = await thrown(TransactionError.self) {
            try await f.stack.transaction { try $0.write(F.accounts, 1, F.Account()) }
        }
        #expect(error?.code == .failed && error?.underlying?.code == .cannotWrite)
    }

    @Test("Inserting takes a row that does not exist, never existed or was deleted")
    func insert() async throws {
        let f = F()
        func insert(_ cash: Int64) async throws {
            try await f.stack.transaction { try await $0.insert(F.accounts, 1, F.Account(cash: cash)) }
        }
        try await insert(1)
        let error = await thrown(TransactionError.self) { try await insert(2) }
        #expect(error?.code == .exists)
        #expect(try error?.key == F.accounts.key(1))
        try await f.stack.transaction { tx in
            try tx.delete(F.accounts, 1)
            try await tx.insert(F.accounts, 1, F.Account(cash: 3))
        }
        #expect(try await f.stack.get(F.accounts, 1)?.cash == 3)
        try await f.peer().transaction { try $0.delete(F.accounts, 1) }
        try await insert(4)
        #expect(try await f.stack.get(F.accounts, 1, .strict)?.cash == 4, "the stale row was read again")
    }

    @Test("A scope that outlives its closure reads and writes nothing")
    func closed() async throws {
        let f = F()
        var leaked: TransactionScope?
        try await f.stack.transaction { leaked = $0 }
        let scope = try #require(leaked)
        for isRead in [true, false] {
            let error = await thrown(TransactionError.self) {
                if isRead {
                    _ = try await scope.get(F.accounts, 1)
                } else {
                    try scope.write(F.accounts, 1, F.Account())
                }
            }
            #expect(error?.code == .closed)
        }
        #expect(f.tiers.durable.newest == .zero)
    }

    @Test("A transaction that only reads sees one state and takes no ticket")
    func readOnly() async throws {
        let f = F()
        try await f.stack.transaction { tx in
            for id in 1...2 { try tx.write(F.accounts, id, F.Account(cash: 5)) }
        }
        let (stack, other) = (f.stack, f.peer())
        var runs = 0
        let outcome = try await stack.transaction { tx in
            runs += 1
            let a = try await tx.get(F.accounts, 1)?.cash ?? 0
            if runs == 1 {
                try await other.transaction { tx in
                    for (id, cash) in [(1, 4), (2, 6)] { try tx.write(F.accounts, id, F.Account(cash: Int64(cash))) }
                }
                f.time.advance(by: .seconds(20))
            }
            return a + (try await tx.get(F.accounts, 2)?.cash ?? 0)
        }
        #expect(outcome.result == 10 && runs == 2 && f.tiers.durable.newest == Ticket(2))
        #expect(outcome.receipt.ticket == Ticket(2))
    }
}
