internal import CacheStack
internal import Market

/// Invariants of cash and shares: I1 to I4, I11, I13.
extension AuditRows {
    func cashConserved() -> AuditFinding {
        let total = cash.reduce(Int64(0)) { $0 + $1.available.milli + $1.frozen.milli }
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

    func noNegativeBalance() -> AuditFinding {
        let badCash = cash.first {
            $0.account != HouseAccount.external && ($0.available < .zero || $0.frozen < .zero || $0.unsettled < .zero)
        }
        let badShares = positions.first {
            $0.account != HouseAccount.external
                && ($0.settled < .zero || $0.unsettled < .zero || $0.frozen < .zero || $0.frozen > $0.settled)
        }
        let detail =
            badCash.map { "account \($0.account.rawValue): \($0)" }
            ?? badShares.map { "account \($0.account.rawValue): \($0)" } ?? "none of \(cash.count + positions.count)"
        return AuditFinding(
            "I3", "no available or frozen balance is below zero",
            badCash == nil && badShares == nil ? .holds : .broken, detail)
    }

    func frozenEqualsHolds() -> AuditFinding {
        var money: [AccountID: Int64] = [:]
        var shares: [UInt64: Int64] = [:]
        for row in orders where row.status.isOpen {
            if row.side == .buy {
                money[row.account, default: 0] += row.frozen
            } else {
                shares[PositionRow.key(row.account, row.instrument).id, default: 0] += row.frozen
            }
        }
        for row in cash where row.frozen.milli != money.removeValue(forKey: row.account) ?? 0 {
            return broken("account \(row.account.rawValue) has \(row.frozen.milli) frozen, its orders hold another sum")
        }
        for row in positions {
            let held = shares.removeValue(forKey: PositionRow.key(row.account, row.instrument).id) ?? 0
            if row.frozen.shares != held { return broken("position \(row) is held for \(held)") }
        }
        if let (account, held) = money.first { return broken("account \(account.rawValue) has no row for \(held)") }
        if let (id, held) = shares.first { return broken("position \(id) has no row for \(held)") }
        return AuditFinding("I4", Self.holdsClaim, .holds, "\(orders.count(where: { $0.status.isOpen })) open orders")
    }

    private static let holdsClaim = "what is frozen equals the holds of open orders"

    private func broken(_ detail: String) -> AuditFinding { AuditFinding("I4", Self.holdsClaim, .broken, detail) }

    /// I11 and, where the opening is known, every balance as opening plus the legs of its trades.
    func balancesFollowTrades(_ opening: OpeningBalances?) -> AuditFinding {
        let claim = "net obligations per asset sum to zero, and balances follow from trades"
        let flows = Flows(trades)
        guard flows.cash.values.reduce(0, +) == 0, flows.shares.values.reduce(0, +) == 0 else {
            return AuditFinding("I11", claim, .broken, "the legs of the trades do not sum to zero")
        }
        guard let opening else {
            return AuditFinding("I11", claim, .holds, "legs sum to zero; opening balances are not known here")
        }
        for row in cash where row.account != HouseAccount.external {
            let expected = opening.cash(row.account).milli + (flows.cash[row.account] ?? 0)
            if row.available.milli + row.frozen.milli != expected {
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
            return AuditFinding("I13", claim, .holds, "settled shares never fell below zero (I3)")
        }
        var sold: [UInt64: Int64] = [:]
        for trade in trades { sold[PositionRow.key(trade.sellAccount, trade.instrument).id, default: 0] += trade.quantity.shares }
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
