public import Learning

/// One ridge regression for each bin ahead, its target the ratio of that bin.
public struct RidgeForecaster: Forecaster, Equatable {
    public let name: String
    /// What it reads.
    public let inputs: RidgeInputs
    /// One a bin ahead; the first is for the next bin.
    public let regressions: [LinearRegression]

    /// Coefficients fitted elsewhere, as from a checkpoint.
    public init(inputs: RidgeInputs, regressions: [LinearRegression]) {
        self.inputs = inputs
        self.regressions = regressions
        name = inputs == .autoregressive ? "ridge AR" : "ridge differences"
    }

    /// Fits on the origins `rows` whose history is in the table, every `stride`-th of them.
    ///
    /// The penalty acts on inputs scaled to deviation 1.
    public init(
        _ table: FeatureTable, rows: Range<Int>, inputs: RidgeInputs = .autoregressive, alpha: Double = 1,
        stride step: Int = 1
    ) throws(ForecastError) {
        let first = max(rows.lowerBound, RidgeInputs.history(bins: table.bins))
        guard first + inputs.count < rows.upperBound else {
            throw ForecastError(.tooFewDays, "\(rows.count) rows for a regression on \(inputs.count) inputs")
        }
        var regressions: [LinearRegression] = []
        for ahead in 1...table.horizon {
            var equations = NormalEquations(columns: inputs.count)
            var row: [Double] = []
            for origin in stride(from: first, to: rows.upperBound, by: step) {
                row.removeAll(keepingCapacity: true)
                inputs.append(to: &row, table, origin: origin, ahead: ahead)
                equations.add(row, table.ratios[origin + ahead] - inputs.base(ratios: table.ratios, row: origin))
            }
            do {
                regressions.append(try equations.regression(alpha: alpha, isScaled: true))
            } catch {
                throw ForecastError(error)
            }
        }
        self.init(inputs: inputs, regressions: regressions)
    }

    /// The ratio expected `ahead` bins after `row`; see `RidgeInputs.append` for the arguments.
    public func ratio(ratios: [Double], row: Int, features: ArraySlice<Float>, ahead: Int, bins: Int) -> Double {
        var inputs: [Double] = []
        inputs.reserveCapacity(self.inputs.count)
        self.inputs.append(to: &inputs, ratios: ratios, row: row, features: features, ahead: ahead, bins: bins)
        return self.inputs.base(ratios: ratios, row: row) + regressions[ahead - 1].predict(inputs)
    }

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        fill(table, origins) { row, ahead in table.profiles[row + ahead] + ratio(table, origin: row, ahead: ahead) }
    }

    /// The ratio expected `ahead` bins after a row of `table`; the newest ratio where the table has no history yet.
    public func ratio(_ table: FeatureTable, origin: Int, ahead: Int) -> Double {
        guard origin >= RidgeInputs.history(bins: table.bins) else { return table.ratios[origin] }
        var row: [Double] = []
        row.reserveCapacity(inputs.count)
        inputs.append(to: &row, table, origin: origin, ahead: ahead)
        return inputs.base(ratios: table.ratios, row: origin) + regressions[ahead - 1].predict(row)
    }
}

extension RidgeInputs {
    /// Numbers for the bin `ahead` after a row of `table`.
    func append(to inputs: inout [Double], _ table: FeatureTable, origin: Int, ahead: Int) {
        append(
            to: &inputs, ratios: table.ratios, row: origin,
            features: table.features[origin * Feature.count..<(origin + 1) * Feature.count], ahead: ahead,
            bins: table.bins)
    }
}
