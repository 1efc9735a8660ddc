public import Market

/// Everything the rules need to know about one request that `RiskState` does not keep: the caller fills it and keeps
/// one for reuse.
///
/// Flat and without references, so that filling it allocates nothing. What is absent is zero or nil: rules whose
/// reference does not exist (no quote, no depth) hold, except those that demand presence (23, 33, 44, 62).
public struct RiskContext: Sendable {
    /// The request.
    public var request: OrderRequest
    /// Event time of the sequencer, microseconds since 1970 UTC; never a clock read.
    public var time: Int64
    /// Where the instrument is in its day.
    public var phase: SessionPhase
    /// The profile of `request.account`, nil where no such account is known.
    public var account: AccountProfile?
    /// The reference data of the instrument, nil where it is unknown.
    public var instrument: Instrument?
    /// Whether the FIX session is logged on and in sequence.
    public var isSessionActive: Bool
    /// Account groups the session may trade, bit `AccountProfile.group`; groups above 63 are never permitted.
    public var sessionGroups: UInt64
    /// What the session's user may do.
    public var sessionRoles: RiskRoles
    /// Age of the certificate that `account` was read under, microseconds.
    public var profileAge: Int64
    /// Facts about this request; `RiskState` adds the standing ones.
    public var flags: RiskFlags
    /// The order that a cancel or replace names; `RiskTarget.none` otherwise and where there is no such order.
    public var target: RiskTarget
    /// The instrument's book before this request.
    public var book: RiskBook
    /// Cash that can be spent on this order: for a replace including what the target's hold gives back.
    public var availableCash: Money
    /// Shares that can be sold by this order: for a replace including the target's own.
    public var sellableShares: Quantity
    /// The account's position in the instrument, today's trades included; negative when short.
    public var position: Quantity
    /// The most that fees and taxes on this order can come to.
    public var feeBound: Money
    /// Trigger of a stop order, `.zero` for none (rule 20).
    public var stopPrice: Price
    /// Shown part of an iceberg order, `.zero` for none (rule 21).
    public var displayQuantity: Quantity
    /// Offset of a pegged order in ticks, 0 for none (rule 66).
    public var pegOffsetTicks: Int64

    /// A context of the given request with no account, no instrument, an empty book and an active session that may
    /// trade every account.
    public init(request: OrderRequest, time: Int64, phase: SessionPhase) {
        self.request = request
        self.time = time
        self.phase = phase
        account = nil
        instrument = nil
        isSessionActive = true
        sessionGroups = .max
        sessionRoles = .trade
        profileAge = 0
        flags = []
        target = .none
        book = .empty
        availableCash = .zero
        sellableShares = .zero
        position = .zero
        feeBound = .zero
        stopPrice = .zero
        displayQuantity = .zero
        pegOffsetTicks = 0
    }
}

/// The order that a cancel or replace names, as the book knows it.
public struct RiskTarget: Sendable {
    /// Whether the session's OrigClOrdID names an order of today.
    public var isFound: Bool
    /// Whether that order can still trade.
    public var isOpen: Bool
    /// The order's owner.
    public var account: AccountID
    /// The order's instrument.
    public var instrument: InstrumentID
    /// The order's side.
    public var side: Side
    /// The price it was reckoned at (`RiskOrder.price`).
    public var price: Price
    /// Filled so far.
    public var cumulative: Quantity
    /// Still working.
    public var leaves: Quantity

    /// An order that was found.
    public init(
        isOpen: Bool, account: AccountID, instrument: InstrumentID, side: Side, price: Price, cumulative: Quantity,
        leaves: Quantity
    ) {
        self.isFound = true
        self.isOpen = isOpen
        self.account = account
        self.instrument = instrument
        self.side = side
        self.price = price
        self.cumulative = cumulative
        self.leaves = leaves
    }

    /// No order.
    public static let none: RiskTarget = {
        var target = RiskTarget(
            isOpen: false, account: AccountID(0), instrument: OrderRequest.unknownInstrument, side: .buy, price: .zero,
            cumulative: .zero, leaves: .zero)
        target.isFound = false
        return target
    }()
}

/// The book's side of the market as a request meets it; zero means "none" or "not computed".
public struct RiskBook: Sendable {
    /// Best bid, `.zero` where there is none.
    public var bestBid: Price
    /// Best offer, `.zero` where there is none.
    public var bestOffer: Price
    /// Time of the last change of the book, event time in microseconds.
    public var quoteTime: Int64
    /// Sum of the five best levels of the side opposite to the request.
    public var oppositeDepth: Quantity
    /// Opposite levels that the request would touch at its price.
    public var sweptLevels: Int32
    /// What it would trade at once, and for how much.
    public var sweptQuantity: Quantity
    /// Value of `sweptQuantity`.
    public var sweptValue: Money
    /// Worst price it would trade at.
    public var sweptWorstPrice: Price

    /// A book with these best prices and nothing else known.
    public init(bestBid: Price = .zero, bestOffer: Price = .zero, quoteTime: Int64 = 0) {
        self.bestBid = bestBid
        self.bestOffer = bestOffer
        self.quoteTime = quoteTime
        oppositeDepth = .zero
        sweptLevels = 0
        sweptQuantity = .zero
        sweptValue = .zero
        sweptWorstPrice = .zero
    }

    /// A book that nothing is known of.
    public static let empty = RiskBook()
}
