/// Several forecasters joined by a `ForecastCombiner`, run over the origins in order as it would run live.
public struct CombinedForecaster: Forecaster {
    public let name: String
    /// The forecasters joined; the quantiles are those of the first that has any, around its median.
    public let members: [any Forecaster]
    /// Rows before the first origin on which weights and quantiles are learned.
    public let warmUp: Int
    private let levels: [Float]
    public var history: Int { members.map(\.history).max() ?? 0 }

    /// A join of `members`; `levels` are those of the quantiles answered.
    public init(_ name: String, _ members: [any Forecaster], levels: [Float], warmUp: Int) {
        precondition(!members.isEmpty && warmUp >= 0, "a join of nothing")
        self.name = name
        self.members = members
        self.levels = levels
        self.warmUp = warmUp
    }

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        let first = min(max(history, origins.lowerBound - warmUp), origins.lowerBound)
        let all = first..<origins.upperBound
        return combine(table, members.map { $0.predict(table, origins: all) }, origins: origins)
    }

    /// Joins predictions that are there already; they may start before `origins`, and all start at the same row.
    public func combine(_ table: FeatureTable, _ parts: [Predictions], origins: Range<Int>) -> Predictions {
        precondition(parts.count == members.count && !parts.isEmpty, "one prediction a member")
        let quantiles = parts.first { $0.levels == levels }
        let median = levels.firstIndex(of: 0.5) ?? 0
        var combiner = ForecastCombiner(experts: parts.count, horizon: table.horizon, levels: levels)
        var joined = Predictions(origins: origins, horizon: table.horizon, levels: levels)
        var forecasts = [Double](repeating: 0, count: parts.count * table.horizon)
        var spread = [Double](repeating: 0, count: levels.count * table.horizon)
        for row in parts[0].origins.lowerBound..<origins.upperBound {
            for ahead in 1...table.horizon {
                for (number, part) in parts.enumerated() {
                    forecasts[(ahead - 1) * parts.count + number] = part[row, ahead: ahead]
                }
                guard let quantiles else { continue }
                let center = quantiles.quantile(row, ahead: ahead, median)
                for level in levels.indices {
                    spread[(ahead - 1) * levels.count + level] =
                        quantiles.quantile(row, ahead: ahead, level) - center
                }
            }
            let forecast = combiner.step(truth: table.logLoad(row), forecasts: forecasts, spread: spread)
            guard origins.contains(row) else { continue }
            for ahead in 1...table.horizon { joined[row, ahead: ahead] = forecast.logMiddle[ahead - 1] }
            let place = joined.place(row, 1) * levels.count
            joined.quantiles.replaceSubrange(place..<place + forecast.logQuantiles.count, with: forecast.logQuantiles)
        }
        return joined
    }
}
