/// The load stays as it is: the last bin, for every bin ahead.
public struct Persistence: Forecaster {
    public let name = "persistence"

    /// The rule has no settings.
    public init() {}

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        fill(table, origins) { row, _ in table.logLoad(row) }
    }
}

/// The load of the same bin one day before.
public struct SeasonalNaive: Forecaster {
    public let name = "seasonal naive"

    /// The rule has no settings.
    public init() {}

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        fill(table, origins) { row, ahead in
            let before = row + ahead - table.bins
            return before >= 0 ? table.logLoad(before) : table.logLoad(row)
        }
    }
}

/// The profile, raised by the mean ratio of the last ten bins.
public struct ProfileLevel: Forecaster {
    public let name = "profile x level"

    /// The rule has no settings.
    public init() {}

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        fill(table, origins) { row, ahead in
            let first = max(0, row - 9)
            let level = table.ratios[first...row].reduce(0, +) / Double(row + 1 - first)
            return table.profiles[row + ahead] + level
        }
    }
}

/// The profile, raised by the exponentially weighted ratio: s becomes half the newest ratio and half of s.
public struct ProfileEWMA: Forecaster {
    public let name = "profile x EWMA"

    /// The rule has no settings.
    public init() {}

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        var predictions = Predictions(origins: origins, horizon: table.horizon)
        // The weight of rows more than 60 bins back is below 1e-18.
        var level = 0.0
        for row in max(0, origins.lowerBound - 60)..<origins.upperBound {
            level = 0.5 * table.ratios[row] + 0.5 * level
            guard row >= origins.lowerBound else { continue }
            for ahead in 1...table.horizon { predictions[row, ahead: ahead] = table.profiles[row + ahead] + level }
        }
        return predictions
    }
}

extension Forecaster {
    /// Predictions by a rule of row and bins ahead.
    func fill(_ table: FeatureTable, _ origins: Range<Int>, _ rule: (Int, Int) -> Double) -> Predictions {
        var predictions = Predictions(origins: origins, horizon: table.horizon)
        for row in origins { for ahead in 1...table.horizon { predictions[row, ahead: ahead] = rule(row, ahead) } }
        return predictions
    }
}
