import Market
import Matching
import Testing

/// A golden auction; prices in ticks, orders in time order.
struct GoldenAuction: Sendable, CustomStringConvertible {
    let id: String
    let buys: [(Int64, Int64)]
    let sells: [(Int64, Int64)]
    let reference: Int64
    let volume: Int64
    /// Price in ticks under each rule, nil for no price.
    let shanghai: Int64?
    let shenzhen: Int64?

    var description: String { id }

    static let all = [
        GoldenAuction(
            id: "A", buys: [(100, 999)], sells: [(100, 1001)], reference: 1000, volume: 0, shanghai: nil,
            shenzhen: nil),
        GoldenAuction(
            id: "B", buys: [(300, 1002), (200, 1001), (400, 1000)], sells: [(200, 999), (300, 1000), (300, 1001)],
            reference: 1000, volume: 500, shanghai: 1001, shenzhen: 1001),
        GoldenAuction(
            id: "C", buys: [(200, 1002)], sells: [(100, 1000)], reference: 1000, volume: 100, shanghai: 1002,
            shenzhen: 1002),
        GoldenAuction(
            id: "D", buys: [(100, 1002)], sells: [(200, 1000)], reference: 1000, volume: 100, shanghai: 1000,
            shenzhen: 1000),
        GoldenAuction(
            id: "E", buys: [(100, 1003)], sells: [(100, 1000)], reference: 1001, volume: 100, shanghai: 1002,
            shenzhen: 1000),
        GoldenAuction(
            id: "E2", buys: [(100, 1003)], sells: [(100, 1000)], reference: 1003, volume: 100, shanghai: 1002,
            shenzhen: 1003),
        GoldenAuction(
            id: "F", buys: [(500, 1003), (200, 1001)], sells: [(500, 1000), (400, 1003)], reference: 1000,
            volume: 500, shanghai: 1001, shenzhen: 1001),
        GoldenAuction(
            id: "G", buys: [(500, 1003), (200, 1001)], sells: [(500, 1000)], reference: 1000, volume: 500,
            shanghai: 1003, shenzhen: 1003),
        GoldenAuction(
            id: "H", buys: [(300, 1005), (100, 1003)], sells: [(300, 1001), (100, 1004)], reference: 1002,
            volume: 300, shanghai: 1004, shenzhen: 1003),
        GoldenAuction(
            id: "I", buys: [(100, 1005), (200, 1004), (300, 1004)], sells: [(250, 1000), (150, 1002)],
            reference: 1003, volume: 400, shanghai: 1004, shenzhen: 1004),
    ]
}

@Suite("Call auctions")
struct CallAuctionTests {
    /// Buys get ids from 1, sells from 101.
    private func collected(_ auction: GoldenAuction) -> OrderBook {
        let book = OrderBook(
            arena: OrderArena(capacity: 16), tick: Price(milli: 10), lowest: Price(milli: 9_000),
            highest: Price(milli: 11_000))
        for (index, buy) in auction.buys.enumerated() { collect(book, UInt64(1 + index), .buy, buy) }
        for (index, sell) in auction.sells.enumerated() { collect(book, UInt64(101 + index), .sell, sell) }
        return book
    }

    private func collect(_ book: OrderBook, _ id: UInt64, _ side: Side, _ terms: (Int64, Int64)) {
        let order = IncomingOrder(
            id: id, handle: UInt32(id + 1_000), side: side, price: Price(milli: terms.1 * 10),
            quantity: Quantity(terms.0))
        #expect(book.collect(order).outcome == .rested)
    }

    @Test("Each golden auction has its price and volume under both rules", arguments: GoldenAuction.all)
    func golden(auction: GoldenAuction) {
        for (policy, expected) in [
            (AuctionPolicy.shanghai, auction.shanghai), (.shenzhen, auction.shenzhen),
        ] {
            let book = collected(auction)
            var call = CallAuction(policy: policy)
            let indicated = call.indicative(book, reference: Price(milli: auction.reference * 10))
            #expect(indicated?.price.milli == expected.map { $0 * 10 })
            #expect(indicated?.quantity.shares ?? 0 == auction.volume)
            var fills: [Fill] = []
            #expect(call.uncross(book, reference: Price(milli: auction.reference * 10), fills: &fills) == indicated)
            #expect(fills.reduce(0) { $0 + $1.quantity.shares } == auction.volume)
            #expect(fills.allSatisfy { $0.isAuction && $0.price == indicated?.price })
            #expect(book.checkInvariants() == nil)
        }
    }

    // D - S at the price, from the table: C +100, D -100, F +200, G 0, I +200.
    @Test(
        "The imbalance is buys minus sells at the price",
        arguments: [("C", 100), ("D", -100), ("F", 200), ("G", 0), ("I", 200)] as [(String, Int64)])
    func imbalance(id: String, expected: Int64) throws {
        let auction = try #require(GoldenAuction.all.first { $0.id == id })
        var call = CallAuction()
        #expect(call.indicative(collected(auction), reference: .zero)?.imbalance == expected)
    }

