internal import Glibc

/// What the market columns of the last bins say; nil where the columns a figure needs are not there.
struct MarketState: Sendable {
    private(set) var absoluteReturn: Double?
    private(set) var volatility: Double?
    private(set) var spread: Double?
    private(set) var imbalance: Double?
    private(set) var shock: Double?
    private var close: Double?
    private var squaredReturns: [Double] = []
    private var ranges: [Double] = []
    private var slowRange: Double?

    /// Takes the columns of the next bin.
    mutating func append(_ columns: [LoadSeries.Indicator], _ values: [Double]) {
        func value(_ column: LoadSeries.Indicator) -> Double? { columns.firstIndex(of: column).map { values[$0] } }
        if let price = value(.close) { take(price: price) }
        if let high = value(.high), let low = value(.low) { take(high: high, low: low) }
        if let given = value(.spread) { spread = given }
        if let given = value(.imbalance) {
            imbalance = given
        } else if let open = value(.open), let high = value(.high), let low = value(.low), let last = value(.close) {
            imbalance = high > low ? max(-1, min(1, (last - open) / (high - low))) : 0
        }
        if let given = value(.cancels) { shock = given }
    }

    /// A price that is not positive, as of a bin without trades, leaves the last one in force.
    private mutating func take(price: Double) {
        let change = price > 0 ? close.map { log(price / $0) } ?? 0 : 0
        if price > 0 { close = price }
        squaredReturns.append(change * change)
        if squaredReturns.count > 15 { squaredReturns.removeFirst() }
        absoluteReturn = log(abs(change) + 1e-5)
        volatility = log((squaredReturns.reduce(0, +) / Double(squaredReturns.count)).squareRoot() + 1e-5)
    }

    private mutating func take(high: Double, low: Double) {
        let range = log((high > 0 && low > 0 ? max(0, log(high / low)) : 0) + 1e-5)
        ranges.append(range)
        if ranges.count > 10 { ranges.removeFirst() }
        let slow = slowRange.map { $0 + (range - $0) / 240 } ?? range
        slowRange = slow
        spread = range
        shock = ranges.reduce(0, +) / Double(ranges.count) - slow
    }
}
