internal import Market

/// Runs a day's stored requests through reference books again and compares every trade and what is left open.
struct DayReplay {
    private enum Step {
        case enter(OrderRow)
        case cancel(OrderRow)
        case expire(OrderRow)
    }

    private var books: [InstrumentID: ReferenceBook] = [:]
    private var trades: [ReferenceBook.Trade] = []

    /// The first difference between `stored` and what the rules of price and time make of `orders`, or nil.
    static func difference(orders: [OrderRow], trades stored: [TradeRow]) -> String? {
        var replay = DayReplay()
        replay.run(orders)
        let expected = stored.sorted { $0.trade < $1.trade }
        for (index, trade) in expected.enumerated() {
            let made = ReferenceBook.Trade(
                buy: trade.buyOrder, sell: trade.sellOrder, price: trade.price.milli, quantity: trade.quantity.shares)
            guard index < replay.trades.count else { return "trade \(trade.trade) is not made by the replay" }
            guard replay.trades[index] == made else {
                return "trade \(trade.trade) is \(made), the replay makes \(replay.trades[index])"
            }
        }
        guard replay.trades.count == expected.count else {
            return "the replay makes \(replay.trades.count - expected.count) trades more"
        }
        return replay.differenceOfBooks(orders)
    }

    private mutating func run(_ orders: [OrderRow]) {
        let byID = Dictionary(uniqueKeysWithValues: orders.map { ($0.order, $0) })
        var steps: [(sequence: SequenceNumber, step: Step)] = []
        for row in orders where row.status != .rejected {
            steps.append((row.order, .enter(row)))
            guard row.endedBy != row.order, row.endedBy != 0 else { continue }
            if row.status == .canceled { steps.append((row.endedBy, .cancel(row))) }
            if row.status == .expired { steps.append((row.endedBy, .expire(row))) }
        }
        steps.sort { $0.sequence < $1.sequence }
        for (_, step) in steps {
            switch step {
            case .enter(let row): enter(row, replacing: row.replaces == 0 ? nil : byID[row.replaces])
            case .cancel(let row), .expire(let row):
                _ = books[row.instrument, default: ReferenceBook()].remove(row.order, row.side, price: row.price.milli)
            }
        }
    }

    private mutating func enter(_ row: OrderRow, replacing old: OrderRow?) {
        var book = books[row.instrument] ?? ReferenceBook()
        books[row.instrument] = nil
        defer { books[row.instrument] = book }
        let quantity = (row.quantity - row.carried).shares
        let isDayLimit = row.type == .limit && row.timeInForce == .day
        if let old {
            let keeps = isDayLimit && old.price == row.price
            if keeps, book.succeed(old.order, by: row.order, row.side, price: row.price.milli, quantity: quantity) {
                return
            }
            _ = book.remove(old.order, old.side, price: old.price.milli)
        }
        let limit = row.type == .limit ? row.price.milli : nil
        let levelsMax = row.type == .limit ? Int.max : 5
        if row.timeInForce == .fillOrKill,
            book.available(row.side, limit: limit, levelsMax: levelsMax) < quantity
        {
            return
        }
        let rest = book.match(
            row.order, row.side, limit: limit, quantity: quantity, levelsMax: levelsMax, trades: &trades)
        if rest > 0, isDayLimit { book.rest(row.order, row.side, price: row.price.milli, quantity: rest) }
    }

    private func differenceOfBooks(_ orders: [OrderRow]) -> String? {
        var resting: [OrderID: Int64] = [:]
        for book in books.values { resting.merge(book.resting) { first, _ in first } }
        for row in orders where row.status.isOpen {
            guard resting.removeValue(forKey: row.order) == row.leaves.shares else {
                return "order \(row.order) has \(row.leaves.shares) shares open, the replay has another number"
            }
        }
        return resting.first.map { "order \($0.key) rests in the replay only" }
    }
}
