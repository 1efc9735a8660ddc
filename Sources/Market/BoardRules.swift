/// What one board of the exchange demands of an order, from one day on: a row of reference data.
public struct BoardRules: Hashable, Sendable {
    /// The board.
    public var board: Board
    /// The first day the row holds; it ends where a later row of the board begins.
    public var effectiveFrom: TradingDate
    /// Smallest price step.
    public var tick: Price
    /// Quantity step.
    public var lot: Quantity
    /// Least quantity of a buy.
    public var quantityMin: Quantity
    /// Greatest quantity of a limit order.
    public var quantityMax: Quantity
    /// Greatest quantity of a market order.
    public var marketQuantityMax: Quantity
    /// Daily band, percent of the previous close either way.
    public var bandPercent: Int
    /// Trading days without a band after listing.
    public var bandFreeDays: Int
    /// Effective price range of continuous trading in percent of the best opposite price; 0 where there is none.
    public var rangePercent: Int
    /// The range reaches at least this many ticks.
    public var rangeTicks: Int

    /// A row with every column.
    public init(
        board: Board, effectiveFrom: TradingDate, tick: Price = Price(milli: 10), lot: Quantity, quantityMin: Quantity,
        quantityMax: Quantity, marketQuantityMax: Quantity, bandPercent: Int, bandFreeDays: Int = 5,
        rangePercent: Int, rangeTicks: Int = 0
    ) {
        self.board = board
        self.effectiveFrom = effectiveFrom
        self.tick = tick
        self.lot = lot
        self.quantityMin = quantityMin
        self.quantityMax = quantityMax
        self.marketQuantityMax = marketQuantityMax
        self.bandPercent = bandPercent
        self.bandFreeDays = bandFreeDays
        self.rangePercent = rangePercent
        self.rangeTicks = rangeTicks
    }

    /// Whether the numbers make sense together: all positive, limits in order, percentages below 100.
    public var isValid: Bool {
        (1...Price.milliMax).contains(tick.milli) && lot.shares > 0 && quantityMin.shares > 0
            && quantityMax >= quantityMin && marketQuantityMax >= quantityMin
            && (1...99).contains(bandPercent) && bandFreeDays >= 0
            && (0...99).contains(rangePercent) && (0...1_000_000).contains(rangeTicks)
    }

    /// Whether a buy of `quantity` has a legal size, as a limit order or as a market order.
    public func acceptsBuy(_ quantity: Quantity, type: OrderType) -> Bool {
        quantity >= quantityMin && quantity <= greatest(type) && quantity.shares % lot.shares == 0
    }

    /// Whether a sale of `quantity` out of `sellable` shares has a legal size.
    ///
    /// Legal are the sizes a buy may have, and sizes that carry the whole odd remainder: on boards with lots the
    /// part of the position beyond whole lots, on a board without (STAR) a position below the least quantity.
    public func acceptsSell(_ quantity: Quantity, sellable: Quantity, type: OrderType) -> Bool {
        guard quantity.shares > 0, quantity <= sellable, quantity <= greatest(type) else { return false }
        if quantity >= quantityMin, quantity.shares % lot.shares == 0 { return true }
        guard lot.shares > 1 else { return quantity == sellable }
        return quantity.shares % lot.shares != 0 && quantity.shares % lot.shares == sellable.shares % lot.shares
    }

    /// The highest price a buy may carry in continuous trading: max(best offer + x %, best offer + n ticks).
    ///
    /// - Returns: nil where the board has no range or there is no usable offer.
    public func buyCeiling(bestOffer: Price) -> Price? {
        guard rangePercent > 0, let scaled = bestOffer.scaled(percent: 100 + rangePercent, tick: tick) else {
            return nil
        }
        return max(scaled, Price(milli: bestOffer.milli + Int64(rangeTicks) * tick.milli))
    }

    /// The lowest price a sale may carry in continuous trading: min(best bid - x %, best bid - n ticks), or a tick.
    ///
    /// - Returns: nil where the board has no range or there is no usable bid.
    public func sellFloor(bestBid: Price) -> Price? {
        guard rangePercent > 0, let scaled = bestBid.scaled(percent: 100 - rangePercent, tick: tick) else { return nil }
        return max(tick, min(scaled, Price(milli: bestBid.milli - Int64(rangeTicks) * tick.milli)))
    }

    private func greatest(_ type: OrderType) -> Quantity { type == .market ? marketQuantityMax : quantityMax }
}
