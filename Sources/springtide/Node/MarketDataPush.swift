internal import Foundation
internal import Gateway
internal import Market
internal import Services

/// Pushes market data to WebSocket subscribers: ten times a second, the topics that somebody subscribed to.
///
/// A topic is a symbol. Top of book is a state, conflated; trades are events, each once, numbered by the venue.
struct MarketDataPush: Sendable {
    let marketData: MarketDataService
    let listener: OperatorListener
    let instrument: @Sendable (UInt32) -> InstrumentID?

    /// Runs until the task is cancelled.
    func run() async {
        var pushed: [String: UInt64] = [:]
        var seen = marketData.lastTrade
        while (try? await Task.sleep(for: .milliseconds(100))) != nil {
            let newest = marketData.lastTrade
            let topics = listener.subscribedTopics
            pushed = pushed.filter { topics.contains($0.key) }
            for topic in topics.sorted() {
                guard let symbol = UInt32(topic), let id = instrument(symbol), let quote = marketData.quote(id) else {
                    continue
                }
                for trade in marketData.trades(id, after: seen) { listener.announce(topic, event(trade, topic)) }
                guard quote.sequence != pushed[topic] else { continue }
                pushed[topic] = quote.sequence
                listener.publish(topic, state(quote, topic))
            }
            seen = newest
        }
    }

    private func state(_ quote: Quote, _ topic: String) -> [UInt8] {
        let top = quote.top
        let text = """
            {"type":"quote","symbol":"\(topic)","sequence":\(quote.sequence),"bid_milli":\(top.bid.milli),\
            "bid_quantity":\(top.bidQuantity.shares),"offer_milli":\(top.offer.milli),\
            "offer_quantity":\(top.offerQuantity.shares),"last_milli":\(quote.lastPrice.milli),\
            "volume":\(quote.volume.shares),"time":\(top.time)}
            """
        return Array(text.utf8)
    }

    private func event(_ trade: TradeRow, _ topic: String) -> [UInt8] {
        let text = """
            {"type":"trade","symbol":"\(topic)","trade":\(trade.trade),"price_milli":\(trade.price.milli),\
            "quantity":\(trade.quantity.shares),"time":\(trade.time)}
            """
        return Array(text.utf8)
    }
}
