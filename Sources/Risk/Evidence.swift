import Market

/// One request's facts in the form the rules compare: clamped integers, neutral values where something is absent.
///
/// Prepared once, then read by all groups. Prices and quantities are clamped to 0...2^40 (a billion yuan, a
/// trillion shares) and values to 2^60, so that no comparison of a hostile request can overflow: thresholds are bounded
/// by `RiskUnit.thresholdMax`.
struct Evidence {
    var isNew: Bool
    var isCancel: Bool
    var isReplace: Bool
    var isBuy: Bool
    var isMarket: Bool
    var isContinuous: Bool
    var isCall: Bool
    var time: Int64

    /// The limit price; the valuation of a market order.
    var price: Int64
    /// What the order would work: the ordered quantity, for a replace less what is filled.
    var working: Int64
    /// The ordered quantity.
    var quantity: Int64
    /// `price` x `working`.
    var value: Int64
    /// Whether the exact product of the request's own price and quantity fits.
    var valueFits: Bool

    var hasAccount: Bool
    var profile: AccountProfile
    var hasInstrument: Bool
    var instrument: Instrument
    var tick: Int64
    var previousClose: Int64
    var flags: RiskFlags

    var bid: Int64
    var offer: Int64
    /// Best price of the side the request would trade with.
    var opposite: Int64
    /// Twice the mid, 0 where a side is missing.
    var doubleMid: Int64

    /// The order a replace gives up: its share of the account's sums.
    ///
    /// All zero for a new order.
    var released: Released
    /// Whether the state can take this request's account, instrument and session in.
    var isWithinCapacity = true
    var account = AccountState()
    var pair = PairState.empty
    var market = InstrumentState()
    var pairHasRoom = true
    var levelHasRoom = true
    var repeatHasRoom = true
    var levelOrders: Int64 = 0
    var repeats: Int64 = 0
    var grossValueFirm: Int64 = 0
    var fillMean: Int64 = 0
    var tradeMean: Int64 = 0
    var hasSessionToken = true
    var hasFirmToken = true
    var hasInstrumentToken = true

    struct Released {
        var quantity: Int64 = 0
        var value: Int64 = 0
        var orders: Int64 = 0
        /// Whether it was at the new price.
        var sameLevel: Int64 = 0
    }

    static let boundMax: Int64 = 1 << 40
    static let valueMax: Int64 = 1 << 60

    /// `value` within 0...2^40.
    @inline(__always)
    static func bounded(_ value: Int64) -> Int64 { min(max(value, 0), boundMax) }

    /// Whether `value` is at most `basisPoints` away from `reference`, on either side; true without a reference.
    @inline(__always)
    static func isWithin(_ value: Int64, of reference: Int64, _ basisPoints: Int64) -> Bool {
        (reference == 0) || (abs(value &- reference) &* 10_000 <= reference &* basisPoints)
    }
}

extension Evidence {
    /// The facts of the request itself; `RiskState.observe` adds what is remembered.
    ///
    /// `last` is the last trade's price.
    init(_ context: RiskContext, last: Int64) {
        let request = context.request
        isNew = request.kind == .new
        isCancel = request.kind == .cancel
        isReplace = request.kind == .replace
        isBuy = request.side == .buy
        isMarket = request.type == .market
        isContinuous = context.phase == .continuous
        isCall = context.phase.isCall
        time = context.time
        hasAccount = context.account != nil
        profile = context.account ?? Self.noProfile
        hasInstrument = context.instrument != nil
        instrument = context.instrument ?? Self.noInstrument
        tick = max(1, Self.bounded(instrument.tick.milli))
        previousClose = Self.bounded(instrument.previousClose.milli)
        flags = context.flags
        bid = Self.bounded(context.book.bestBid.milli)
        offer = Self.bounded(context.book.bestOffer.milli)
        opposite = isBuy ? offer : bid
        doubleMid = bid > 0 && offer > 0 ? bid + offer : 0
        price = Self.bounded(request.price.milli)
        if isMarket {
            let fallback = opposite > 0 ? opposite : last > 0 ? last : previousClose
            price = isBuy && instrument.hasBand ? Self.bounded(instrument.limitUp.milli) : fallback
        }
        quantity = Self.bounded(request.quantity.shares)
        working = isReplace ? max(0, quantity - Self.bounded(context.target.cumulative.shares)) : quantity
        value = min(saturatingProduct(price, working), Self.valueMax)
        valueFits =
            Money.value(request.price, request.quantity) != nil
            && saturatingProduct(price, quantity) <= Self.valueMax
        released = Released()
        if isReplace { release(context.target) }
    }

    private mutating func release(_ target: RiskTarget) {
        guard target.isFound, target.isOpen, (target.side == .buy) == isBuy else { return }
        let price = Self.bounded(target.price.milli)
        released.quantity = Self.bounded(target.leaves.shares)
        released.value = min(saturatingProduct(price, released.quantity), Self.valueMax)
        released.orders = 1
        released.sameLevel = price == self.price ? 1 : 0
    }

    private static let noProfile = AccountProfile(id: AccountID(0))
    private static let noInstrument = Instrument(
        id: OrderRequest.unknownInstrument, symbol: 0, board: .main, tick: Price(milli: 1), lot: Quantity(1),
        quantityMin: .zero, quantityMax: Quantity(.max), marketQuantityMax: Quantity(.max), previousClose: .zero,
        limitDown: .zero, limitUp: .zero)
}
