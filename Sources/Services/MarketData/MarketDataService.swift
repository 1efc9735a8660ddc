public import Market
internal import Synchronization

/// One instrument's public state: best prices and the last trade, with a sequence number per instrument.
public struct Quote: Sendable, Hashable {
    /// Grows by one with every change of this instrument: a gap tells a subscriber that it missed something.
    public var sequence: UInt64
    public var top: TopOfBook
    public var lastPrice: Price
    public var lastQuantity: Quantity
    /// Volume and turnover of the day.
    public var volume: Quantity
    public var turnover: Money
}

/// Market data: top of book, conflated, and every trade, never conflated; only of durable batches.
///
/// The order path calls `update` with each durable batch. Whoever pushes looks at a quote's sequence number: a slow
/// reader sees fewer intermediate quotes, never a wrong one. Trades are kept in a ring of the last `tradesMax`.
public final class MarketDataService: Sendable {
    /// Trades kept for those who join late.
    public static let tradesMax = 100_000

    fileprivate struct State {
        var quotes: [InstrumentID: Quote] = [:]
        var trades: [TradeRow] = []
        var tradesDropped = 0
    }

    private let state = Mutex(State())

    /// A service that has seen nothing.
    public init() {}

    /// Takes over the best prices and trades of a durable batch.
    public func update(_ output: NodeOutput) {
        state.withLock { state in
            for top in output.tops { state.change(top.instrument) { $0.top = top } }
            for trade in output.trades {
                state.change(trade.instrument) { quote in
                    quote.lastPrice = trade.price
                    quote.lastQuantity = trade.quantity
                    quote.volume += trade.quantity
                    quote.turnover += Money.value(trade.price, trade.quantity) ?? .zero
                }
            }
            state.trades.append(contentsOf: output.trades)
            if state.trades.count > 2 * Self.tradesMax {
                let excess = state.trades.count - Self.tradesMax
                state.trades.removeFirst(excess)
                state.tradesDropped += excess
            }
        }
    }

    /// The quote of an instrument, nil before its first change.
    public func quote(_ instrument: InstrumentID) -> Quote? { state.withLock { $0.quotes[instrument] } }

    /// The trades of an instrument after `trade`, oldest first; only of those still in the ring.
    public func trades(_ instrument: InstrumentID, after trade: TradeID) -> [TradeRow] {
        state.withLock { state in
            state.trades.reversed().prefix { $0.trade > trade }.reversed().filter { $0.instrument == instrument }
        }
    }

    /// Number of the newest trade, 0 before the first.
    public var lastTrade: TradeID { state.withLock { $0.trades.last?.trade ?? 0 } }

    /// The last `limit` trades of an instrument, newest first.
    public func trades(_ instrument: InstrumentID, limit: Int) -> [TradeRow] {
        state.withLock { state in
            Array(state.trades.reversed().lazy.filter { $0.instrument == instrument }.prefix(limit))
        }
    }
}

extension MarketDataService.State {
    fileprivate mutating func change(_ instrument: InstrumentID, _ body: (inout Quote) -> Void) {
        var quote =
            quotes[instrument]
            ?? Quote(
                sequence: 0,
                top: TopOfBook(
                    instrument: instrument, bid: .zero, bidQuantity: .zero, offer: .zero, offerQuantity: .zero,
                    time: 0),
                lastPrice: .zero, lastQuantity: .zero, volume: .zero, turnover: .zero)
        body(&quote)
        quote.sequence += 1
        quotes[instrument] = quote
    }
}
