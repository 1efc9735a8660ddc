internal import Glibc

/// What is expected of the next bins, as ln(load + 1) and as load.
public struct LoadForecast: Sendable, Equatable {
    /// Levels of the quantiles, rising.
    public let levels: [Float]
    /// ln(load + 1) expected, one a bin ahead.
    public let logMiddle: [Double]
    /// Quantiles of ln(load + 1), level after level for each bin ahead, rising.
    public let logQuantiles: [Double]

    /// A forecast of `logMiddle.count` bins.
    public init(levels: [Float], logMiddle: [Double], logQuantiles: [Double]) {
        precondition(logQuantiles.count == levels.count * logMiddle.count, "one quantile a level and bin")
        self.levels = levels
        self.logMiddle = logMiddle
        self.logQuantiles = logQuantiles
    }

    /// Bins ahead.
    public var horizon: Int { logMiddle.count }

    /// Load expected in the bin `ahead` (1...) bins after the newest.
    public func load(ahead: Int) -> Double { Self.load(logMiddle[ahead - 1]) }

    /// Quantile of the load at a level that is one of `levels`; nil for others.
    public func load(ahead: Int, level: Float) -> Double? {
        levels.firstIndex(of: level).map { Self.load(logQuantiles[(ahead - 1) * levels.count + $0]) }
    }

    /// Largest of a quantile over the bins ahead: what to have capacity for; nil for a level that is not there.
    public func peak(level: Float) -> Double? {
        guard levels.contains(level) else { return nil }
        return (1...horizon).compactMap { load(ahead: $0, level: level) }.max()
    }

    private static func load(_ log: Double) -> Double { max(0, exp(log) - 1) }
}
