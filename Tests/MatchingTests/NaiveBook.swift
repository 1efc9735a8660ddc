import Market
import Matching

/// The reference matcher: two sorted arrays, linear search, no cleverness (the shape of Parity's order book).
///
/// It knows orders by id alone and repeats the book's rules from their text, sharing no code with the book.
struct NaiveBook {
    struct Order: Equatable {
        var id: UInt64
        var handle: UInt32
        var side: Side
        var price: Int64
        var quantity: Int64
    }

    let tick: Int64
    /// Band in milli-yuan, nil for none.
    let band: ClosedRange<Int64>?
    let marketLevelsMax: Int
    /// Orders that may rest.
    let capacity: Int
    /// Best first, oldest first.
    private(set) var bids: [Order] = []
    private(set) var asks: [Order] = []

    init(tick: Int64 = 10, band: ClosedRange<Int64>? = nil, marketLevelsMax: Int = 5, capacity: Int = .max) {
        self.capacity = capacity
        self.tick = tick
        self.band = band
        self.marketLevelsMax = marketLevelsMax
    }

    /// What became of an order, in the fields of `Placement` without the reference.
    struct Answer: Equatable {
        var outcome: Placement.Outcome
        var filled: Int64 = 0
        var resting: Int64 = 0
        var cancelled: Int64 = 0
    }

    var isCrossed: Bool {
        guard let bid = bids.first, let ask = asks.first else { return false }
        return bid.price >= ask.price
    }

    func orders(_ side: Side) -> [Order] { side == .buy ? bids : asks }

    func depth(_ side: Side, into levels: inout [DepthLevel]) {
        for order in orders(side) {
            if levels.last?.price.milli == order.price {
                levels[levels.count - 1].quantity.shares += order.quantity
            } else {
                levels.append(DepthLevel(price: Price(milli: order.price), quantity: Quantity(order.quantity)))
            }
        }
    }

    private func refusal(_ order: IncomingOrder, mayCross: Bool, isReplacement: Bool = false) -> Refusal? {
        if order.quantity.shares < 1 || order.quantity.shares > 2_147_483_647 { return .quantity }
        if isCrossed && !mayCross { return .crossed }
        if order.type == .market { return nil }
        let price = order.price.milli
        if price <= 0 || price > 4_294_967_295 || price % tick != 0 { return .price }
        if let band, !band.contains(price) { return .outsideBand }
        if order.timeInForce != .day { return nil }
        if !isReplacement, bids.count + asks.count >= capacity, mayCross || reachable(order).isEmpty {
            return .arenaFull
        }
        return band == nil && span(with: price) > 262_144 ? .levelSpan : nil
    }

    /// Ticks from the lowest to the highest of the open orders and `price`.
    private func span(with price: Int64) -> Int64 {
        let ends = [bids.first, bids.last, asks.first, asks.last].compactMap { $0?.price } + [price]
        return ((ends.max() ?? 0) - (ends.min() ?? 0)) / tick + 1
    }

    /// Continuous entry.
    mutating func add(_ order: IncomingOrder, fills: inout [Fill]) -> Answer {
        if let refusal = refusal(order, mayCross: false) { return Answer(outcome: .refused(refusal)) }
        let wanted = order.quantity.shares
        let reachable = reachable(order)
        if order.timeInForce == .fillOrKill && reachable.reduce(0, { $0 + $1.quantity }) < wanted {
            return Answer(outcome: .killed, cancelled: wanted)
        }
        var left = wanted
        for maker in reachable {
            if left == 0 { break }
            let traded = min(left, maker.quantity)
            left -= traded
            fills.append(
                Fill(
                    maker: maker.id, makerHandle: maker.handle, makerRemaining: Quantity(maker.quantity - traded),
                    taker: order.id, takerHandle: order.handle, takerRemaining: Quantity(left),
                    takerSide: order.side, price: Price(milli: maker.price), quantity: Quantity(traded),
                    isAuction: false))
            take(traded, maker.id)
        }
        if left == 0 { return Answer(outcome: .filled, filled: wanted) }
        if order.type == .market || order.timeInForce != .day {
            return Answer(outcome: .cancelled, filled: wanted - left, cancelled: left)
        }
        insert(order, quantity: left)
        return Answer(outcome: .rested, filled: wanted - left, resting: left)
    }

    /// The makers that an order may trade with, in its order.
    private func reachable(_ order: IncomingOrder) -> ArraySlice<Order> {
        let makers = orders(order.side.opposite)
        if order.type == .market {
            var prices: [Int64] = []
            return makers.prefix { maker in
                if prices.last != maker.price { prices.append(maker.price) }
                return prices.count <= marketLevelsMax
            }
        }
        return makers.prefix {
            order.side == .buy ? $0.price <= order.price.milli : $0.price >= order.price.milli
        }
    }

    /// Entry in a call, and recovery.
    mutating func collect(_ order: IncomingOrder) -> Answer {
        if order.type == .market || order.timeInForce != .day { return Answer(outcome: .refused(.notInCall)) }
        if let refusal = refusal(order, mayCross: true) { return Answer(outcome: .refused(refusal)) }
        insert(order, quantity: order.quantity.shares)
        return Answer(outcome: .rested, resting: order.quantity.shares)
    }

    mutating func cancel(_ id: UInt64) -> Int64? {
        guard let order = find(id) else { return nil }
        take(order.quantity, id)
        return order.quantity
    }

