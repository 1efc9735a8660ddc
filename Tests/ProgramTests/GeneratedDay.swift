import Foundation

/// A small recorded day: orders and cancels from 09:15 to 15:00, seeded, and the trades a naive exchange makes of them.
struct GeneratedDay {
    private struct Order {
        var id: Int
        var isBuy: Bool
        var price: Int
        var open: Int
    }

    struct Trade: Equatable {
        var buy: Int
        var sell: Int
        var price: Int
        var quantity: Int
        var isAuction: Bool
    }

    private(set) var orders = "seq,time_ms,action,order_id,side,price_milli,qty,price_inferred\n"
    private(set) var trades: [Trade] = []
    private var book: [Order] = []
    private var state: UInt64

    init(seed: UInt64, events: Int) {
        state = seed
        // The whole band is entered once, so that the previous close (10.00) can be inferred.
        add(1, 33_300_000, isBuy: true, price: 9_000, quantity: 100)
        add(2, 33_300_000, isBuy: false, price: 11_000, quantity: 100)
        var isOpened = false
        for id in 3..<(events + 3) {
            // 09:15 to 11:30 and 13:00 to 15:00, without the gap 09:25 to 09:30.
            var time = 33_300_000 + id * 14_000_000 / (events + 3)
            if time >= 33_900_000 { time += 300_000 }
            if time >= 41_400_000 { time += 5_400_000 }
            if !isOpened, time >= 33_900_000 {
                uncross()
                isOpened = true
            }
            let mayCancel = time < 33_600_000 || (time >= 34_200_000 && time < 53_820_000)
            if mayCancel, draw(5) == 0, cancelOne(time) { continue }
            let price = 9_800 + draw(41) * 10
            add(id, time, isBuy: draw(2) == 0, price: price, quantity: (draw(9) + 1) * 100)
            if isOpened, time < 53_820_000 { match() }
        }
        uncross()
    }

    private mutating func draw(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    private mutating func add(_ id: Int, _ time: Int, isBuy: Bool, price: Int, quantity: Int) {
        orders += "\(id),\(time),A,\(id),\(isBuy ? "B" : "S"),\(price),\(quantity),0\n"
        book.append(Order(id: id, isBuy: isBuy, price: price, open: quantity))
    }

    private mutating func cancelOne(_ time: Int) -> Bool {
        guard book.count > 2 else { return false }
        let order = book.remove(at: draw(book.count))
        orders += "0,\(time),D,\(order.id),\(order.isBuy ? "B" : "S"),\(order.price),\(order.open),0\n"
        return true
    }

    /// Best first: by price, then by place in the list, which is time.
    private func best(_ isBuy: Bool, excluding last: Bool) -> Int? {
        let candidates = book.indices.dropLast(last ? 1 : 0).filter { book[$0].isBuy == isBuy }
        return candidates.min { a, b in
            book[a].price == book[b].price ? a < b : (book[a].price > book[b].price) == isBuy
        }
    }

    /// The newest order against the rest.
    private mutating func match() {
        while let taker = book.last, taker.open > 0, let maker = best(!taker.isBuy, excluding: true),
            taker.isBuy ? book[maker].price <= taker.price : book[maker].price >= taker.price
        {
            trade(maker, book.count - 1, price: book[maker].price, isAuction: false)
            let filled = taker.id
            book.removeAll { $0.open == 0 }
            guard book.last?.id == filled else { return }
        }
    }

    private mutating func trade(_ a: Int, _ b: Int, price: Int, isAuction: Bool, limit: Int = .max) {
        let quantity = min(book[a].open, book[b].open, limit)
        book[a].open -= quantity
        book[b].open -= quantity
        let (buy, sell) = book[a].isBuy ? (a, b) : (b, a)
        trades.append(
            Trade(buy: book[buy].id, sell: book[sell].id, price: price, quantity: quantity, isAuction: isAuction))
    }

    /// The call auction's rule by brute force over the declared prices.
    private mutating func uncross() {
        func sum(_ isBuy: Bool, _ fits: (Int) -> Bool) -> Int {
            book.filter { $0.isBuy == isBuy && fits($0.price) }.reduce(0) { $0 + $1.open }
        }
        let prices = Set(book.map(\.price)).sorted()
        let volumes = prices.map { price in min(sum(true) { $0 >= price }, sum(false) { $0 <= price }) }
        guard let most = volumes.max(), most > 0 else { return }
        var left = prices.indices.filter { index in
            volumes[index] == most && sum(true) { $0 > prices[index] } <= most
                && sum(false) { $0 < prices[index] } <= most
        }
        let imbalances = prices.map { price in abs(sum(true) { $0 >= price } - sum(false) { $0 <= price }) }
        let least = left.map { imbalances[$0] }.min()
        left = left.filter { imbalances[$0] == least }
        guard let first = left.first, let last = left.last else { return }
        let price = (prices[first] + prices[last] + 10) / 20 * 10
        var rest = most
        while rest > 0, let buy = best(true, excluding: false), let sell = best(false, excluding: false) {
            let before = min(book[buy].open, book[sell].open, rest)
            trade(buy, sell, price: price, isAuction: true, limit: rest)
            rest -= before
            book.removeAll { $0.open == 0 }
        }
    }
}
