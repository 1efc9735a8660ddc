public import Market

/// What one member is owed in one asset after netting all trades of a day against the central counterparty.
public struct Obligation: Hashable, Sendable {
    /// The member.
    public var account: AccountID
    /// Money or shares.
    public var asset: Asset
    /// Positive: the counterparty delivers to the member; negative: the member delivers. Milli-yuan or shares.
    public var amount: Int64

    /// `amount` of `asset` owed to `account`.
    public init(account: AccountID, asset: Asset, amount: Int64) {
        self.account = account
        self.asset = asset
        self.amount = amount
    }
}
