import Market
import Matching
import Testing

private func limit(_ id: UInt64, _ side: Side, _ quantity: Int64, at ticks: Int64) -> IncomingOrder {
    IncomingOrder(
        id: id, handle: UInt32(id) + 500, owner: AccountID(77), side: side, price: Price(milli: ticks * 10),
        quantity: Quantity(quantity))
}

private func market(_ id: UInt64, _ side: Side, _ quantity: Int64, _ inForce: TimeInForce = .day) -> IncomingOrder {
    IncomingOrder(id: id, side: side, type: .market, timeInForce: inForce, quantity: Quantity(quantity))
}

private func bandedBook(capacity: Int = 1_000) -> OrderBook {
    OrderBook(
        arena: OrderArena(capacity: capacity), tick: Price(milli: 10), lowest: Price(milli: 9_000),
        highest: Price(milli: 11_000))
}

@Suite("The order book's operations")
struct OrderBookTests {
    var fills: [Fill] = []

    @Test("A market order takes the five best levels and its rest is cancelled")
    mutating func marketOrder() {
        let book = bandedBook()
        for ticks in Int64(1_001)...1_006 { _ = book.add(limit(UInt64(ticks), .sell, 100, at: ticks), fills: &fills) }
        let placement = book.add(market(1, .buy, 550), fills: &fills)
        #expect(placement.outcome == .cancelled)
        #expect(placement.filled.shares == 500)
        #expect(placement.cancelled.shares == 50)
        #expect(fills.map(\.price.milli) == [10_010, 10_020, 10_030, 10_040, 10_050])
        #expect(book.bestAsk?.milli == 10_060)
        #expect(book.add(market(2, .buy, 100), fills: &fills).outcome == .filled)
        let unfilled = book.add(market(3, .buy, 100), fills: &fills)
        #expect(unfilled.outcome == .cancelled && unfilled.cancelled.shares == 100)
    }

    @Test("A fill-or-kill market order counts five levels only")
    mutating func marketFillOrKill() {
        let book = bandedBook()
        for ticks in Int64(1_001)...1_006 { _ = book.add(limit(UInt64(ticks), .sell, 100, at: ticks), fills: &fills) }
        #expect(book.add(market(1, .buy, 501, .fillOrKill), fills: &fills).outcome == .killed)
        #expect(fills.isEmpty)
        #expect(book.add(market(2, .buy, 500, .fillOrKill), fills: &fills).outcome == .filled)
        #expect(fills.count == 5)
    }