    mutating func reduce(_ id: UInt64, to quantity: Int64) -> Amendment {
        guard let order = find(id) else { return .refused(.unknownOrder) }
        guard quantity > 0, quantity <= order.quantity else { return .refused(.quantity) }
        take(order.quantity - quantity, id)
        return .done(removed: Quantity(order.quantity - quantity), open: Quantity(quantity))
    }

    mutating func replace(_ id: UInt64, _ new: IncomingOrder, inCall: Bool, fills: inout [Fill]) -> Answer {
        guard let old = find(id) else { return Answer(outcome: .refused(.unknownOrder)) }
        guard old.side == new.side else { return Answer(outcome: .refused(.side)) }
        let isPlain = new.type == .limit && new.timeInForce == .day
        if inCall && !isPlain { return Answer(outcome: .refused(.notInCall)) }
        if let refusal = refusal(new, mayCross: inCall, isReplacement: true) {
            return Answer(outcome: .refused(refusal))
        }
        if isPlain && new.price.milli == old.price && new.quantity.shares <= old.quantity {
            change(id) {
                $0.id = new.id
                $0.handle = new.handle
                $0.quantity = new.quantity.shares
            }
            return Answer(outcome: .rested, resting: new.quantity.shares)
        }
        take(old.quantity, id)
        return inCall ? collect(new) : add(new, fills: &fills)
    }

    /// The auction by brute force over all orders, and its trades.
    mutating func uncross(_ policy: AuctionPolicy, reference: Int64, fills: inout [Fill]) -> AuctionPrice? {
        guard let result = auctionPrice(policy, reference: reference) else { return nil }
        var left = result.quantity.shares
        while left > 0 {
            let buy = bids[0]
            let sell = asks[0]
            let traded = min(left, buy.quantity, sell.quantity)
            left -= traded
            fills.append(
                Fill(
                    maker: buy.id, makerHandle: buy.handle, makerRemaining: Quantity(buy.quantity - traded),
                    taker: sell.id, takerHandle: sell.handle, takerRemaining: Quantity(sell.quantity - traded),
                    takerSide: .sell, price: result.price, quantity: Quantity(traded), isAuction: true))
            take(traded, buy.id)
            take(traded, sell.id)
        }
        return result
    }

    func auctionPrice(_ policy: AuctionPolicy, reference: Int64) -> AuctionPrice? {
        func bought(_ price: Int64) -> Int64 { bids.reduce(0) { $1.price >= price ? $0 + $1.quantity : $0 } }
        func sold(_ price: Int64) -> Int64 { asks.reduce(0) { $1.price <= price ? $0 + $1.quantity : $0 } }
        func volume(_ price: Int64) -> Int64 { min(bought(price), sold(price)) }
        var prices = Set((bids + asks).map(\.price)).sorted()
        if policy.candidates == .everyTick, let low = prices.first, let high = prices.last {
            prices = Array(stride(from: low, through: high, by: Int(tick)))
        }
        let best = prices.map(volume).max() ?? 0
        guard best > 0 else { return nil }
        prices = prices.filter { price in
            volume(price) == best && bought(price + tick) <= best && sold(price - tick) <= best
        }
        for tieBreak in policy.tieBreaks {
            prices = narrow(prices, tieBreak, reference) { abs(bought($0) - sold($0)) }
        }
        let price = prices[0]
        return AuctionPrice(
            price: Price(milli: price), quantity: Quantity(best), imbalance: bought(price) - sold(price))
    }

    private func narrow(
        _ prices: [Int64], _ tieBreak: AuctionPolicy.TieBreak, _ reference: Int64, imbalance: (Int64) -> Int64
    ) -> [Int64] {
        switch tieBreak {
        case .leastImbalance:
            let least = prices.map(imbalance).min()
            return prices.filter { imbalance($0) == least }
        case .middle(let rounding):
            let sum = (prices[0] + prices[prices.count - 1]) / tick
            return [(rounding == .up ? (sum + 1) / 2 : sum / 2) * tick]
        case .closestToReference(let rounding):
            let least = prices.map { abs($0 - reference) }.min()
            let near = prices.filter { abs($0 - reference) == least }
            return [rounding == .up ? near[near.count - 1] : near[0]]
        }
    }

    func find(_ id: UInt64) -> Order? { bids.first { $0.id == id } ?? asks.first { $0.id == id } }

    private mutating func insert(_ order: IncomingOrder, quantity: Int64) {
        let new = Order(
            id: order.id, handle: order.handle, side: order.side, price: order.price.milli, quantity: quantity)
        if order.side == .buy {
            bids.insert(new, at: bids.firstIndex { $0.price < new.price } ?? bids.count)
        } else {
            asks.insert(new, at: asks.firstIndex { $0.price > new.price } ?? asks.count)
        }
    }

    private mutating func change(_ id: UInt64, _ body: (inout Order) -> Void) {
        if let index = bids.firstIndex(where: { $0.id == id }) {
            body(&bids[index])
            if bids[index].quantity == 0 { bids.remove(at: index) }
        } else if let index = asks.firstIndex(where: { $0.id == id }) {
            body(&asks[index])
            if asks[index].quantity == 0 { asks.remove(at: index) }
        }
    }

    private mutating func take(_ quantity: Int64, _ id: UInt64) { change(id) { $0.quantity -= quantity } }
}
