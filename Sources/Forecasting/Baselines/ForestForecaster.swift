public import Learning

/// One random forest on the 18 features for each bin ahead, its target the ratio of that bin.
public struct ForestForecaster: Forecaster {
    public let name = "random forest"
    /// One a bin ahead.
    public let forests: [RandomForest]

    /// Grows `trees` trees a horizon on at most `rowsMax` of the origins `rows`, evenly spaced.
    public init(
        _ table: FeatureTable, rows: Range<Int>, trees: Int = 40, rowsMax: Int = 12_000, seed: UInt64
    ) throws(ForecastError) {
        guard !rows.isEmpty else { throw ForecastError(.tooFewDays, "no row to grow a forest on") }
        let step = max(1, (rows.count + rowsMax - 1) / rowsMax)
        let origins = Array(stride(from: rows.lowerBound, to: rows.upperBound, by: step))
        var settings = DecisionTree.Configuration()
        settings.leafRowsMin = 10
        settings.featuresMax = Feature.count / 3
        var forests: [RandomForest] = []
        do throws(LearningError) {
            for ahead in 1...table.horizon {
                var features: [Float] = []
                for row in origins { features += table.features[row * Feature.count..<(row + 1) * Feature.count] }
                let rows = try Table(
                    rowMajor: features, features: Feature.count, targets: origins.map { table.ratios[$0 + ahead] })
                forests.append(try RandomForest(rows, .init(trees: trees, tree: settings), seed: seed))
            }
        } catch {
            throw ForecastError(error)
        }
        self.forests = forests
    }

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        let features = table.features.span
        return fill(table, origins) { row, ahead in
            let inputs = features.extracting(row * Feature.count..<(row + 1) * Feature.count)
            return table.profiles[row + ahead] + forests[ahead - 1].predict(inputs)
        }
    }
}
