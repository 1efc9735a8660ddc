import Foundation
import Market
import Matching

/// One entry or cancel of a recorded or generated day.
struct DayEvent {
    var milliseconds: Int
    var isCancel: Bool
    var order: UInt64
    var side: Side
    var price: Int64
    /// Entered quantity; for a cancel the quantity that must still be open.
    var quantity: Int64
}

/// One trade as the exchange prints it.
struct DayTrade: Hashable {
    var buyer: UInt64
    var seller: UInt64
    var price: Int64
    var quantity: Int64
}

/// What a matcher made of a day.
struct DayResult: Equatable {
    var opening: [DayTrade] = []
    var continuous: [DayTrade] = []
    var closing: [DayTrade] = []
    var openingPrice: AuctionPrice?
    var closingPrice: AuctionPrice?
    /// Cancels whose order was not open with the stated quantity, and entries that were refused.
    var differences = 0
}

/// A matcher that a day can run through.
protocol DayMatcher {
    mutating func enterCall(_ order: IncomingOrder) -> Bool
    mutating func enter(_ order: IncomingOrder, fills: inout [Fill]) -> Bool
    /// The quantity taken out, nil where the order does not rest.
    mutating func cancel(_ id: UInt64) -> Int64?
    mutating func uncross(fills: inout [Fill]) -> AuctionPrice?
}

/// The book as its owner uses it: references kept by order number.
struct BookDay: DayMatcher {
    let book: OrderBook
    private var references: [UInt64: OrderReference] = [:]
    private var call = CallAuction(policy: .shanghai)

    init(band: ClosedRange<Int64>) {
        book = OrderBook(
            arena: OrderArena(capacity: 100_000), tick: Price(milli: 10), lowest: Price(milli: band.lowerBound),
            highest: Price(milli: band.upperBound))
    }

    mutating func enterCall(_ order: IncomingOrder) -> Bool { note(order, book.collect(order)) }

    mutating func enter(_ order: IncomingOrder, fills: inout [Fill]) -> Bool {
        note(order, book.add(order, fills: &fills))
    }

    private mutating func note(_ order: IncomingOrder, _ placement: Placement) -> Bool {
        references[order.id] = placement.reference
        return placement.outcome == .rested || placement.outcome == .filled
    }

    mutating func cancel(_ id: UInt64) -> Int64? {
        guard case .done(let removed, _) = book.cancel(references[id] ?? .none, order: id) else { return nil }
        return removed.shares
    }

    mutating func uncross(fills: inout [Fill]) -> AuctionPrice? { call.uncross(book, reference: .zero, fills: &fills) }
}

extension NaiveBook: DayMatcher {
    mutating func enterCall(_ order: IncomingOrder) -> Bool { collect(order).outcome == .rested }

    mutating func enter(_ order: IncomingOrder, fills: inout [Fill]) -> Bool {
        let answer = add(order, fills: &fills)
        return answer.outcome == .rested || answer.outcome == .filled
    }

    mutating func uncross(fills: inout [Fill]) -> AuctionPrice? { uncross(.shanghai, reference: 0, fills: &fills) }
}

/// Runs a day: collect to 09:25, uncross, match to 14:57, collect, uncross.
func runDay(_ events: [DayEvent], through matcher: inout some DayMatcher) -> DayResult {
    var result = DayResult()
    var fills: [Fill] = []
    var hasOpened = false
    func trades() -> [DayTrade] {
        fills.map {
            DayTrade(buyer: $0.buyer, seller: $0.seller, price: $0.price.milli, quantity: $0.quantity.shares)
        }
    }
    for event in events {
        if !hasOpened, event.milliseconds >= 33_900_000 {
            result.openingPrice = matcher.uncross(fills: &fills)
            result.opening = trades()
            hasOpened = true
        }
        fills.removeAll(keepingCapacity: true)
        guard !event.isCancel else {
            if matcher.cancel(event.order) != event.quantity { result.differences += 1 }
            continue
        }
        let order = IncomingOrder(
            id: event.order, side: event.side, price: Price(milli: event.price), quantity: Quantity(event.quantity))
        let isContinuous = hasOpened && event.milliseconds < 53_820_000
        let isTaken = isContinuous ? matcher.enter(order, fills: &fills) : matcher.enterCall(order)
        if !isTaken { result.differences += 1 }
        result.continuous += trades()
    }
    fills.removeAll()
    result.closingPrice = matcher.uncross(fills: &fills)
    result.closing = trades()
    return result
}
