public import Market

/// One cash posting between two accounts.
public struct CashTransfer: Hashable, Sendable {
    /// The account that pays.
    public var debit: AccountID
    /// The account that receives.
    public var credit: AccountID
    /// How much, positive.
    public var amount: Money

    /// `amount` from `debit` to `credit`.
    public init(debit: AccountID, credit: AccountID, amount: Money) {
        self.debit = debit
        self.credit = credit
        self.amount = amount
    }
}
