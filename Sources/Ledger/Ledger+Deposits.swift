public import Market

extension Ledger {
    /// Brings cash in from outside, settled at once.
    ///
    /// - Returns: The transfer to record; refused with `invalidAmount`, `unknownAccount`, `totalTooLarge` (all cash
    ///   together would pass `cashMax`).
    public mutating func deposit(_ account: AccountID, _ amount: Money) -> Result<CashTransfer, LedgerRefusal> {
        guard amount > .zero, amount <= Self.cashMax else { return .failure(.invalidAmount) }
        guard isClient(account) else { return .failure(.unknownAccount) }
        let external = cash[HouseAccount.external].available
        guard external.milli - amount.milli >= -Self.cashMax.milli else { return .failure(.totalTooLarge) }
        move(HouseAccount.external, available: .zero - amount)
        move(account, available: amount)
        return .success(CashTransfer(debit: HouseAccount.external, credit: account, amount: amount))
    }

    /// Pays cash out: settled, unfrozen cash only.
    ///
    /// - Returns: The transfer to record; refused with `invalidAmount`, `unknownAccount`, `insufficientFunds`.
    public mutating func withdraw(_ account: AccountID, _ amount: Money) -> Result<CashTransfer, LedgerRefusal> {
        guard amount > .zero, amount <= Self.cashMax else { return .failure(.invalidAmount) }
        guard isClient(account) else { return .failure(.unknownAccount) }
        guard cash[account].withdrawable >= amount else { return .failure(.insufficientFunds) }
        move(account, available: .zero - amount)
        move(HouseAccount.external, available: amount)
        return .success(CashTransfer(debit: account, credit: HouseAccount.external, amount: amount))
    }

    /// Brings shares in from outside, settled at once. The external side is a position row with negative `settled`.
    ///
    /// - Returns: The transfer to record; refused with `invalidQuantity`, `unknownAccount`, `unknownInstrument`,
    ///   `totalTooLarge` (the instrument would pass `sharesMax`), `positionsFull`.
    public mutating func depositShares(
        _ account: AccountID, _ instrument: InstrumentID, _ quantity: Quantity
    ) -> Result<ShareTransfer, LedgerRefusal> {
        guard quantity > .zero, quantity <= Self.sharesMax else { return .failure(.invalidQuantity) }
        guard isClient(account) else { return .failure(.unknownAccount) }
        guard instrument != OrderRequest.unknownInstrument else { return .failure(.unknownInstrument) }
        guard outstanding(instrument) + quantity <= Self.sharesMax else { return .failure(.totalTooLarge) }
        guard let source = positions.ensureRow(HouseAccount.external, instrument),
            let target = positions.ensureRow(account, instrument)
        else { return .failure(.positionsFull) }
        move(row: source, settled: .zero - quantity, isExternal: true)
        move(row: target, settled: quantity)
        return .success(
            ShareTransfer(debit: HouseAccount.external, credit: account, instrument: instrument, quantity: quantity))
    }

    /// Shares of an instrument in the hands of all accounts.
    public func outstanding(_ instrument: InstrumentID) -> Quantity {
        .zero - position(of: HouseAccount.external, in: instrument).settled
    }
}
