public import Market

/// An order as the risk state reckons it: from acceptance to its end, always with the same `price`.
public struct RiskOrder: Hashable, Sendable {
    /// Its owner.
    public var account: AccountID
    /// Its instrument.
    public var instrument: InstrumentID
    /// Its side.
    public var side: Side
    /// The limit, or `RiskVerdict.valuation` of a market order.
    public var price: Price

    /// An order of these terms.
    @inlinable
    public init(account: AccountID, instrument: InstrumentID, side: Side, price: Price) {
        self.account = account
        self.instrument = instrument
        self.side = side
        self.price = price
    }
}
