public import Market

/// Open shares at one price of one side.
@frozen
public struct DepthLevel: Equatable, Sendable {
    /// The level's price.
    public var price: Price
    /// Sum of the open shares of its orders.
    public var quantity: Quantity

    /// A level.
    @inlinable
    public init(price: Price, quantity: Quantity) {
        self.price = price
        self.quantity = quantity
    }
}

/// What an order would meet if it came now.
@frozen
public struct SweepEstimate: Equatable, Sendable {
    /// Opposite levels it would touch.
    public var levels: Int
    /// Shares it would trade.
    public var quantity: Quantity
    /// Sum of price x quantity of those trades.
    public var value: Money
    /// The last price it would trade at, `.zero` where it would not trade.
    public var worstPrice: Price
    /// The level cap ended the walk: more shares or levels are within reach.
    public var isCapped: Bool
}

/// Queries: answered from the book's own structures, never from a copy.
extension OrderBook {
    /// Appends up to `levels` levels of a side to `depth`, best first.
    public func depth(_ side: Side, levels: Int, into depth: inout [DepthLevel]) {
        let index = side.index
        var slot = sides[index].best
        var left = levels
        while slot != LevelBitmap.none, left > 0 {
            let price = price(ticks: frames[0].tick(index, slot))
            depth.append(DepthLevel(price: price, quantity: Quantity(sides[index].levels[slot].quantity)))
            slot = sides[index].occupied.next(after: slot)
            left -= 1
        }
    }

    /// Up to `levels` levels of a side, best first.
    public func depth(_ side: Side, levels: Int = .max) -> [DepthLevel] {
        var result: [DepthLevel] = []
        depth(side, levels: levels, into: &result)
        return result
    }

    /// Open shares of `side` at exactly `price`; zero for prices outside the book.
    public func quantity(_ side: Side, at price: Price) -> Quantity {
        let index = side.index
        guard let tick = ticks(price), frames[0].contains(tick), sides[index].levels.count > 0 else { return .zero }
        let slot = frames[0].slot(index, tick)
        guard sides[index].occupied.contains(slot) else { return .zero }
        return Quantity(sides[index].levels[slot].quantity)
    }

    /// Open shares in the best `levels` levels of a side (risk rule 71).
    public func topQuantity(_ side: Side, levels: Int = 5) -> Quantity {
        Quantity(available(side.index, reach: LevelBitmap.none - 1, levels: levels, upTo: .max))
    }

    /// What an order of `side` would trade now against at most `levelsMax` opposite levels (risk rules 59 and 60).
    ///
    /// `price` is its limit; nil asks for a market order, whose own level limit the caller passes as `levelsMax`.
    public func sweep(side: Side, price: Price?, quantity: Quantity, levelsMax: Int) -> SweepEstimate {
        let index = side.opposite.index
        var reach = LevelBitmap.none - 1
        if let price { reach = frames[0].slot(index, limit(price, of: side)) }
        var estimate = SweepEstimate(levels: 0, quantity: .zero, value: .zero, worstPrice: .zero, isCapped: false)
        var left = quantity.shares
        var slot = sides[index].best
        while left > 0, slot <= reach {
            guard estimate.levels < levelsMax else {
                estimate.isCapped = true
                break
            }
            let traded = min(left, sides[index].levels[slot].quantity)
            estimate.worstPrice = self.price(ticks: frames[0].tick(index, slot))
            estimate.levels += 1
            estimate.quantity.shares += traded
            estimate.value.milli += traded * estimate.worstPrice.milli
            left -= traded
            slot = sides[index].occupied.next(after: slot)
        }
        return estimate
    }

    /// A limit in ticks: off the tick it is rounded to the side that trades less.
    private func limit(_ price: Price, of side: Side) -> Int {
        let bounded = min(max(price.milli, 0), Self.priceMax.milli)
        return Int(side == .buy ? bounded / tick.milli : (bounded + tick.milli - 1) / tick.milli)
    }
}
