public import Market

/// One trade between two orders, as the book reports it; 64 bytes, no references.
@frozen
public struct Fill: Equatable, Sendable {
    /// The order that rested; in an auction the buy order.
    public var maker: OrderID
    /// The order that came in; in an auction the sell order.
    public var taker: OrderID
    /// The maker's price; in an auction the auction's.
    public var price: Price
    /// Shares traded, never zero.
    public var quantity: Quantity
    /// Open shares of the maker after this fill.
    public var makerRemaining: Quantity
    /// Open shares of the taker after this fill.
    public var takerRemaining: Quantity
    /// The caller's slot number of the maker.
    public var makerHandle: UInt32
    /// The caller's slot number of the taker.
    public var takerHandle: UInt32
    /// Side of the taker; `.sell` in an auction.
    public var takerSide: Side
    /// Whether an uncross made it: then nobody took liquidity.
    public var isAuction: Bool

    /// A fill of its fields.
    @inlinable
    public init(
        maker: OrderID, makerHandle: UInt32, makerRemaining: Quantity, taker: OrderID, takerHandle: UInt32,
        takerRemaining: Quantity, takerSide: Side, price: Price, quantity: Quantity, isAuction: Bool
    ) {
        self.maker = maker
        self.taker = taker
        self.price = price
        self.quantity = quantity
        self.makerRemaining = makerRemaining
        self.takerRemaining = takerRemaining
        self.makerHandle = makerHandle
        self.takerHandle = takerHandle
        self.takerSide = takerSide
        self.isAuction = isAuction
    }

    /// The buying order.
    @inlinable public var buyer: OrderID { takerSide == .buy ? taker : maker }
    /// The selling order.
    @inlinable public var seller: OrderID { takerSide == .sell ? taker : maker }
}
