public import Market

/// Totals kept with every posting, so that the costly invariants have a cheap continuous form.
///
/// `cash` and `shares` add up every leg as it is applied to a table; a posting whose legs do not cancel leaves them off
/// zero for good. Additions wrap: the totals are a check, they decide nothing.
public struct RunningSums: Hashable, Sendable {
    /// Available and frozen cash of all accounts, `HouseAccount.external` included: 0 (invariant I1).
    public internal(set) var cash = Money.zero
    /// Shares of all accounts in all instruments, the external side included: 0 (invariant I2).
    public internal(set) var shares = Quantity.zero
    /// Cash frozen by open buys.
    public internal(set) var frozenCash = Money.zero
    /// Shares frozen by open sales.
    public internal(set) var frozenShares = Quantity.zero
    /// Postings after which a balance that must not be negative was (invariant I3): 0.
    public internal(set) var negativeBalances = 0

    /// Whether all of it is as it must be between postings.
    public var areSound: Bool { cash == .zero && shares == .zero && negativeBalances == 0 }

    mutating func addCash(_ amount: Money) { cash.milli &+= amount.milli }
    mutating func addShares(_ amount: Quantity) { shares.shares &+= amount.shares }
}

extension Ledger {
    /// The running totals; `areSound` is cheap enough to ask after every batch.
    public var runningSums: RunningSums { sums }

    /// One cash leg: the only way a posting changes cash.
    mutating func move(
        _ account: AccountID, available: Money, frozen: Money = .zero, unsettled: Money = .zero
    ) {
        let new = cash.add(account, available: available, frozen: frozen, unsettled: unsettled)
        sums.addCash(available + frozen)
        sums.frozenCash.milli &+= frozen.milli
        if (new.available.milli | new.frozen.milli | new.unsettled.milli) < 0, account != HouseAccount.external {
            sums.negativeBalances += 1
        }
    }

    /// One share leg: the only way a posting changes a position. `isExternal` rows may be negative.
    mutating func move(
        row: Int, settled: Quantity = .zero, unsettled: Quantity = .zero, frozen: Quantity = .zero,
        isExternal: Bool = false
    ) {
        let new = positions.add(row, settled: settled, unsettled: unsettled, frozen: frozen)
        sums.addShares(settled + unsettled)
        sums.frozenShares.shares &+= frozen.shares
        let least = new.settled.shares | new.unsettled.shares | new.frozen.shares | new.sellable.shares
        if least < 0, !isExternal { sums.negativeBalances += 1 }
    }
}
