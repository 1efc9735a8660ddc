import CacheStack
import Glibc

/// Runs the worked example of the documentation over tiers in memory, as a unit test of the service would.
func check(_ condition: Bool, _ claim: String) {
    print(condition ? "kept  " : "BROKEN", claim)
    if !condition { exit(1) }
}

let tiers = MemoryTiers([AccountService.accounts.schema, AccountService.positions.schema], time: ManualTime())
let (here, there) = (AccountService(stack: .inMemory(tiers)), AccountService(stack: .inMemory(tiers)))
try await here.stack.transaction { try $0.write(AccountService.accounts, 7, Account(cash: 10_000)) }

let before = try await there.holdings(of: 7, in: [600_000, 600_001], session: SessionToken())
check(before == (10_000, [0, 0]), "a process that has only read sees the deposit")

let bought = try await here.buy(3, of: 600_000, at: 3_000, for: 7, orderID: "order-1")
let again = try await there.buy(3, of: 600_000, at: 3_000, for: 7, orderID: "order-1")
check(bought == again, "an order sent twice, to two processes, is bought once")

let token = try SessionToken(travelText: bought.travelText)
let after = try await there.holdings(of: 7, in: [600_000, 600_001], session: token)
check(after == (1_000, [3, 0]), "the other process shows the order to its session")

do {
    _ = try await there.buy(1, of: 600_001, at: 3_000, for: 7, orderID: "order-2")
    check(false, "an order above the cash is refused")
} catch is InsufficientCash {
    check(
        try await there.holdings(of: 7, in: [600_001], session: token) == (1_000, [0]), "a refused order leaves nothing"
    )
}

tiers.durable.setFaults { $0.reads = TierError(.unavailable, "as if PostgreSQL were down") }
let held = try await there.stack.read(AccountService.accounts, 7, allowStale: true)
check(held.value?.cash == 1_000, "reads go on while PostgreSQL is away, with their age: \(held.ageBound)")
