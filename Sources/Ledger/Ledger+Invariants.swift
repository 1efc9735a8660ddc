import Market

extension Ledger {
    /// The most violations one check reports.
    public static let violationsMax = 100

    /// Checks I1, I2 and I3 of the whole state and the running totals against it: O(accounts + positions).
    ///
    /// - Returns: What is wrong, at most `violationsMax`; empty where all is well.
    public func checkInvariants() -> [InvariantViolation] {
        var found: [InvariantViolation] = []
        var actual = RunningSums()
        actual.negativeBalances = sums.negativeBalances
        forEachCash { account, balance in
            actual.addCash(balance.total)
            actual.frozenCash.milli &+= balance.frozen.milli
            let least = balance.available.milli | balance.frozen.milli | balance.unsettled.milli
            if least < 0, account != HouseAccount.external { found.append(.negativeCash(account, balance)) }
        }
        if actual.cash != .zero { found.append(.cashNotConserved(actual.cash)) }
        found += checkPositions(&actual)
        if actual != sums || sums.negativeBalances > 0 { found.append(.runningSumsDiffer(sums)) }
        return Array(found.prefix(Self.violationsMax))
    }

    /// Checks I4: every account's and position's frozen part is the sum of the given holds. O(accounts + holds).
    ///
    /// - Parameter holds: All holds there are; closed ones count nothing.
    /// - Returns: What is wrong, at most `violationsMax`; empty where all is well.
    public func checkHolds(_ holds: some Sequence<OrderHold>) -> [InvariantViolation] {
        var cashHeld = [Int64](repeating: 0, count: Int(accountEnd))
        var sharesHeld = [Int64](repeating: 0, count: positions.count)
        for hold in holds {
            cashHeld[Int(hold.account.rawValue)] &+= hold.frozenCash.milli
            if hold.side == .sell { sharesHeld[Int(hold.row)] &+= hold.open.shares }
        }
        var found: [InvariantViolation] = []
        for (number, held) in cashHeld.enumerated() {
            let account = AccountID(UInt32(number))
            let frozen = cash[account].frozen
            guard frozen.milli != held else { continue }
            found.append(.cashHoldsDiffer(account, frozen: frozen, held: Money(milli: held)))
        }
        for (row, held) in sharesHeld.enumerated() where positions[row].frozen.shares != held {
            let owner = positions.owner(row)
            found.append(
                .shareHoldsDiffer(
                    owner.account, owner.instrument, frozen: positions[row].frozen, held: Quantity(held)))
        }
        return Array(found.prefix(Self.violationsMax))
    }

    private func checkPositions(_ actual: inout RunningSums) -> [InvariantViolation] {
        var found: [InvariantViolation] = []
        var totals = Netting()
        for row in 0..<positions.count {
            let (account, instrument) = positions.owner(row)
            let position = positions[row]
            actual.addShares(position.total)
            actual.frozenShares.shares &+= position.frozen.shares
            totals.add(HouseAccount.external, .shares(instrument), position.total.shares)
            let least = position.settled.shares | position.unsettled.shares | position.frozen.shares
            if least | position.sellable.shares < 0, account != HouseAccount.external {
                found.append(.negativePosition(account, instrument, position))
            }
        }
        for total in totals.obligations() {
            if case .shares(let instrument) = total.asset {
                found.append(.sharesNotConserved(instrument, Quantity(total.amount)))
            }
        }
        return found
    }
}
