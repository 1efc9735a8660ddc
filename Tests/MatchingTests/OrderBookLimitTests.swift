import Market
import Matching
import TestData
import Testing

private func limit(_ id: UInt64, _ side: Side, _ quantity: Int64, milli: Int64) -> IncomingOrder {
    IncomingOrder(id: id, side: side, price: Price(milli: milli), quantity: Quantity(quantity))
}

@Suite("The order book's limits")
struct OrderBookLimitTests {
    var fills: [Fill] = []

    @Test("An arena takes its capacity and refuses one more, until an order leaves")
    mutating func arena() {
        let arena = OrderArena(capacity: 3)
        let books = (0..<2).map { _ in OrderBook(arena: arena, tick: Price(milli: 10)) }
        var references: [OrderReference] = []
        for id in UInt64(1)...3 {
            references.append(books[Int(id % 2)].add(limit(id, .buy, 100, milli: 10_000), fills: &fills).reference)
        }
        #expect(arena.count == 3 && !arena.hasRoom)
        let fourth = limit(4, .buy, 100, milli: 10_000)
        #expect(books[0].add(fourth, fills: &fills).outcome == .refused(.arenaFull))
        #expect(books[0].collect(fourth).outcome == .refused(.arenaFull))
        var immediate = limit(5, .sell, 50, milli: 10_000)
        immediate.timeInForce = .immediateOrCancel
        #expect(books[0].add(immediate, fills: &fills).outcome == .filled)
        // A replacement needs no room: its own node is freed first.
        let moved = books[1].replace(references[0], order: 1, with: limit(1, .buy, 1, milli: 9_990), fills: &fills)
        #expect(moved.outcome == .rested)
        #expect(books[1].cancel(moved.reference, order: 1) == .done(removed: Quantity(1), open: .zero))
        #expect(books[0].add(fourth, fills: &fills).outcome == .rested)
    }

    @Test("A book gives its orders back to the arena when it goes")
    mutating func deinitialisation() {
        let arena = OrderArena(capacity: 10)
        do {
            let book = OrderBook(arena: arena, tick: Price(milli: 10))
            _ = book.add(limit(1, .buy, 100, milli: 10_000), fills: &fills)
            #expect(arena.count == 1)
        }
        #expect(arena.count == 0)
    }

    @Test("Quantities of 1 and 2,147,483,647 trade, 0 and one more are refused")
    mutating func quantities() {
        let book = OrderBook(arena: OrderArena(capacity: 10), tick: Price(milli: 10))
        let most = OrderBook.quantityMax.shares
        #expect(most == 2_147_483_647)
        for bad in [0, -1, most + 1, .max, .min] {
            #expect(book.add(limit(1, .buy, bad, milli: 10_000), fills: &fills).outcome == .refused(.quantity))
        }
        for id in UInt64(1)...3 {
            #expect(book.add(limit(id, .buy, most, milli: 10_000), fills: &fills).outcome == .rested)
        }
        #expect(book.quantity(.buy, at: Price(milli: 10_000)).shares == 3 * most)
        #expect(book.add(limit(9, .sell, most, milli: 10_000), fills: &fills).outcome == .filled)
        #expect(book.add(limit(10, .sell, 1, milli: 10_000), fills: &fills).outcome == .filled)
        #expect(book.quantity(.buy, at: Price(milli: 10_000)).shares == 2 * most - 1)
        #expect(book.checkInvariants() == nil)
    }

    @Test(
        "Prices on the tick up to the greatest are taken, others refused", arguments: [1, 3, 5, 7, 10, 250] as [Int64])
    mutating func prices(tick: Int64) {
        let book = OrderBook(arena: OrderArena(capacity: 10), tick: Price(milli: tick))
        let top = OrderBook.priceMax.milli / tick * tick
        for bad in [0, -tick, top + tick, .max, .min, .max / tick * tick] {
            #expect(book.add(limit(1, .buy, 1, milli: bad), fills: &fills).outcome == .refused(.price))
        }
        var random = SplitMix64(seed: UInt64(tick))
        for _ in 0..<10_000 {
            let milli = Int64(1 + random.below(4_294_967_295))
            var order = limit(1, .buy, 1, milli: milli)
            order.timeInForce = .immediateOrCancel
            let expected: Placement.Outcome = milli % tick == 0 ? .cancelled : .refused(.price)
            #expect(book.add(order, fills: &fills).outcome == expected)
        }
        #expect(book.add(limit(2, .sell, 1, milli: top), fills: &fills).outcome == .rested)
        #expect(book.bestAsk?.milli == top)
    }