    @Test("A fill names both orders, both handles and what each has left")
    mutating func fillFields() {
        let book = bandedBook()
        _ = book.add(limit(1, .sell, 300, at: 1_000), fills: &fills)
        _ = book.add(limit(2, .buy, 100, at: 1_005), fills: &fills)
        #expect(
            fills == [
                Fill(
                    maker: 1, makerHandle: 501, makerRemaining: Quantity(200), taker: 2, takerHandle: 502,
                    takerRemaining: .zero, takerSide: .buy, price: Price(milli: 10_000), quantity: Quantity(100),
                    isAuction: false)
            ])
        #expect(fills[0].buyer == 2 && fills[0].seller == 1)
    }

    @Test("Fills are appended to those already in the buffer")
    mutating func fillsAppend() {
        let book = bandedBook()
        for id in UInt64(1)...2 {
            _ = book.add(limit(id, .sell, 100, at: 1_000), fills: &fills)
            _ = book.add(limit(id + 10, .buy, 100, at: 1_000), fills: &fills)
        }
        #expect(fills.map(\.maker) == [1, 2])
    }

    @Test("A reduction keeps the place in the queue; zero, growth and strangers are refused")
    mutating func reduce() {
        let book = bandedBook()
        let first = book.add(limit(1, .buy, 300, at: 1_000), fills: &fills).reference
        _ = book.add(limit(2, .buy, 300, at: 1_000), fills: &fills)
        #expect(
            book.reduce(first, order: 1, to: Quantity(100)) == .done(removed: Quantity(200), open: Quantity(100)))
        #expect(book.reduce(first, order: 1, to: Quantity(101)) == .refused(.quantity))
        #expect(book.reduce(first, order: 1, to: .zero) == .refused(.quantity))
        #expect(book.reduce(first, order: 2, to: Quantity(1)) == .refused(.unknownOrder))
        #expect(book.quantity(.buy, at: Price(milli: 10_000)).shares == 400)
        _ = book.add(limit(3, .sell, 150, at: 1_000), fills: &fills)
        #expect(fills.map(\.maker) == [1, 2])
    }

    @Test("A replacement at the same price with less keeps its place under its new id and handle")
    mutating func replaceInPlace() {
        let book = bandedBook()
        let first = book.add(limit(1, .buy, 300, at: 1_000), fills: &fills).reference
        _ = book.add(limit(2, .buy, 300, at: 1_000), fills: &fills)
        let placement = book.replace(first, order: 1, with: limit(9, .buy, 200, at: 1_000), fills: &fills)
        #expect(placement.outcome == .rested && placement.reference == first && placement.resting.shares == 200)
        #expect(book.cancel(first, order: 1) == .refused(.unknownOrder))
        _ = book.add(limit(3, .sell, 100, at: 1_000), fills: &fills)
        #expect(fills.map(\.maker) == [9] && fills.map(\.makerHandle) == [509])
    }

    @Test("A replacement with more, or at another price, goes to the back", arguments: [(400, 1_000), (300, 999)])
    mutating func replaceLosesPlace(quantity: Int64, ticks: Int64) {
        let book = bandedBook()
        let first = book.add(limit(1, .buy, 300, at: 1_000), fills: &fills).reference
        _ = book.add(limit(2, .buy, 300, at: 1_000), fills: &fills)
        _ = book.add(limit(3, .buy, 300, at: 999), fills: &fills)
        _ = book.replace(first, order: 1, with: limit(1, .buy, quantity, at: ticks), fills: &fills)
        _ = book.add(limit(4, .sell, 1_000, at: 999), fills: &fills)
        #expect(fills.map(\.maker) == (ticks == 1_000 ? [2, 1, 3] : [2, 3, 1]))
    }

    @Test("A refused replacement leaves the old order as it was")
    mutating func replaceRefused() {
        let book = bandedBook()
        let first = book.add(limit(1, .buy, 300, at: 1_000), fills: &fills).reference
        let hash = book.stateHash
        let bad: [(IncomingOrder, Refusal)] = [
            (limit(1, .buy, 300, at: 1_101), .outsideBand), (limit(1, .buy, 0, at: 1_000), .quantity),
            (limit(1, .sell, 300, at: 1_000), .side),
        ]
        for (order, refusal) in bad {
            #expect(book.replace(first, order: 1, with: order, fills: &fills).outcome == .refused(refusal))
            #expect(book.collectReplacement(first, order: 1, with: order).outcome == .refused(refusal))
        }
        #expect(book.replace(first, order: 7, with: bad[0].0, fills: &fills).outcome == .refused(.unknownOrder))
        #expect(
            book.collectReplacement(first, order: 1, with: market(1, .buy, 100)).outcome == .refused(.notInCall))
        #expect(book.stateHash == hash)
    }

    @Test("References that are stale, foreign or invented are refused")
    mutating func badReferences() {
        let arena = OrderArena(capacity: 100)
        let book = OrderBook(arena: arena, tick: Price(milli: 10))
        let other = OrderBook(arena: arena, tick: Price(milli: 10))
        let reference = book.add(limit(1, .buy, 100, at: 1_000), fills: &fills).reference
        #expect(other.cancel(reference, order: 1) == .refused(.unknownOrder))
        for invented in [Int32.min, -1, 1, 99, 100, .max] {
            let stranger = OrderReference(rawValue: invented)
            #expect(book.cancel(stranger, order: 1) == .refused(.unknownOrder))
        }
        #expect(book.cancel(reference, order: 1) == .done(removed: Quantity(100), open: .zero))
        #expect(book.cancel(reference, order: 1) == .refused(.unknownOrder))
        let reused = book.add(limit(2, .buy, 100, at: 1_000), fills: &fills).reference
        #expect(reused == reference)
        #expect(book.cancel(reference, order: 1) == .refused(.unknownOrder))
        #expect(book.restingOrder(reused, order: 2)?.quantity.shares == 100)
        #expect(book.restingOrder(reused, order: 1) == nil)
    }

    @Test("A sweep estimate equals what the order then does, and says when the cap ended it")
    mutating func sweepEstimate() {
        let book = bandedBook()
        for ticks in Int64(1_001)...1_010 { _ = book.add(limit(UInt64(ticks), .sell, 100, at: ticks), fills: &fills) }
        let estimate = book.sweep(side: .buy, price: Price(milli: 10_030), quantity: Quantity(250), levelsMax: 10)
        // 100 x 10.01 + 100 x 10.02 + 50 x 10.03 = 2,504.5 yuan.
        #expect(estimate.levels == 3 && estimate.quantity.shares == 250 && estimate.value.milli == 2_504_500)
        #expect(estimate.worstPrice.milli == 10_030 && !estimate.isCapped)
        let limited = book.sweep(side: .buy, price: Price(milli: 10_025), quantity: Quantity(250), levelsMax: 10)
        #expect(limited.levels == 2 && limited.quantity.shares == 200 && !limited.isCapped)
        let capped = book.sweep(side: .buy, price: nil, quantity: Quantity(2_000), levelsMax: 5)
        #expect(capped.levels == 5 && capped.quantity.shares == 500 && capped.isCapped)
        let all = book.sweep(side: .buy, price: nil, quantity: Quantity(2_000), levelsMax: 10)
        #expect(all.levels == 10 && all.quantity.shares == 1_000 && !all.isCapped)
        let none = book.sweep(side: .sell, price: nil, quantity: Quantity(100), levelsMax: 5)
        #expect(none.levels == 0 && none.worstPrice == .zero)
        let absurd = book.sweep(side: .buy, price: Price(milli: .max), quantity: Quantity(.max), levelsMax: .max)
        #expect(absurd.quantity.shares == 1_000)
        #expect(book.topQuantity(.sell) == Quantity(500) && book.topQuantity(.sell, levels: 2) == Quantity(200))
        #expect(book.topQuantity(.buy) == .zero)
        let before = fills.count
        _ = book.add(limit(1, .buy, 250, at: 1_003), fills: &fills)
        let value = fills[before...].reduce(0) { $0 + $1.price.milli * $1.quantity.shares }
        #expect(value == estimate.value.milli)
    }

    @Test("Depth stops at the asked number of levels and quantities are read at any price")
    mutating func depth() {
        let book = bandedBook()
        for ticks in [995, 999, 997] as [Int64] {
            _ = book.add(limit(UInt64(ticks), .buy, ticks, at: ticks), fills: &fills)
        }
        #expect(book.depth(.buy, levels: 2).map(\.price.milli) == [9_990, 9_970])
        #expect(book.depth(.buy, levels: 0).isEmpty && book.depth(.sell).isEmpty)
        #expect(book.quantity(.buy, at: Price(milli: 9_970)).shares == 997)
        for milli in [0, -10, 9_971, 9_980, 8_990, 11_010, .max] as [Int64] {
            #expect(book.quantity(.buy, at: Price(milli: milli)) == .zero)
            #expect(book.quantity(.sell, at: Price(milli: milli)) == .zero)
        }
    }

    @Test("Restored orders keep the order of the calls and may be expired one by one")
    mutating func restoreAndExpire() {
        let book = bandedBook()
        for id in UInt64(1)...3 { #expect(book.restore(limit(id, .buy, 100, at: 1_000)).outcome == .rested) }
        #expect(book.checkInvariants() == nil)
        var ids: [UInt64] = []
        book.forEachOrder(.buy) { ids.append($0.id) }
        #expect(ids == [1, 2, 3])
        var expired: [RestingOrder] = []
        book.removeAll { expired.append($0) }
        #expect(expired.map(\.id) == [1, 2, 3] && expired.allSatisfy { $0.owner == AccountID(77) })
        #expect(expired.map(\.handle) == [501, 502, 503])
        #expect(book.count == 0 && book.arenaCount == 0)
    }

    @Test("The state hash sees priority, and equal books have equal hashes")
    mutating func stateHash() {
        let books = [bandedBook(), bandedBook(), bandedBook()]
        for (book, ids) in zip(books, [[1, 2], [1, 2], [2, 1]] as [[UInt64]]) {
            for id in ids { _ = book.restore(limit(id, .buy, 100, at: 1_000)) }
        }
        #expect(books[0].stateHash == books[1].stateHash)
        #expect(books[0].stateHash != books[2].stateHash)
        _ = books[1].add(limit(3, .sell, 1, at: 1_000), fills: &fills)
        #expect(books[0].stateHash != books[1].stateHash)
    }

    @Test(
        "Each broken invariant is found",
        arguments: [
            BookFault.bitmap(.buy), .best(.sell), .count(.buy), .quantity(.sell, Price(milli: 10_010)),
            .queue(.buy, Price(milli: 10_000)),
        ])
    mutating func invariants(fault: BookFault) {
        let book = bandedBook()
        _ = book.add(limit(1, .buy, 100, at: 1_000), fills: &fills)
        _ = book.add(limit(2, .sell, 100, at: 1_001), fills: &fills)
        #expect(book.checkInvariants() == nil)
        book.damage(fault)
        #expect(book.checkInvariants() == fault)
        // The damage is undone, or the book could not be taken down.
        book.repair(fault)
        #expect(book.checkInvariants() == nil)
    }
}
