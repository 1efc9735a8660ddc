public import Market

/// The limit order book of one instrument, matched by price and then time.
///
/// Prices of a trading day lie in a band of a few thousand ticks, so a level is found by subtraction: each side is a
/// flat array with one 16-byte entry a tick (`BookSide`), a 64-way bitmap of the non-empty ones (`LevelBitmap`), and
/// FIFO queues of Int32-linked nodes in an arena that all books of a partition share (`OrderArena`). Add and cancel
/// are O(1), a fill is O(1), the next best price costs at most five words. No allocation per order: level arrays are
/// made when a side sees its first order, and of those only the touched pages cost memory.
///
/// An instrument without a band (or one wider than `levelsMax` ticks) gets a frame of levels around its open orders
/// that is rebuilt, doubled, when a price falls outside; that is O(open orders) and rare.
///
/// | operation | in a call | continuous |
/// |---|---|---|
/// | enter | `collect` (no matching, may cross) | `add` (limit, market; day, IOC, FOK) |
/// | cancel, reduce | `cancel`, `reduce` | the same |
/// | replace | `collectReplacement` | `replace` |
/// | end of the call | `CallAuction.uncross` | - |
///
/// Conventions: a trade is made at the maker's price; a market order sweeps at most `marketLevelsMax` levels and its
/// rest is cancelled; a smaller quantity at the same price keeps its place, any other replacement is a cancel and an
/// insert. Pure and deterministic; confined to one thread, the owner of its arena.
public final class OrderBook {
    /// Greatest quantity of one order, in shares.
    public static let quantityMax = Quantity(Int64(Int32.max))
    /// Greatest price.
    public static let priceMax = Price(milli: Int64(UInt32.max))
    /// Greatest distance, in ticks, between the lowest and the highest level of one book, both included.
    public static let levelsMax = LevelBitmap.slotsMax

    /// Smallest price step.
    public let tick: Price
    /// Opposite levels that a market order may sweep.
    public let marketLevelsMax: Int

    let arena: OrderArena
    let nodes: HeapBlock<OrderNode>
    let tag: UInt32
    /// Lowest and highest price that orders may have, in ticks.
    let bounds: PriceFrame
    /// The frame follows the orders instead of covering all of `bounds`.
    let isMoving: Bool
    let frames: HeapBlock<PriceFrame>
    /// Buy at 0, sell at 1.
    let sides: HeapBlock<BookSide>
    private let reciprocal: UInt64

    /// An empty book.
    ///
    /// - Parameters:
    ///   - arena: where its orders live; at most `OrderArena.booksMax` books share one.
    ///   - tick: smallest price step, positive.
    ///   - lowest, highest: the band, inclusive; `.zero` for both where no band applies.
    ///   - marketLevelsMax: opposite levels that a market order may sweep, positive.
    public init(
        arena: OrderArena, tick: Price, lowest: Price = .zero, highest: Price = .zero, marketLevelsMax: Int = 5
    ) {
        precondition(tick.milli > 0 && tick <= Self.priceMax, "the tick must be positive")
        precondition(marketLevelsMax > 0, "a market order needs at least one level")
        self.arena = arena
        self.tick = tick
        self.marketLevelsMax = marketLevelsMax
        nodes = arena.nodes
        tag = arena.issueTag()
        reciprocal = (UInt64(1) << 32 + UInt64(tick.milli) - 1) / UInt64(tick.milli)
        bounds = Self.bounds(tick: tick.milli, lowest: lowest.milli, highest: highest.milli)
        isMoving = bounds.count > Self.levelsMax
        frames = HeapBlock(repeating: isMoving ? PriceFrame(lowest: 0, count: 0) : bounds, count: 1)
        sides = HeapBlock(reserving: 2)
        sides[0] = BookSide(slots: 0)
        sides[1] = BookSide(slots: 0)
    }

    /// An empty book for a day of `instrument`.
    public convenience init(arena: OrderArena, instrument: Instrument, marketLevelsMax: Int = 5) {
        self.init(
            arena: arena, tick: instrument.tick, lowest: instrument.limitDown, highest: instrument.limitUp,
            marketLevelsMax: marketLevelsMax)
    }

    deinit {
        removeAll { _ in }
        arena.returnTag(tag)
        sides[0].deallocate()
        sides[1].deallocate()
        sides.deallocate()
        frames.deallocate()
    }

    /// The ticks within the band; a price of zero or less is never one of them.
    private static func bounds(tick: Int64, lowest: Int64, highest: Int64) -> PriceFrame {
        let top = highest > 0 ? min(highest, priceMax.milli) / tick : priceMax.milli / tick
        let bottom = max(1, (max(lowest, 0) + tick - 1) / tick)
        return PriceFrame(lowest: Int(bottom), count: max(0, Int(top - bottom) + 1))
    }

    /// `price` in ticks, or nil where it is not a positive multiple of the tick.
    ///
    /// Multiplies by the rounded-up reciprocal, which is exact for multiples below 2^32, instead of dividing.
    @inline(__always)
    func ticks(_ price: Price) -> Int? {
        guard price.milli > 0, price.milli <= Self.priceMax.milli else { return nil }
        let quotient = (UInt64(price.milli) &* reciprocal) &>> 32
        guard Int64(quotient) &* tick.milli == price.milli else { return nil }
        return Int(quotient)
    }

    @inline(__always)
    func price(ticks: Int) -> Price { Price(milli: Int64(ticks) &* tick.milli) }

    /// Number of resting orders.
    public var count: Int { sides[0].orders + sides[1].orders }

    /// Whether the best bid is at or above the best ask: possible only during a call.
    @inline(__always)
    public var isCrossed: Bool { sides[0].best &+ sides[1].best < frames[0].count }

    /// Highest price bid, or nil.
    public var bestBid: Price? { best(.buy) }

    /// Lowest price asked, or nil.
    public var bestAsk: Price? { best(.sell) }

    /// Best price of a side, or nil.
    public func best(_ side: Side) -> Price? {
        let index = side.index
        guard sides[index].best != LevelBitmap.none else { return nil }
        return price(ticks: frames[0].tick(index, sides[index].best))
    }
}

extension Side {
    /// Place in a book's pair of sides.
    @inline(__always) var index: Int { Int(rawValue) - 1 }
}
