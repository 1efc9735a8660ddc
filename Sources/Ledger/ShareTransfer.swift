public import Market

/// One posting of shares between two accounts.
public struct ShareTransfer: Hashable, Sendable {
    /// The account that delivers.
    public var debit: AccountID
    /// The account that receives.
    public var credit: AccountID
    /// What is delivered.
    public var instrument: InstrumentID
    /// How much, positive.
    public var quantity: Quantity

    /// `quantity` of `instrument` from `debit` to `credit`.
    public init(debit: AccountID, credit: AccountID, instrument: InstrumentID, quantity: Quantity) {
        self.debit = debit
        self.credit = credit
        self.instrument = instrument
        self.quantity = quantity
    }
}
