/// Ridge regression fitted anew every few days on the days just before: follows a change of regime.
public struct RollingRidge: Forecaster {
    public let name = "ridge, refitted"
    /// Days between fits.
    public let everyDays: Int
    /// Days each fit looks back.
    public let memoryDays: Int

    /// A regression on differences with these settings.
    public init(everyDays: Int, memoryDays: Int) {
        precondition(everyDays > 0 && memoryDays > 0, "days")
        self.everyDays = everyDays
        self.memoryDays = memoryDays
    }

    /// Each stretch of `everyDays` days is forecast by a fit whose targets all lie before it; where the days before are
    /// too few for a fit, the load stays as it is.
    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        var predictions = Persistence().predict(table, origins: origins)
        var start = origins.lowerBound
        while start < origins.upperBound {
            let day = start / table.bins
            let end = min((day / everyDays + 1) * everyDays * table.bins, origins.upperBound)
            let first = max(0, day * table.bins - memoryDays * table.bins)
            let last = day * table.bins - table.horizon
            if last > first, let ridge = try? RidgeForecaster(table, rows: first..<last, inputs: .differences) {
                let part = ridge.predict(table, origins: start..<end)
                let place = predictions.place(start, 1)
                predictions.middle.replaceSubrange(place..<place + part.middle.count, with: part.middle)
            }
            start = end
        }
        return predictions
    }
}
