public import Market

extension Ledger {
    /// Freezes the worst case of a buy: `price` x `quantity` and the fees of that.
    ///
    /// A market order holds at the price its protection allows, e.g. the limit-up price.
    ///
    /// - Returns: The hold; refused with `invalidQuantity`, `invalidPrice`, `unknownAccount`, `unknownInstrument`,
    ///   `valueTooLarge`, `insufficientFunds`.
    public mutating func holdForBuy(
        account: AccountID, instrument: InstrumentID, price: Price, quantity: Quantity
    ) -> Result<OrderHold, LedgerRefusal> {
        guard quantity > .zero, quantity <= Self.sharesMax else { return .failure(.invalidQuantity) }
        guard price > .zero else { return .failure(.invalidPrice) }
        guard isClient(account) else { return .failure(.unknownAccount) }
        guard instrument != OrderRequest.unknownInstrument else { return .failure(.unknownInstrument) }
        guard let need = fees.buyRequirement(price: price, quantity: quantity) else { return .failure(.valueTooLarge) }
        guard cash[account].available >= need else { return .failure(.insufficientFunds) }
        move(account, available: .zero - need, frozen: need)
        return .success(
            OrderHold(
                account: account, instrument: instrument, side: .buy, price: price, open: quantity, frozenCash: need))
    }

    /// Freezes the shares of a sale: settled ones that no other sale holds.
    ///
    /// - Returns: The hold; refused with `invalidQuantity`, `unknownAccount`, `unknownInstrument`,
    ///   `insufficientShares`.
    public mutating func holdForSell(
        account: AccountID, instrument: InstrumentID, quantity: Quantity
    ) -> Result<OrderHold, LedgerRefusal> {
        guard quantity > .zero, quantity <= Self.sharesMax else { return .failure(.invalidQuantity) }
        guard isClient(account) else { return .failure(.unknownAccount) }
        guard instrument != OrderRequest.unknownInstrument else { return .failure(.unknownInstrument) }
        guard let row = positions.row(account, instrument), positions[row].sellable >= quantity else {
            return .failure(.insufficientShares)
        }
        move(row: row, frozen: quantity)
        return .success(
            OrderHold(
                account: account, instrument: instrument, side: .sell, row: Int32(truncatingIfNeeded: row),
                open: quantity))
    }

    /// Gives back what a cancelled or expired order still freezes; a second time does nothing.
    ///
    /// - Returns: Whether anything was frozen.
    @discardableResult
    public mutating func release(_ hold: inout OrderHold) -> Bool {
        guard hold.isOpen else { return false }
        switch hold.side {
        case .buy: move(hold.account, available: hold.frozenCash, frozen: .zero - hold.frozenCash)
        case .sell: move(row: Int(hold.row), frozen: .zero - hold.open)
        }
        hold.open = .zero
        hold.frozenCash = .zero
        return true
    }

    /// Changes a hold to a new price and a new open quantity in one step: the old hold stands where it is refused.
    ///
    /// - Parameters:
    ///   - price: New worst price of a buy; ignored for sales.
    ///   - open: New open quantity, what is filled already not included; to drop to zero is `release`.
    /// - Returns: nil where done; else `invalidQuantity`, `invalidPrice`, `quantityBeyondOpen` (the hold is no longer
    ///   open), `valueTooLarge`, `insufficientFunds`, `insufficientShares`.
    public mutating func replaceHold(_ hold: inout OrderHold, price: Price, open: Quantity) -> LedgerRefusal? {
        guard open > .zero, open <= Self.sharesMax else { return .invalidQuantity }
        guard hold.side == .sell || price > .zero else { return .invalidPrice }
        guard hold.isOpen else { return .quantityBeyondOpen }
        return hold.side == .buy
            ? replaceBuy(&hold, price: price, open: open) : replaceSell(&hold, open: open)
    }

    private mutating func replaceBuy(_ hold: inout OrderHold, price: Price, open: Quantity) -> LedgerRefusal? {
        guard let need = fees.buyRequirement(price: price, quantity: open, filled: hold.cumulativeValue) else {
            return .valueTooLarge
        }
        let increase = need - hold.frozenCash
        guard cash[hold.account].available >= increase else { return .insufficientFunds }
        move(hold.account, available: .zero - increase, frozen: increase)
        hold.price = price
        hold.open = open
        hold.frozenCash = need
        return nil
    }

    private mutating func replaceSell(_ hold: inout OrderHold, open: Quantity) -> LedgerRefusal? {
        let increase = open - hold.open
        guard positions[Int(hold.row)].sellable >= increase else { return .insufficientShares }
        move(row: Int(hold.row), frozen: increase)
        hold.open = open
        return nil
    }
}
