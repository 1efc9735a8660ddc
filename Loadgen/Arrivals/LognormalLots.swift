/// Order quantities: lognormal, rounded to whole lots, at least one lot and at most a cap.
///
/// One draw takes two uniforms always (Box and Muller 1958), so the stream does not depend on the values.
public struct LognormalLots: Sendable, Equatable {
    /// Mean of the logarithm of the quantity in shares; the median is `exp(logMean)`.
    public var logMean: Double
    /// Standard deviation of the logarithm.
    public var logDeviation: Double
    /// Shares in a lot.
    public var lot: Int64
    /// The largest quantity, a multiple of the lot.
    public var quantityMax: Int64

    /// A distribution with the given median (shares); see the properties.
    public init(median: Double = 300, logDeviation: Double = 0.9, lot: Int64 = 100, quantityMax: Int64 = 5_000) {
        precondition(median > 0 && logDeviation >= 0 && lot > 0, "median and lot are positive")
        precondition(quantityMax >= lot && quantityMax % lot == 0, "the cap is a multiple of the lot")
        logMean = Elementary.log(median)
        self.logDeviation = logDeviation
        self.lot = lot
        self.quantityMax = quantityMax
    }

    /// A quantity in shares.
    public func next(using random: inout Xoshiro256) -> Int64 {
        let radius = (-2 * Elementary.log(random.unit())).squareRoot()
        let normal = radius * Elementary.cosTurns(random.unit())
        let shares = Elementary.exp(logMean + logDeviation * normal)
        let lots = min(max((shares / Double(lot)).rounded(), 1), Double(quantityMax / lot))
        return Int64(lots) * lot
    }
}
