public import Market

/// What the ledger needs to know about one order; the caller keeps it inside the order's record.
///
/// Fees charged so far are not stored: they are `FeeSchedule.fees(on: cumulativeValue, ...)` by the charging rule, so
/// a hold can be rebuilt from an order's row alone (`Ledger.restoredHold`).
@frozen
public struct OrderHold: Hashable, Sendable {
    /// The owner.
    public let account: AccountID
    /// What is bought or sold.
    public let instrument: InstrumentID
    /// Buys freeze cash, sales freeze shares.
    public let side: Side
    /// Row of the seller's position; -1 for buys.
    var row: Int32
    /// Worst price of a buy; zero for sales.
    public internal(set) var price: Price
    /// Quantity still open: what a sale freezes.
    public internal(set) var open: Quantity
    /// Quantity filled so far.
    public internal(set) var cumulativeQuantity: Quantity
    /// Price x quantity of all fills so far.
    public internal(set) var cumulativeValue: Money
    /// Cash a buy freezes: its worst case; zero for sales.
    public internal(set) var frozenCash: Money

    /// Shares a sale freezes; zero for buys.
    @inlinable
    public var frozenShares: Quantity { side == .sell ? open : .zero }

    /// Whether anything is still open.
    @inlinable
    public var isOpen: Bool { open > .zero }

    init(
        account: AccountID, instrument: InstrumentID, side: Side, row: Int32 = -1, price: Price = .zero, open: Quantity,
        cumulativeQuantity: Quantity = .zero, cumulativeValue: Money = .zero, frozenCash: Money = .zero
    ) {
        self.account = account
        self.instrument = instrument
        self.side = side
        self.row = row
        self.price = price
        self.open = open
        self.cumulativeQuantity = cumulativeQuantity
        self.cumulativeValue = cumulativeValue
        self.frozenCash = frozenCash
    }
}
