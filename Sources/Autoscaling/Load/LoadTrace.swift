internal import Glibc
internal import Learning

/// A load to be served: requests of the whole mix a second, one value a second.
public struct LoadTrace: Sendable, Equatable {
    /// What it is called in tables.
    public var name: String
    /// Requests a second, second by second.
    public var rates: [Double]
    /// Where the trading day stands at second 0; nil where no calendar belongs to it.
    public var market: MarketClock?

    /// A load.
    public init(name: String, rates: [Double], market: MarketClock? = nil) {
        self.name = name
        self.rates = rates
        self.market = market
    }

    /// Longest load in seconds: 60 days.
    public static let secondsMax = 60 * 86_400

    /// Length in seconds.
    public var duration: Int { rates.count }

    /// Largest rate; 0 for an empty load.
    public var peak: Double { rates.max() ?? 0 }

    /// Mean rate; 0 for an empty load.
    public var mean: Double { rates.isEmpty ? 0 : rates.reduce(0, +) / Double(rates.count) }

    /// Mean rate of the seconds in `range` that the load has; beyond its ends the nearest rate.
    public func mean(_ range: Range<Int>) -> Double {
        let inside = range.clamped(to: 0..<rates.count)
        guard !inside.isEmpty else {
            return (range.lowerBound < 0 ? rates.first : rates.last) ?? 0
        }
        return rates[inside].reduce(0, +) / Double(inside.count)
    }

    /// Where the trading day stands at a second.
    public func market(at second: Double) -> MarketClock? {
        market.map { market in
            var later = market
            later.sinceOpen += second
            return later
        }
    }

    /// The same load with all rates times `factor`.
    public func scaled(by factor: Double) -> LoadTrace {
        LoadTrace(name: name, rates: rates.map { $0 * factor }, market: market)
    }

    /// A Poisson number of arrivals in each second, with the load's rate as its mean: what a recording of minutes has lost.
    public func withPoissonArrivals(seed: UInt64) -> LoadTrace {
        var random = Xoshiro256StarStar(seed: seed).split("arrivals")
        return LoadTrace(name: name, rates: rates.map { random.poisson(mean: $0) }, market: market)
    }

    /// The seconds in `range` that the load has, with the clock moved.
    public func window(_ range: Range<Int>) -> LoadTrace {
        let inside = range.clamped(to: 0..<rates.count)
        return LoadTrace(name: name, rates: Array(rates[inside]), market: market(at: Double(inside.lowerBound)))
    }

    /// What makes the load unfit for a simulation; nil where nothing does.
    var fault: SimulationFault? {
        guard !rates.isEmpty else { return SimulationFault(.load, "load '\(name)' has no seconds") }
        guard rates.count <= Self.secondsMax else {
            return SimulationFault(.load, "load '\(name)' is longer than \(Self.secondsMax) s")
        }
        if let bad = rates.firstIndex(where: { !($0 >= 0 && $0 <= 1e9) }) {
            return SimulationFault(.load, "load '\(name)' is \(rates[bad]) at second \(bad); rates are 0...1e9")
        }
        return nil
    }
}

extension Xoshiro256StarStar {
    /// A Poisson number: below a mean of 30 by inversion, above it the rounded normal with mean and variance alike, whose
    /// distribution function differs from Poisson's by less than 0.015 from there on.
    mutating func poisson(mean: Double) -> Double {
        guard mean > 0 else { return 0 }
        guard mean < 30 else { return max(0, (mean + mean.squareRoot() * normal()).rounded()) }
        let u = uniform()
        var (count, term) = (0.0, exp(-mean))
        var sum = term
        while u > sum, count < 200 {
            count += 1
            term *= mean / count
            sum += term
        }
        return count
    }
}
