/// What a linear forecaster reads at an origin, and what it answers relative to.
public enum RidgeInputs: String, Sendable, Equatable, CaseIterable {
    /// The ten last ratios, yesterday's ratio of the bin ahead, and yesterday's mean ratio over the ten bins.
    case autoregressive
    /// Differences only, the answer being a change from the newest ratio: the lags less the newest ratio, yesterday's
    /// change over the same bins, and the features other than the level. A lasting shift of the load leaves it as it is.
    case differences

    /// Lags of the ratio.
    static let lags = 10

    /// Numbers of a row.
    public var count: Int {
        switch self {
        case .autoregressive: Self.lags + 2
        case .differences: Self.lags + Feature.count - 1
        }
    }

    /// Rows of history needed before an origin.
    static func history(bins: Int) -> Int { bins + lags }

    /// The ratio that the answer is added to.
    func base(ratios: [Double], row: Int) -> Double { self == .autoregressive ? 0 : ratios[row] }

    /// Numbers for the bin `ahead` after `row`, appended to `inputs`.
    ///
    /// `ratios[row]` is the origin's ratio, `features` its 18 features, unscaled.
    func append(
        to inputs: inout [Double], ratios: [Double], row: Int, features: ArraySlice<Float>, ahead: Int, bins: Int
    ) {
        let yesterday = ratios[row + ahead - bins]
        switch self {
        case .autoregressive:
            for lag in 0..<Self.lags { inputs.append(ratios[row - lag]) }
            var mean = 0.0
            for lag in 0..<Self.lags { mean += ratios[row - bins - lag] }
            inputs.append(yesterday)
            inputs.append(mean / Double(Self.lags))
        case .differences:
            for lag in 1..<Self.lags { inputs.append(ratios[row - lag] - ratios[row]) }
            inputs.append(yesterday - ratios[row - bins])
            for (number, feature) in features.enumerated() where number != Feature.excess.rawValue {
                inputs.append(Double(feature))
            }
        }
    }
}
