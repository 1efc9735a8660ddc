/// Forecasts of ln(load + 1) from many origins, for each bin ahead.
public struct Predictions: Sendable, Equatable {
    /// Rows of the table from which the forecasts start.
    public let origins: Range<Int>
    /// Bins ahead: 1...horizon.
    public let horizon: Int
    /// Levels of the quantiles, rising; empty where there is a middle only.
    public let levels: [Float]
    /// The middle of the forecast, horizon after horizon for each origin.
    public internal(set) var middle: [Double]
    /// Quantiles, level after level for each horizon of each origin.
    public internal(set) var quantiles: [Double]

    /// Room for forecasts, zero at first.
    public init(origins: Range<Int>, horizon: Int, levels: [Float] = []) {
        self.origins = origins
        self.horizon = horizon
        self.levels = levels
        middle = [Double](repeating: 0, count: origins.count * horizon)
        quantiles = [Double](repeating: 0, count: origins.count * horizon * levels.count)
    }

    /// Place of an origin and a horizon (1...) in `middle`.
    @inline(__always)
    func place(_ origin: Int, _ ahead: Int) -> Int { (origin - origins.lowerBound) * horizon + ahead - 1 }

    /// The middle for `ahead` bins after `origin`.
    public subscript(origin: Int, ahead ahead: Int) -> Double {
        get { middle[place(origin, ahead)] }
        set { middle[place(origin, ahead)] = newValue }
    }

    /// The quantile `level` (a place in `levels`) for `ahead` bins after `origin`.
    public func quantile(_ origin: Int, ahead: Int, _ level: Int) -> Double {
        quantiles[place(origin, ahead) * levels.count + level]
    }

    /// The same forecasts from fewer origins.
    public func slice(_ range: Range<Int>) -> Predictions {
        precondition(origins.lowerBound <= range.lowerBound && range.upperBound <= origins.upperBound, "other origins")
        var part = Predictions(origins: range, horizon: horizon, levels: levels)
        let first = (range.lowerBound - origins.lowerBound) * horizon
        part.middle = Array(middle[first..<first + range.count * horizon])
        let width = levels.count
        part.quantiles = Array(quantiles[first * width..<(first + range.count * horizon) * width])
        return part
    }
}

/// A rule or model that forecasts from rows of a table.
public protocol Forecaster: Sendable {
    /// Short name for tables.
    var name: String { get }

    /// Rows that must lie before an origin.
    var history: Int { get }

    /// Forecasts from each of `origins`; reads rows up to the origin, and profiles ahead.
    func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions
}

extension Forecaster {
    /// Rules make do with what there is.
    public var history: Int { 0 }
}
