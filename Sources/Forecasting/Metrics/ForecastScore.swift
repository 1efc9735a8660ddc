internal import Glibc

/// How good forecasts of one horizon are, over any number of origins.
///
/// Loads in their own unit: y the truth, p the forecast.
///
/// | figure | definition |
/// | --- | --- |
/// | WAPE | Σ\|p - y\| / Σy |
/// | MAPE | mean \|p - y\| / max(y, 1) |
/// | RMSE | root of mean (p - y)² |
/// | RMSE of logs | the same of ln(load + 1) |
/// | MASE | mean \|p - y\| over the training days' mean \|y_t - y_{t - day}\| (GluonTS) |
/// | bias | Σ(p - y) / Σy |
public struct ForecastScore: Sendable, Equatable {
    /// Forecasts scored.
    public private(set) var count = 0
    private var absolute = 0.0
    private var signed = 0.0
    private var total = 0.0
    private var relative = 0.0
    private var squares = 0.0
    private var logSquares = 0.0
    /// Mean change from day to day in the training rows, of `MASE`; 0 where it is not known.
    public var seasonalChange: Double

    /// A score of nothing.
    public init(seasonalChange: Double = 0) { self.seasonalChange = seasonalChange }

    /// Adds one forecast: ln(load + 1) as forecast and as it came.
    public mutating func add(forecast: Double, truth: Double) {
        let p = exp(forecast) - 1
        let y = exp(truth) - 1
        count += 1
        absolute += abs(p - y)
        signed += p - y
        total += y
        relative += abs(p - y) / max(y, 1)
        squares += (p - y) * (p - y)
        logSquares += (forecast - truth) * (forecast - truth)
    }

    /// Weighted absolute percentage error.
    public var wape: Double { ratio(absolute, total) }
    /// Mean absolute percentage error.
    public var mape: Double { ratio(relative, Double(count)) }
    /// Root mean squared error, in the unit of the load.
    public var rmse: Double { ratio(squares, Double(count)).squareRoot() }
    /// Root mean squared error of the logs.
    public var logRMSE: Double { ratio(logSquares, Double(count)).squareRoot() }
    /// Mean absolute scaled error against the seasonal naive rule.
    public var mase: Double { ratio(ratio(absolute, Double(count)), seasonalChange) }
    /// Mean error over mean load.
    public var bias: Double { ratio(signed, total) }

    private func ratio(_ a: Double, _ b: Double) -> Double { b > 0 ? a / b : .nan }

    /// 1 - WAPE / WAPE of a baseline: the part of its error that is gone.
    public func skill(against baseline: ForecastScore) -> Double { 1 - wape / baseline.wape }

    /// Mean |load - load one day before| of the rows `rows`, the denominator of MASE.
    public static func seasonalChange(_ table: FeatureTable, rows: Range<Int>) -> Double {
        let first = max(rows.lowerBound, table.bins)
        guard first < rows.upperBound else { return 0 }
        var sum = 0.0
        for row in first..<rows.upperBound { sum += abs(table.loads[row] - table.loads[row - table.bins]) }
        return sum / Double(rows.upperBound - first)
    }
}

/// How good the quantiles of one horizon are: pinball loss by level, and how often the truth lay inside a band.
public struct QuantileScore: Sendable, Equatable {
    /// Levels scored.
    public let levels: [Float]
    /// Quantiles scored.
    public private(set) var count = 0
    private var losses: [Double]
    private var inside = 0
    private var below = 0
    private var widths = 0.0

    /// A score of nothing.
    public init(levels: [Float]) {
        self.levels = levels
        losses = [Double](repeating: 0, count: levels.count)
    }

    /// Adds the quantiles of one forecast and the truth, all ln(load + 1), and the band judged.
    public mutating func add(quantiles: ArraySlice<Double>, band: ClosedRange<Double>, truth: Double) {
        precondition(quantiles.count == levels.count, "one quantile a level")
        count += 1
        for (level, quantile) in zip(levels.indices, quantiles) {
            let error = truth - quantile
            losses[level] += max(Double(levels[level]) * error, (Double(levels[level]) - 1) * error)
        }
        if band.contains(truth) { inside += 1 }
        if truth <= band.upperBound { below += 1 }
        widths += band.upperBound - band.lowerBound
    }

    /// Mean pinball loss of the logs at each level.
    public var pinball: [Double] { losses.map { count > 0 ? $0 / Double(count) : .nan } }
    /// Share of truths inside the band.
    public var coverage: Double { count > 0 ? Double(inside) / Double(count) : .nan }
    /// Share of truths at or below the upper end of the band.
    public var upperCoverage: Double { count > 0 ? Double(below) / Double(count) : .nan }
    /// Mean width of the band in logs.
    public var width: Double { count > 0 ? widths / Double(count) : .nan }
}
