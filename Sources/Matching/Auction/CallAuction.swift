public import Market

/// The price at which a call auction would trade now.
@frozen
public struct AuctionPrice: Equatable, Sendable {
    /// The one price of all its trades.
    public var price: Price
    /// Shares that trade.
    public var quantity: Quantity
    /// Buy minus sell quantity at the price: what stays open on the heavier side.
    public var imbalance: Int64

    /// A price with its quantities.
    @inlinable
    public init(price: Price, quantity: Quantity, imbalance: Int64) {
        self.price = price
        self.quantity = quantity
        self.imbalance = imbalance
    }
}

/// The call auction: one price for all, then trades in the exchange's pairing order.
///
/// Over the candidate prices p, D(p) is the sum of buys at p or higher, S(p) of sells at p or lower, V = min(D, S).
///
/// 1. V(p) is the largest possible; where it is 0 there is no price.
/// 2. Every buy above p and every sell below p fills: D(p) - buy(p) <= V and S(p) - sell(p) <= V.
///    Largest volume does not imply this.
/// 3. The policy's tie-breaks.
///
/// Trades: the best buy against the best sell, each by price and then time, until V is used up. What is left keeps
/// its place; the book is no longer crossed. Only prices between the best ask and the best bid can win, so the
/// cost is O(ticks in the overlap). The scratch space is reused; confined to the books' thread.
public struct CallAuction {
    /// How ties are broken.
    public var policy: AuctionPolicy
    private var curve: [AuctionLevel] = []

    /// An auction under `policy`.
    public init(policy: AuctionPolicy = .shanghai) { self.policy = policy }

    /// The price at which `book` would uncross now, or nil where nothing trades.
    ///
    /// `reference` is what Shenzhen's last tie-break needs: the previous close in the opening call, the last price
    /// in the closing call. Shanghai's rule ignores it.
    public mutating func indicative(_ book: OrderBook, reference: Price) -> AuctionPrice? {
        guard let tick = equilibrium(book, reference: reference) else { return nil }
        let totals = totals(at: tick)
        return AuctionPrice(
            price: book.price(ticks: tick), quantity: Quantity(min(totals.buy, totals.sell)),
            imbalance: totals.buy - totals.sell)
    }

    /// Trades the auction and appends its fills (`isAuction`, maker = buy, taker = sell) to `fills`.
    ///
    /// Returns what `indicative` would have, or nil where nothing trades.
    public mutating func uncross(_ book: OrderBook, reference: Price, fills: inout [Fill]) -> AuctionPrice? {
        guard let result = indicative(book, reference: reference), let tick = book.ticks(result.price) else {
            return nil
        }
        book.uncross(at: tick, shares: result.quantity.shares, fills: &fills)
        return result
    }

    /// The auction's price in ticks.
    private mutating func equilibrium(_ book: OrderBook, reference: Price) -> Int? {
        guard book.isCrossed else { return nil }
        book.overlap(everyTick: policy.candidates == .everyTick, into: &curve)
        var cumulated: Int64 = 0
        for index in curve.indices {
            cumulated += curve[index].sell
            curve[index].sellTotal = cumulated
        }
        cumulated = 0
        for index in curve.indices.reversed() {
            cumulated += curve[index].buy
            curve[index].buyTotal = cumulated
        }
        let volume = curve.reduce(0) { max($0, $1.volume) }
        guard volume > 0 else { return nil }
        let candidates = curve.filter { $0.volume == volume && $0.fillsBetterPrices }
        return choose(candidates, reference: reference, step: book.tick)
    }

    /// Applies the tie-breaks.
    private func choose(_ candidates: [AuctionLevel], reference: Price, step: Price) -> Int? {
        var left = candidates
        for tieBreak in policy.tieBreaks where left.count > 1 {
            switch tieBreak {
            case .leastImbalance:
                let least = left.reduce(UInt64.max) { min($0, $1.imbalance.magnitude) }
                left.removeAll { $0.imbalance.magnitude != least }
            case .middle(let rounding):
                let sum = left[0].tick + left[left.count - 1].tick
                return rounding == .up ? (sum + 1) / 2 : sum / 2
            case .closestToReference(let rounding):
                return nearest(left, reference: reference, step: step, rounding)
            }
        }
        return left.first?.tick
    }

    private func nearest(
        _ candidates: [AuctionLevel], reference: Price, step: Price, _ rounding: AuctionPolicy.Rounding
    ) -> Int? {
        func distance(_ level: AuctionLevel) -> Int64 { abs(Int64(level.tick) * step.milli - reference.milli) }
        let least = candidates.reduce(Int64.max) { min($0, distance($1)) }
        let nearest = candidates.filter { distance($0) == least }
        return rounding == .up ? nearest.last?.tick : nearest.first?.tick
    }

    /// D and S at any tick of the overlap, declared or not.
    private func totals(at tick: Int) -> (buy: Int64, sell: Int64) {
        let buy = curve.first { $0.tick >= tick }?.buyTotal ?? 0
        let sell = curve.last { $0.tick <= tick }?.sellTotal ?? 0
        return (buy, sell)
    }
}

/// One candidate price with the quantities declared at it and the sums over the better prices.
struct AuctionLevel {
    var tick: Int
    var buy: Int64
    var sell: Int64
    /// D: buys at this price or higher.
    var buyTotal: Int64 = 0
    /// S: sells at this price or lower.
    var sellTotal: Int64 = 0

    var volume: Int64 { min(buyTotal, sellTotal) }
    var imbalance: Int64 { buyTotal - sellTotal }
    var fillsBetterPrices: Bool { buyTotal - buy <= volume && sellTotal - sell <= volume }
}

extension OrderBook {
    /// Fills `curve` with the candidate prices from the best ask up to the best bid, ascending.
    func overlap(everyTick: Bool, into curve: inout [AuctionLevel]) {
        curve.removeAll(keepingCapacity: true)
        let frame = frames[0]
        let last = frame.slot(1, frame.tick(0, sides[0].best))
        for slot in sides[1].best...last {
            let tick = frame.lowest + slot
            let buy = shares(0, frame.slot(0, tick))
            let sell = shares(1, slot)
            if everyTick || buy > 0 || sell > 0 { curve.append(AuctionLevel(tick: tick, buy: buy, sell: sell)) }
        }
    }

    private func shares(_ side: Int, _ slot: Int) -> Int64 {
        sides[side].occupied.contains(slot) ? sides[side].levels[slot].quantity : 0
    }
}
