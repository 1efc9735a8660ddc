public import Market

extension Ledger {
    /// Sets an account's cash from its stored row; not a change to write back.
    ///
    /// Restore the house's rows too, `HouseAccount.external` with its negative balance among them; when all are in,
    /// `checkInvariants` and `checkHolds` must find nothing before the first order.
    ///
    /// - Returns: nil where done; else `unknownAccount`, `negativeBalance`, `totalTooLarge` (beyond `cashMax`).
    public mutating func restoreCash(_ account: AccountID, _ balance: CashBalance) -> LedgerRefusal? {
        guard account.rawValue > 0, account.rawValue < accountEnd else { return .unknownAccount }
        let least = min(balance.available, balance.frozen, balance.unsettled)
        let greatest = max(balance.available, balance.frozen, balance.unsettled)
        guard account == HouseAccount.external || least >= .zero else { return .negativeBalance }
        guard least >= .zero - Self.cashMax, greatest <= Self.cashMax else { return .totalTooLarge }
        let old = cash[account]
        cash.restore(account, balance)
        sums.addCash(balance.total - old.total)
        sums.frozenCash.milli &+= balance.frozen.milli &- old.frozen.milli
        return nil
    }

    /// Sets a position from its stored row; the rows of `HouseAccount.external` (negative `settled`) included.
    ///
    /// - Returns: nil where done; else `unknownAccount`, `unknownInstrument`, `totalTooLarge` (beyond `sharesMax`),
    ///   `negativeBalance` (also frozen beyond settled), `positionsFull`.
    public mutating func restorePosition(
        _ account: AccountID, _ instrument: InstrumentID, _ position: Position
    ) -> LedgerRefusal? {
        guard account.rawValue > 0, account.rawValue < accountEnd else { return .unknownAccount }
        guard instrument != OrderRequest.unknownInstrument else { return .unknownInstrument }
        let least = min(position.settled, position.unsettled, position.frozen)
        let greatest = max(position.settled, position.unsettled, position.frozen)
        guard least >= .zero - Self.sharesMax, greatest <= Self.sharesMax else { return .totalTooLarge }
        guard account == HouseAccount.external || min(least, position.sellable) >= .zero else {
            return .negativeBalance
        }
        guard let row = positions.ensureRow(account, instrument) else { return .positionsFull }
        let old = positions[row]
        positions.restore(row, position)
        sums.addShares(position.total - old.total)
        sums.frozenShares.shares &+= position.frozen.shares &- old.frozen.shares
        return nil
    }

    /// The hold of an order found in the store, rebuilt from its row; balances are not touched, they are restored
    /// with the hold already in their `frozen`.
    ///
    /// - Parameters:
    ///   - price: Worst price of a buy (the limit, or the protection price of a market order); ignored for sales.
    ///   - open: Quantity still open, zero or more.
    /// - Returns: The hold; refused with `invalidQuantity`, `invalidPrice`, `invalidAmount`, `unknownAccount`,
    ///   `unknownInstrument`, `valueTooLarge`, `insufficientShares` (a sale without a position row).
    public func restoredHold(
        account: AccountID, instrument: InstrumentID, side: Side, price: Price, open: Quantity,
        cumulativeQuantity: Quantity, cumulativeValue: Money
    ) -> Result<OrderHold, LedgerRefusal> {
        let shares = Quantity.zero...Self.sharesMax
        guard shares.contains(open), shares.contains(cumulativeQuantity) else { return .failure(.invalidQuantity) }
        guard side == .sell || price > .zero else { return .failure(.invalidPrice) }
        guard cumulativeValue >= .zero else { return .failure(.invalidAmount) }
        guard isClient(account) else { return .failure(.unknownAccount) }
        guard instrument != OrderRequest.unknownInstrument else { return .failure(.unknownInstrument) }
        guard cumulativeValue <= FeeSchedule.valueMax else { return .failure(.valueTooLarge) }
        var hold = OrderHold(
            account: account, instrument: instrument, side: side, price: side == .buy ? price : .zero, open: open,
            cumulativeQuantity: cumulativeQuantity, cumulativeValue: cumulativeValue)
        switch side {
        case .buy:
            guard let need = fees.buyRequirement(price: price, quantity: open, filled: cumulativeValue) else {
                return .failure(.valueTooLarge)
            }
            hold.frozenCash = need
        case .sell:
            guard let row = positions.row(account, instrument) else { return .failure(.insufficientShares) }
            hold.row = Int32(truncatingIfNeeded: row)
        }
        return .success(hold)
    }

    /// Sets the last settled day from the store.
    public mutating func restoreSettledThrough(_ date: TradingDate) { settledThrough = date }
}