    @Test("With every tick a candidate, Shenzhen's price may be one that nobody declared")
    func everyTick() throws {
        let auction = try #require(GoldenAuction.all.first { $0.id == "E" })
        var policy = AuctionPolicy.shenzhen
        policy.candidates = .everyTick
        var call = CallAuction(policy: policy)
        #expect(call.indicative(collected(auction), reference: Price(milli: 10_010))?.price.milli == 10_010)
    }

    // E: declared 1000 and 1003, the middle is 1001.5. The reference 1001.5 is as far from both.
    @Test("The roundings of both rules are parameters")
    func roundings() throws {
        let auction = try #require(GoldenAuction.all.first { $0.id == "E" })
        let cases: [(AuctionPolicy.TieBreak, Int64)] = [
            (.middle(halfTick: .up), 10_020), (.middle(halfTick: .down), 10_010),
            (.closestToReference(equallyNear: .up), 10_030), (.closestToReference(equallyNear: .down), 10_000),
        ]
        for (tieBreak, price) in cases {
            var call = CallAuction(policy: AuctionPolicy(tieBreaks: [tieBreak]))
            let found = call.indicative(collected(auction), reference: Price(milli: 10_015))
            #expect(found?.price.milli == price)
        }
        var open = CallAuction(policy: AuctionPolicy(tieBreaks: []))
        #expect(open.indicative(collected(auction), reference: .zero)?.price.milli == 10_000)
    }

    @Test("Vector I fills head against head and leaves 200 open")
    func pairing() throws {
        let auction = try #require(GoldenAuction.all.first { $0.id == "I" })
        let book = collected(auction)
        var call = CallAuction()
        var fills: [Fill] = []
        _ = call.uncross(book, reference: .zero, fills: &fills)
        let trades = fills.map { [$0.buyer, $0.seller, UInt64($0.quantity.shares)] }
        #expect(trades == [[1, 101, 100], [2, 101, 150], [2, 102, 50], [3, 102, 100]])
        #expect(fills.map(\.makerRemaining.shares) == [0, 50, 0, 200])
        #expect(fills.map(\.takerRemaining.shares) == [150, 0, 100, 0])
        #expect(fills.map(\.makerHandle) == [1_001, 1_002, 1_002, 1_003])
        #expect(fills.map(\.takerHandle) == [1_101, 1_101, 1_102, 1_102])
        #expect(book.depth(.buy) == [DepthLevel(price: Price(milli: 10_040), quantity: Quantity(200))])
        #expect(book.depth(.sell).isEmpty)
    }

    @Test("What an opening call leaves keeps its place ahead of later orders")
    func remainderKeepsPlace() throws {
        let auction = try #require(GoldenAuction.all.first { $0.id == "I" })
        let book = collected(auction)
        var call = CallAuction()
        var fills: [Fill] = []
        _ = call.uncross(book, reference: .zero, fills: &fills)
        fills.removeAll()
        let price = Price(milli: 10_040)
        _ = book.add(IncomingOrder(id: 50, side: .buy, price: price, quantity: Quantity(100)), fills: &fills)
        _ = book.add(IncomingOrder(id: 150, side: .sell, price: price, quantity: Quantity(250)), fills: &fills)
        #expect(fills.map(\.maker) == [3, 50])
        #expect(fills.map(\.quantity.shares) == [200, 50])
    }

    @Test("A call takes day limit orders only")
    func refusesImmediate() {
        let book = OrderBook(arena: OrderArena(capacity: 4), tick: Price(milli: 10))
        var order = IncomingOrder(id: 1, side: .buy, price: Price(milli: 10_000), quantity: Quantity(100))
        order.timeInForce = .immediateOrCancel
        #expect(book.collect(order).outcome == .refused(.notInCall))
        order.timeInForce = .fillOrKill
        #expect(book.collect(order).outcome == .refused(.notInCall))
        order.timeInForce = .day
        order.type = .market
        #expect(book.collect(order).outcome == .refused(.notInCall))
        #expect(book.count == 0)
    }

    @Test("A book left crossed by a call takes no continuous order before the uncross")
    func crossedRefuses() {
        let auction = GoldenAuction.all[1]
        let book = collected(auction)
        var fills: [Fill] = []
        let order = IncomingOrder(id: 900, side: .buy, price: Price(milli: 10_000), quantity: Quantity(100))
        #expect(book.isCrossed)
        #expect(book.add(order, fills: &fills).outcome == .refused(.crossed))
        #expect(book.checkInvariants() == .crossed)
        #expect(book.checkInvariants(inCall: true) == nil)
        var call = CallAuction()
        _ = call.uncross(book, reference: .zero, fills: &fills)
        #expect(book.add(order, fills: &fills).outcome == .rested)
    }

    @Test("An empty book and a one-sided book have no auction price")
    func oneSided() {
        let book = OrderBook(arena: OrderArena(capacity: 4), tick: Price(milli: 10))
        var call = CallAuction()
        var fills: [Fill] = []
        #expect(call.uncross(book, reference: .zero, fills: &fills) == nil)
        collect(book, 1, .buy, (100, 1_000))
        #expect(call.uncross(book, reference: .zero, fills: &fills) == nil)
        #expect(fills.isEmpty)
    }
}