    @Test("The band's edges are inside, one tick beyond is outside, in both phases and for every type")
    mutating func band() {
        let book = OrderBook(
            arena: OrderArena(capacity: 10), tick: Price(milli: 10), lowest: Price(milli: 9_000),
            highest: Price(milli: 11_000))
        for (id, milli) in [(1, 8_990), (2, 11_010)] as [(UInt64, Int64)] {
            for inForce in TimeInForce.allCases {
                var order = limit(id, .buy, 100, milli: milli)
                order.timeInForce = inForce
                #expect(book.add(order, fills: &fills).outcome == .refused(.outsideBand))
            }
            #expect(book.collect(limit(id, .sell, 100, milli: milli)).outcome == .refused(.outsideBand))
        }
        #expect(book.add(limit(3, .buy, 100, milli: 9_000), fills: &fills).outcome == .rested)
        #expect(book.add(limit(4, .sell, 100, milli: 11_000), fills: &fills).outcome == .rested)
        #expect(book.add(limit(5, .sell, 100, milli: 9_000), fills: &fills).outcome == .filled)
        #expect(book.add(limit(6, .buy, 100, milli: 11_000), fills: &fills).outcome == .filled)
    }

    // 262,144 levels: from tick 1,000 up to tick 263,143, and no further.
    @Test("Without a band a book spans 262,144 ticks and refuses one more", arguments: Side.allCases)
    mutating func levelSpan(side: Side) {
        let book = OrderBook(arena: OrderArena(capacity: 10), tick: Price(milli: 10))
        let low = book.add(limit(1, side, 100, milli: 10_000), fills: &fills)
        #expect(book.add(limit(2, side, 100, milli: 2_631_440), fills: &fills).outcome == .refused(.levelSpan))
        #expect(book.collect(limit(2, side, 100, milli: 2_631_440)).outcome == .refused(.levelSpan))
        let high = book.add(limit(2, side, 100, milli: 2_631_430), fills: &fills)
        #expect(high.outcome == .rested && book.checkInvariants() == nil)
        #expect(book.add(limit(3, side, 100, milli: 9_990), fills: &fills).outcome == .refused(.levelSpan))
        #expect(book.depth(side).count == 2)
        #expect(book.cancel(low.reference, order: 1) == .done(removed: Quantity(100), open: .zero))
        #expect(book.add(limit(4, side, 100, milli: 2_631_440), fills: &fills).outcome == .rested)
        #expect(book.cancel(high.reference, order: 2) == .done(removed: Quantity(100), open: .zero))
        #expect(book.checkInvariants() == nil)
    }

    @Test("A band wider than 262,144 ticks is kept by a moving frame")
    mutating func wideBand() {
        let book = OrderBook(
            arena: OrderArena(capacity: 10), tick: Price(milli: 10), lowest: Price(milli: 1_000_000),
            highest: Price(milli: 4_000_000))
        #expect(book.add(limit(1, .sell, 1, milli: 4_000_010), fills: &fills).outcome == .refused(.outsideBand))
        #expect(book.add(limit(1, .sell, 1, milli: 4_000_000), fills: &fills).outcome == .rested)
        #expect(book.add(limit(2, .buy, 1, milli: 999_990), fills: &fills).outcome == .refused(.outsideBand))
        #expect(book.add(limit(2, .buy, 1, milli: 1_000_000), fills: &fills).outcome == .refused(.levelSpan))
        #expect(book.add(limit(3, .buy, 1, milli: 1_378_570), fills: &fills).outcome == .rested)
        #expect(book.checkInvariants() == nil)
    }

    @Test("8,191 books share an arena")
    mutating func books() {
        let arena = OrderArena(capacity: 10_000)
        var books = (0..<OrderArena.booksMax).map { _ in OrderBook(arena: arena, tick: Price(milli: 10)) }
        for (index, book) in books.enumerated() {
            #expect(book.collect(limit(UInt64(index), .buy, 1, milli: 10_000)).outcome == .rested)
        }
        #expect(arena.count == 8_191)
        books.removeLast()
        books.append(OrderBook(arena: arena, tick: Price(milli: 10)))
        #expect(arena.count == 8_190)
    }

    @Test("One book more is a programmer's mistake")
    func tooManyBooks() async {
        await #expect(processExitsWith: .failure) {
            let arena = OrderArena(capacity: 1)
            let books = (0...OrderArena.booksMax).map { _ in OrderBook(arena: arena, tick: Price(milli: 10)) }
            precondition(books.count > 0)
        }
    }

    // At 16 bytes a level, 2,000 books of 2,000 ticks would take 128 MB if their arrays were made at once.
    @Test("2,000 empty books with wide bands are cheap")
    func emptyBooks() {
        let arena = OrderArena()
        let books = (0..<2_000).map { _ in
            OrderBook(
                arena: arena, tick: Price(milli: 10), lowest: Price(milli: 10_000), highest: Price(milli: 2_000_000))
        }
        #expect(books.allSatisfy { $0.levelStorageBytes == 0 })
        _ = books[0].restore(limit(1, .buy, 100, milli: 20_000))
        #expect(books[0].levelStorageBytes == 199_001 * 16)
    }
}
