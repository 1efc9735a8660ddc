/// The market segment an instrument is listed in; it decides lots, bands and size limits (`MarketRules`).
@frozen
public enum Board: UInt8, Sendable, CaseIterable {
    case main = 1
    case star = 2
    case chiNext = 3
    /// Main-board stock under risk warning ("ST"): 5 % band.
    case riskWarning = 4
}

/// Reference data of one instrument on one trading day: what the exchange publishes before the open.
public struct Instrument: Hashable, Sendable {
    /// Index of its book.
    public var id: InstrumentID
    /// Exchange code, six digits (600536); FIX tag 55 is its decimal text.
    public var symbol: UInt32
    public var board: Board
    /// Smallest price step.
    public var tick: Price
    /// Quantity step of a buy order.
    public var lot: Quantity
    /// Least quantity of a buy order.
    public var quantityMin: Quantity
    /// Greatest quantity of a limit order and of a market order.
    public var quantityMax: Quantity
    public var marketQuantityMax: Quantity
    /// Close of the day before, adjusted for corporate actions.
    public var previousClose: Price
    /// Daily price band, inclusive; both `.zero` on days without a band.
    public var limitDown: Price
    public var limitUp: Price
    /// Suspended for the day, or delisted.
    public var isTradable: Bool
    /// Mean daily volume of the last 20 days, 0 where unknown.
    public var averageDailyVolume: Quantity
    /// Suitability class, 1 (anybody) ... 5.
    public var riskLevel: UInt8

    /// Whether a band applies today.
    @inlinable
    public var hasBand: Bool { limitUp.milli > 0 }

    public init(
        id: InstrumentID, symbol: UInt32, board: Board, tick: Price = Price(milli: 10), lot: Quantity = Quantity(100),
        quantityMin: Quantity = Quantity(100), quantityMax: Quantity = Quantity(1_000_000),
        marketQuantityMax: Quantity = Quantity(1_000_000), previousClose: Price, limitDown: Price, limitUp: Price,
        isTradable: Bool = true, averageDailyVolume: Quantity = .zero, riskLevel: UInt8 = 1
    ) {
        self.id = id
        self.symbol = symbol
        self.board = board
        self.tick = tick
        self.lot = lot
        self.quantityMin = quantityMin
        self.quantityMax = quantityMax
        self.marketQuantityMax = marketQuantityMax
        self.previousClose = previousClose
        self.limitDown = limitDown
        self.limitUp = limitUp
        self.isTradable = isTradable
        self.averageDailyVolume = averageDailyVolume
        self.riskLevel = riskLevel
    }
}

/// Where an instrument is in its trading day.
@frozen
public enum SessionPhase: UInt8, Sendable, CaseIterable {
    /// Before 09:15, and days without trading.
    case closed = 0
    /// 09:15-09:20: entry and cancel, no matching.
    case openingCall = 1
    /// 09:20-09:25: entry, no cancel; ends in the opening uncross.
    case openingCallNoCancel = 2
    /// 09:25-09:30.
    case quiet = 3
    case continuous = 4
    /// 11:30-13:00.
    case lunch = 5
    /// 14:57-15:00: entry, no cancel; ends in the closing uncross.
    case closingCall = 6
    /// After the closing uncross.
    case ended = 7

    /// Whether orders are taken (risk rule 41).
    @inlinable
    public var acceptsEntry: Bool {
        switch self {
        case .openingCall, .openingCallNoCancel, .continuous, .closingCall: true
        case .closed, .quiet, .lunch, .ended: false
        }
    }

    /// Whether cancels and replaces are taken (risk rule 42).
    @inlinable
    public var acceptsCancel: Bool { self == .openingCall || self == .continuous }

    /// Whether orders collect for an uncross instead of matching.
    @inlinable
    public var isCall: Bool { self == .openingCall || self == .openingCallNoCancel || self == .closingCall }
}
