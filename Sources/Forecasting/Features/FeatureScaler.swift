/// Brings features to mean 0 and deviation 1 by the figures of training rows alone.
public struct FeatureScaler: Sendable, Equatable {
    /// One a feature.
    public let means: [Float]
    /// One a feature, positive.
    public let deviations: [Float]
    /// Scaled values are cut to ± this.
    public static let cut: Float = 8

    /// A scaler with given figures; nil unless there is a finite pair for each feature with a positive deviation.
    public init?(means: [Float], deviations: [Float]) {
        guard means.count == Feature.count, deviations.count == Feature.count, means.allSatisfy(\.isFinite),
            deviations.allSatisfy({ $0.isFinite && $0 > 0 })
        else { return nil }
        self.means = means
        self.deviations = deviations
    }

    /// The figures of the rows `rows` of `table`; a feature that does not vary keeps deviation 1.
    public init(_ table: FeatureTable, rows: Range<Int>) {
        var sums = [Double](repeating: 0, count: Feature.count)
        var squares = sums
        for row in rows {
            for feature in 0..<Feature.count {
                let value = Double(table.features[row * Feature.count + feature])
                sums[feature] += value
                squares[feature] += value * value
            }
        }
        let count = Double(max(rows.count, 1))
        means = sums.map { Float($0 / count) }
        deviations = zip(sums, squares).map { sum, square in
            let variance = square / count - (sum / count) * (sum / count)
            return variance > 1e-12 ? Float(variance.squareRoot()) : 1
        }
    }

    /// Scaled features of all rows of `table`, 18 numbers a row.
    public func scaled(_ table: FeatureTable) -> [Float] {
        var scaled = table.features
        for row in 0..<table.rows {
            for feature in 0..<Feature.count {
                let at = row * Feature.count + feature
                scaled[at] = scale(scaled[at], feature)
            }
        }
        return scaled
    }

    /// Scaled features of one row.
    public func scaled(_ features: [Float]) -> [Float] { features.indices.map { scale(features[$0], $0) } }

    private func scale(_ value: Float, _ feature: Int) -> Float {
        max(-Self.cut, min(Self.cut, (value - means[feature]) / deviations[feature]))
    }

    /// The feature furthest outside ± `deviationsMax`, if one is; NaN counts as furthest.
    public func outlier(_ features: [Float], deviationsMax: Float) -> (feature: Feature, deviations: Float)? {
        var worst: (feature: Feature, deviations: Float)?
        for feature in Feature.allCases {
            let value = features[feature.rawValue]
            let distance = abs((value - means[feature.rawValue]) / deviations[feature.rawValue])
            guard distance.isFinite else { return (feature, .infinity) }
            if distance > max(deviationsMax, worst?.deviations ?? 0) { worst = (feature, distance) }
        }
        return worst
    }
}
