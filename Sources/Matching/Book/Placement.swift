public import Market

/// An order as the book takes it: everything matching needs, nothing else.
@frozen
public struct IncomingOrder: Sendable {
    /// Unique in the partition.
    public var id: OrderID
    /// The caller's own slot number, handed back in every fill.
    public var handle: UInt32
    /// The account it trades for.
    public var owner: AccountID
    /// Buy or sell.
    public var side: Side
    /// Limit or market.
    public var type: OrderType
    /// What happens to the part that does not trade at once.
    public var timeInForce: TimeInForce
    /// Limit price; ignored for market orders.
    public var price: Price
    /// Shares to trade or to rest: for a replacement the new *open* quantity, 1...`OrderBook.quantityMax`.
    public var quantity: Quantity

    /// An order; by default a limit order for the day.
    @inlinable
    public init(
        id: OrderID, handle: UInt32 = 0, owner: AccountID = AccountID(0), side: Side, type: OrderType = .limit,
        timeInForce: TimeInForce = .day, price: Price = .zero, quantity: Quantity
    ) {
        self.id = id
        self.handle = handle
        self.owner = owner
        self.side = side
        self.type = type
        self.timeInForce = timeInForce
        self.price = price
        self.quantity = quantity
    }
}

/// Where a resting order stands in its arena: the key of `cancel`, `reduce` and `replace`.
///
/// The caller keeps it with the order. A reference dies with its order and its number is used again; every call
/// therefore also takes the order's id, and a stale reference is answered, not obeyed.
@frozen
public struct OrderReference: Hashable, Sendable {
    /// Index of the node, -1 for none.
    public let rawValue: Int32

    /// The reference of that index, as kept by the caller.
    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The order does not rest.
    public static let none = OrderReference(rawValue: -1)
}

/// Why a book did not take an order; the book is unchanged.
@frozen
public enum Refusal: UInt8, Sendable, CaseIterable {
    /// Not within 1...`OrderBook.quantityMax`.
    case quantity = 1
    /// Not a positive multiple of the tick, or above `OrderBook.priceMax`.
    case price
    /// Outside the instrument's band.
    case outsideBand
    /// Resting would need more than `OrderBook.levelsMax` ticks between the lowest and the highest open order.
    case levelSpan
    /// The arena holds `capacity` orders already, and the order would trade with none of this book's.
    case arenaFull
    /// A market, IOC or FOK order in a call auction.
    case notInCall
    /// The book is crossed by a call auction that has not been uncrossed yet.
    case crossed
    /// The order does not rest in this book under that reference.
    case unknownOrder
    /// A replacement on the other side.
    case side
}

/// What became of an order that was added: `filled + resting + cancelled` is its quantity, unless it was refused.
@frozen
public struct Placement: Equatable, Sendable {
    /// How the order ended, or that it rests.
    @frozen
    public enum Outcome: Equatable, Sendable {
        /// Rests, perhaps after fills.
        case rested
        /// Traded in full.
        case filled
        /// IOC or market: what did not trade is cancelled.
        case cancelled
        /// FOK that could not fill at once: nothing traded.
        case killed
        /// Not taken.
        case refused(Refusal)
    }

    /// How it ended.
    public var outcome: Outcome
    /// Where the order rests, or `.none`.
    public var reference: OrderReference
    /// Shares traded now.
    public var filled: Quantity
    /// Shares that rest.
    public var resting: Quantity
    /// Shares that neither traded nor rest.
    public var cancelled: Quantity

    @inline(__always)
    init(
        _ outcome: Outcome, reference: OrderReference = .none, filled: Int64 = 0, resting: Int64 = 0,
        cancelled: Int64 = 0
    ) {
        self.outcome = outcome
        self.reference = reference
        self.filled = Quantity(filled)
        self.resting = Quantity(resting)
        self.cancelled = Quantity(cancelled)
    }
}

/// What a cancel or a reduction did.
@frozen
public enum Amendment: Equatable, Sendable {
    /// `removed` shares left the book, `open` still rest.
    case done(removed: Quantity, open: Quantity)
    /// Nothing changed.
    case refused(Refusal)
}
