internal import CacheStack
internal import Market

/// Invariants of cash and shares: I1 to I4, I11, I13.
extension AuditRows {
    func cashConserved() -> AuditFinding {
        let total = cash.reduce(Int64(0)) { $0 + $1.balance.milli }
        return AuditFinding(
            "I1", "the sum of all cash over all accounts is zero", total == 0 ? .holds : .broken,
            "\(cash.count) accounts, sum \(total) milli-yuan")
    }

    func sharesConserved() -> AuditFinding {
        var totals: [InstrumentID: Int64] = [:]
        for row in positions { totals[row.instrument, default: 0] += row.settled.shares + row.unsettled.shares }
        let wrong = totals.filter { $0.value != 0 }.min { $0.key < $1.key }
        return AuditFinding(
            "I2", "the shares of every instrument are constant", wrong == nil ? .holds : .broken,
            wrong.map { "instrument \($0.key.rawValue) is off by \($0.value)" }
                ?? "\(positions.count) positions in \(totals.count) instruments")
    }

    /// What is owned less what open orders hold must not be negative, for anybody but the outside world.
    func noNegativeBalance() -> AuditFinding {
        let claim = "no available or frozen balance is below zero"
        var (money, shares): ([AccountID: Int64], [UInt64: Int64]) = ([:], [:])
        for row in orders where row.status.isOpen {
            if row.frozen < 0 { return AuditFinding("I3", claim, .broken, "order \(row.order) holds \(row.frozen)") }
            if row.side == .buy {
                money[row.account, default: 0] += row.frozen
            } else {
                shares[PositionRow.key(row.account, row.instrument).id, default: 0] += row.frozen
            }
        }
        for row in cash where row.account != HouseAccount.external {
            let available = row.balance.milli - (money.removeValue(forKey: row.account) ?? 0)
            if available < 0 || row.unsettled < .zero {
                return AuditFinding("I3", claim, .broken, "account \(row.account.rawValue) has \(available) available")
            }
        }
        for row in positions where row.account != HouseAccount.external {
            let held = shares.removeValue(forKey: PositionRow.key(row.account, row.instrument).id) ?? 0
            if row.settled.shares < held || row.unsettled < .zero {
                return AuditFinding("I3", claim, .broken, "\(row) is held for \(held)")
            }
        }
        guard money.isEmpty, shares.isEmpty else {
            return AuditFinding("I3", claim, .broken, "\(money.count + shares.count) holds on rows that do not exist")
        }
        return AuditFinding("I3", claim, .holds, "\(cash.count + positions.count) balances")
    }

    /// What an open order holds is the worst case of its own terms: the price of what is open and the fees of that.
    func frozenEqualsHolds() -> AuditFinding {
        let claim = "what open orders hold is the worst case of what is still open"
        let wrong = orders.first { row in
            guard row.status.isOpen else { return row.frozen != 0 }
            guard row.side == .buy else { return row.frozen != row.leaves.shares }
            let need = fees.buyRequirement(price: row.price, quantity: row.leaves, filled: row.turnover)
            return row.frozen != need?.milli
        }
        return AuditFinding(
            "I4", claim, wrong == nil ? .holds : .broken,
            wrong.map { "order \($0.order) holds \($0.frozen)" }
                ?? "\(orders.count(where: { $0.status.isOpen })) open orders")
    }

    /// I11 and, where the opening is known, every balance as opening plus the legs of its trades.
    func balancesFollowTrades(_ opening: OpeningBalances?) -> AuditFinding {
        let claim = "net obligations per asset sum to zero, and balances follow from trades"
        let flows = Flows(trades)
        guard flows.cash.values.reduce(0, +) == 0, flows.shares.values.reduce(0, +) == 0 else {
            return AuditFinding("I11", claim, .broken, "the legs of the trades do not sum to zero")
        }
        let houseAccounts = [HouseAccount.commission, HouseAccount.transferFee, HouseAccount.stampDuty]
        for row in cash where houseAccounts.contains(row.account) && row.balance.milli != flows.cash[row.account] ?? 0 {
            return AuditFinding(
                "I11", claim, .broken, "house account \(row.account.rawValue) has not got the trades' fees")
        }
        guard let opening else {
            return AuditFinding("I11", claim, .holds, "the house got every fee; opening balances are not known here")
        }
        for row in cash where row.account != HouseAccount.external {
            let expected = opening.cash(row.account).milli + (flows.cash[row.account] ?? 0)
            if row.balance.milli != expected {
                return AuditFinding("I11", claim, .broken, "account \(row.account.rawValue) should have \(expected)")
            }
        }
        for row in positions where row.account != HouseAccount.external {
            let id = PositionRow.key(row.account, row.instrument).id
            let expected = opening.shares(row.account, row.instrument).shares + (flows.shares[id] ?? 0)
            if row.settled.shares + row.unsettled.shares != expected {
                return AuditFinding("I11", claim, .broken, "position \(row) should be \(expected)")
            }
        }
        return AuditFinding("I11", claim, .holds, "\(trades.count) trades, \(cash.count) accounts one by one")
    }

    func sellsWithinSettled(_ opening: OpeningBalances?) -> AuditFinding {
        let claim = "sells of the day are at most the shares settled at its open (T+1)"
        guard let opening else {
            // What is settled now is what was settled at the open less what was sold.
            let wrong = positions.first { $0.account != HouseAccount.external && $0.settled < .zero }
            return AuditFinding(
                "I13", claim, wrong == nil ? .holds : .broken,
                wrong.map { "account \($0.account.rawValue) sold more" }
                    ?? "\(positions.count) positions settled at least zero")
        }
        var sold: [UInt64: Int64] = [:]
        for trade in trades {
            sold[PositionRow.key(trade.sellAccount, trade.instrument).id, default: 0] += trade.quantity.shares
        }
        let wrong = sold.first { id, shares in
            let account = AccountID(UInt32(truncatingIfNeeded: id >> 32))
            return shares > opening.shares(account, InstrumentID(UInt32(truncatingIfNeeded: id))).shares
        }
        return AuditFinding(
            "I13", claim, wrong == nil ? .holds : .broken,
            wrong.map { "position \($0.key) sold \($0.value)" } ?? "\(sold.count) positions sold from")
    }

    /// Net cash and shares each account got from the trades.
    private struct Flows {
        var cash: [AccountID: Int64] = [:]
        var shares: [UInt64: Int64] = [:]

        init(_ trades: [TradeRow]) {
            for trade in trades {
                let value = trade.price.milli * trade.quantity.shares
                let buyFees = trade.buyCommission.milli + trade.buyTransferFee.milli
                let sellFees = trade.sellCommission.milli + trade.sellTransferFee.milli + trade.stampDuty.milli
                cash[trade.buyAccount, default: 0] -= value + buyFees
                cash[trade.sellAccount, default: 0] += value - sellFees
                cash[HouseAccount.commission, default: 0] += trade.buyCommission.milli + trade.sellCommission.milli
                cash[HouseAccount.transferFee, default: 0] += trade.buyTransferFee.milli + trade.sellTransferFee.milli
                cash[HouseAccount.stampDuty, default: 0] += trade.stampDuty.milli
                shares[PositionRow.key(trade.buyAccount, trade.instrument).id, default: 0] += trade.quantity.shares
                shares[PositionRow.key(trade.sellAccount, trade.instrument).id, default: 0] -= trade.quantity.shares
            }
        }
    }
}
