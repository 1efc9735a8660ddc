import Market
import Matching
import Testing

/// A difference between the book and the naive matcher.
struct Difference: Error, CustomStringConvertible {
    let description: String
}

/// The book and the naive matcher side by side: every operation goes to both and every observable is compared.
struct BookPair {
    let book: OrderBook
    var naive: NaiveBook
    private(set) var references: [UInt64: OrderReference] = [:]
    private var fastFills: [Fill] = []
    private var naiveFills: [Fill] = []
    private var fastDepth: [DepthLevel] = []
    private var naiveDepth: [DepthLevel] = []
    private(set) var fillCount = 0
    var inCall = false

    /// `arena` serves this pair alone.
    init(arena: OrderArena, band: ClosedRange<Int64>?, marketLevelsMax: Int = 5) {
        book = OrderBook(
            arena: arena, tick: Price(milli: 10), lowest: Price(milli: band?.lowerBound ?? 0),
            highest: Price(milli: band?.upperBound ?? 0), marketLevelsMax: marketLevelsMax)
        naive = NaiveBook(tick: 10, band: band, marketLevelsMax: marketLevelsMax, capacity: arena.capacity)
    }

    mutating func enter(_ order: IncomingOrder) throws {
        start()
        let fast = inCall ? book.collect(order) : book.add(order, fills: &fastFills)
        let slow = inCall ? naive.collect(order) : naive.add(order, fills: &naiveFills)
        try compare(fast, slow, id: order.id)
    }

    mutating func cancel(_ id: UInt64) throws {
        start()
        let slow = naive.cancel(id)
        let expected: Amendment =
            slow.map { .done(removed: Quantity($0), open: .zero) } ?? .refused(.unknownOrder)
        try compare(book.cancel(reference(id), order: id), expected)
    }

    mutating func reduce(_ id: UInt64, to quantity: Int64) throws {
        start()
        let slow = naive.reduce(id, to: quantity)
        try compare(book.reduce(reference(id), order: id, to: Quantity(quantity)), slow)
    }

    mutating func replace(_ id: UInt64, by order: IncomingOrder) throws {
        start()
        let slow = naive.replace(id, order, inCall: inCall, fills: &naiveFills)
        let fast =
            inCall
            ? book.collectReplacement(reference(id), order: id, with: order)
            : book.replace(reference(id), order: id, with: order, fills: &fastFills)
        try compare(fast, slow, id: order.id)
    }

    mutating func uncross(_ policy: AuctionPolicy, reference: Int64) throws {
        start()
        var auction = CallAuction(policy: policy)
        let indicated = auction.indicative(book, reference: Price(milli: reference))
        let fast = auction.uncross(book, reference: Price(milli: reference), fills: &fastFills)
        let slow = naive.uncross(policy, reference: reference, fills: &naiveFills)
        guard fast == slow, indicated == slow else {
            throw Difference(
                description: "auction: indicated \(indicated as Any) traded \(fast as Any), naive \(slow as Any)")
        }
        guard !book.isCrossed else { throw Difference(description: "crossed after the uncross") }
        try compareState()
    }

    /// Moves every open order to a fresh book by `restore` and goes on with that.
    mutating func restart(arena: OrderArena) throws -> BookPair {
        var next = BookPair(arena: arena, band: naive.band, marketLevelsMax: naive.marketLevelsMax)
        next.naive = naive
        next.fillCount = fillCount
        next.inCall = inCall
        var faults: [Placement.Outcome] = []
        for side in Side.allCases {
            book.forEachOrder(side) { order in
                let placement = next.book.restore(
                    IncomingOrder(
                        id: order.id, handle: order.handle, owner: order.owner, side: order.side, price: order.price,
                        quantity: order.quantity))
                next.references[order.id] = placement.reference
                if placement.outcome != .rested { faults.append(placement.outcome) }
            }
        }
        guard faults.isEmpty, next.book.stateHash == book.stateHash else {
            throw Difference(description: "restore: \(faults), hashes \(next.book.stateHash) \(book.stateHash)")
        }
        try next.compareState()
        return next
    }

    func checkInvariants() throws {
        if let fault = book.checkInvariants(inCall: inCall) { throw Difference(description: "\(fault)") }
        guard book.count == naive.bids.count + naive.asks.count else { throw Difference(description: "count") }
        for side in Side.allCases {
            var orders: [NaiveBook.Order] = []
            book.forEachOrder(side) {
                orders.append(
                    NaiveBook.Order(
                        id: $0.id, handle: $0.handle, side: $0.side, price: $0.price.milli,
                        quantity: $0.quantity.shares))
            }
            guard orders == naive.orders(side) else { throw Difference(description: "orders of \(side)") }
        }
    }

    private func reference(_ id: UInt64) -> OrderReference { references[id] ?? .none }

    private mutating func start() {
        fastFills.removeAll(keepingCapacity: true)
        naiveFills.removeAll(keepingCapacity: true)
    }

    private mutating func compare(_ fast: Placement, _ slow: NaiveBook.Answer, id: UInt64) throws {
        let answer = NaiveBook.Answer(
            outcome: fast.outcome, filled: fast.filled.shares, resting: fast.resting.shares,
            cancelled: fast.cancelled.shares)
        guard answer == slow else { throw Difference(description: "\(answer), naive \(slow)") }
        guard (fast.reference != .none) == (fast.outcome == .rested) else {
            throw Difference(description: "reference \(fast.reference) of \(fast.outcome)")
        }
        if fast.reference != .none { references[id] = fast.reference }
        try compareState()
    }

    private mutating func compare(_ fast: Amendment, _ slow: Amendment) throws {
        guard fast == slow else { throw Difference(description: "\(fast), naive \(slow)") }
        try compareState()
    }

    private mutating func compareState() throws {
        fillCount += fastFills.count
        guard fastFills == naiveFills else {
            throw Difference(description: "fills \(fastFills), naive \(naiveFills)")
        }
        guard book.bestBid?.milli == naive.bids.first?.price, book.bestAsk?.milli == naive.asks.first?.price,
            book.isCrossed == naive.isCrossed
        else { throw Difference(description: "best \(book.bestBid as Any) \(book.bestAsk as Any)") }
        for side in Side.allCases {
            fastDepth.removeAll(keepingCapacity: true)
            naiveDepth.removeAll(keepingCapacity: true)
            book.depth(side, levels: .max, into: &fastDepth)
            naive.depth(side, into: &naiveDepth)
            guard fastDepth == naiveDepth else {
                throw Difference(description: "depth of \(side): \(fastDepth), naive \(naiveDepth)")
            }
        }
    }
}
