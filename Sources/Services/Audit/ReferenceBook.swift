internal import Market

/// A plain order book for the audit: levels in a sorted array, a queue per level, nothing shared with `Matching`.
///
/// Written for being obviously right, not fast: the audit runs the day's requests through it again and compares the
/// trades, which proves price-time priority and determinism of the engine (invariants I8, I15, I16).
struct ReferenceBook {
    struct Entry {
        var order: OrderID
        var remaining: Int64
    }

    struct Level {
        var price: Int64
        var queue: [Entry] = []
        /// Entries before it are used up.
        var head = 0

        var isEmpty: Bool { head >= queue.count }
    }

    struct Trade: Equatable {
        var buy: OrderID
        var sell: OrderID
        var price: Int64
        var quantity: Int64
    }

    /// Best first: bids descending, asks ascending.
    private var bids: [Level] = []
    private var asks: [Level] = []

    /// Matches an order against the other side; returns what is left of it.
    ///
    /// - Parameter levelsMax: levels that may be swept (market orders), or `.max`.
    mutating func match(
        _ order: OrderID, _ side: Side, limit: Int64?, quantity: Int64, levelsMax: Int, trades: inout [Trade]
    ) -> Int64 {
        var rest = quantity
        var swept = 0
        while rest > 0, swept < levelsMax {
            let best = side == .buy ? asks.first : bids.first
            guard let best else { break }
            if let limit, side == .buy ? best.price > limit : best.price < limit { break }
            if side == .buy {
                rest = Self.take(&asks, rest) { maker, amount in
                    trades.append(Trade(buy: order, sell: maker, price: best.price, quantity: amount))
                }
            } else {
                rest = Self.take(&bids, rest) { maker, amount in
                    trades.append(Trade(buy: maker, sell: order, price: best.price, quantity: amount))
                }
            }
            swept += 1
        }
        return rest
    }

    /// What could be matched at once (for fill-or-kill).
    func available(_ side: Side, limit: Int64?, levelsMax: Int) -> Int64 {
        var total: Int64 = 0
        for level in (side == .buy ? asks : bids).prefix(levelsMax) {
            if let limit, side == .buy ? level.price > limit : level.price < limit { break }
            total += level.queue[level.head...].reduce(0) { $0 + $1.remaining }
        }
        return total
    }

    private static func take(
        _ levels: inout [Level], _ quantity: Int64, _ trade: (OrderID, Int64) -> Void
    ) -> Int64 {
        var rest = quantity
        while rest > 0, !levels[0].isEmpty {
            let head = levels[0].head
            let amount = min(rest, levels[0].queue[head].remaining)
            trade(levels[0].queue[head].order, amount)
            rest -= amount
            levels[0].queue[head].remaining -= amount
            if levels[0].queue[head].remaining == 0 { levels[0].head += 1 }
        }
        if levels[0].isEmpty { levels.removeFirst() }
        return rest
    }

    /// Puts an order at the end of the queue of its price.
    mutating func rest(_ order: OrderID, _ side: Side, price: Int64, quantity: Int64) {
        let entry = Entry(order: order, remaining: quantity)
        func insert(_ levels: inout [Level]) {
            let index = levels.partitioned { side == .buy ? $0.price <= price : $0.price >= price }
            if index < levels.count, levels[index].price == price {
                levels[index].queue.append(entry)
            } else {
                levels.insert(Level(price: price, queue: [entry]), at: index)
            }
        }
        if side == .buy { insert(&bids) } else { insert(&asks) }
    }

    /// Takes an order out; its open quantity, or nil where it does not rest at that price.
    mutating func remove(_ order: OrderID, _ side: Side, price: Int64) -> Int64? {
        func remove(_ levels: inout [Level]) -> Int64? {
            guard let index = levels.firstIndex(where: { $0.price == price }),
                let at = levels[index].queue[levels[index].head...].firstIndex(where: { $0.order == order })
            else { return nil }
            let open = levels[index].queue.remove(at: at).remaining
            if levels[index].isEmpty { levels.remove(at: index) }
            return open
        }
        return side == .buy ? remove(&bids) : remove(&asks)
    }

    /// Gives an order's place to another one with at most its quantity.
    mutating func succeed(_ old: OrderID, by new: OrderID, _ side: Side, price: Int64, quantity: Int64) -> Bool {
        func succeed(_ levels: inout [Level]) -> Bool {
            guard let index = levels.firstIndex(where: { $0.price == price }),
                let at = levels[index].queue[levels[index].head...].firstIndex(where: { $0.order == old }),
                quantity <= levels[index].queue[at].remaining
            else { return false }
            levels[index].queue[at] = Entry(order: new, remaining: quantity)
            return true
        }
        return side == .buy ? succeed(&bids) : succeed(&asks)
    }

    /// All resting orders with their open quantity.
    var resting: [OrderID: Int64] {
        var found: [OrderID: Int64] = [:]
        for level in bids + asks {
            for entry in level.queue[level.head...] { found[entry.order] = entry.remaining }
        }
        return found
    }
}

extension Array {
    /// The first index whose element satisfies `belongsToTail`; elements are ordered by it.
    fileprivate func partitioned(_ belongsToTail: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if belongsToTail(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
