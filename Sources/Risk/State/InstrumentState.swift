/// What is kept for one instrument: statistics of its trades, its halt, its message bucket.
struct InstrumentState {
    /// Price of the last trade, 0 before the first; milli-yuan.
    var last: Int64 = 0
    var lastTime: Int64 = 0
    /// Mean trade price, exponentially weighted by 1/16, in 1/256 milli-yuan.
    var meanPrice: Int64 = 0
    /// Mean absolute price move from trade to trade (the range a trade is expected in), weighted and scaled alike.
    var meanMove: Int64 = 0
    /// The last move, and `meanMove` before it was taken in.
    var lastMove: Int64 = 0
    var meanMoveBefore: Int64 = 0
    /// Event time until which the instrument is halted; no order is taken before it.
    var haltedUntil: Int64 = 0
    var flags: RiskFlags = []
    var messages = TokenBucket()
    var trades = TurnoverWindow()

    /// Takes a trade in; `half` is half the window of rule 56.
    mutating func observe(price: Int64, quantity: Int64, time: Int64, half: Int64) {
        if last == 0 {
            meanPrice = price << 8
        } else {
            lastMove = abs(price - last)
            meanMoveBefore = meanMove
            meanMove += ((lastMove << 8) - meanMove) / 16
            meanPrice += ((price << 8) - meanPrice) / 16
        }
        last = price
        lastTime = time
        trades.add(price: price, quantity: quantity, time: time, half: half)
    }
}
