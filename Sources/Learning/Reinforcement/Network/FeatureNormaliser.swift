/// Running mean and deviation of each feature, and their use: (x - mean) / √(variance + 1e-8), cut at ± `limit`.
///
/// The rows of all agents share the statistics of their columns. Chan's update in 64 bits, one row at a time.
public struct FeatureNormaliser: Sendable, Equatable {
    /// Largest magnitude that is passed on.
    public let limit: Float
    /// Rows seen.
    public private(set) var count = 0.0
    /// Mean of each column.
    public private(set) var means: [Double]
    /// Sum of squared deviations of each column.
    public private(set) var squares: [Double]

    /// Statistics of `width` columns that have seen nothing: mean 0, variance 1.
    public init(width: Int, limit: Float) {
        precondition(limit > 0, "a limit of \(limit)")
        self.limit = limit
        means = [Double](repeating: 0, count: width)
        squares = [Double](repeating: 0, count: width)
    }

    /// Fixed means and variances, as a file holds them; nil unless all are finite and no variance is negative.
    public init?(means: [Double], variances: [Double], limit: Float) {
        guard limit > 0, means.count == variances.count, means.allSatisfy(\.isFinite),
            variances.allSatisfy({ $0.isFinite && $0 >= 0 })
        else { return nil }
        self.limit = limit
        self.means = means
        squares = variances
        count = 1
    }

    /// Population variance of each column; 1 before the first row.
    public var variances: [Double] { means.indices.map(variance) }

    /// Population variance of a column; 1 before the first row.
    public func variance(_ column: Int) -> Double { count == 0 ? 1 : squares[column] / count }

    /// Takes the rows of `matrix` into the statistics; a row with a number that is not finite is left out.
    public mutating func update(_ matrix: Matrix) {
        precondition(matrix.columns == means.count, "another width")
        for index in 0..<matrix.rows { update(matrix.row(index)) }
    }

    /// Takes one row into the statistics unless it holds a number that is not finite.
    public mutating func update(_ row: Floats) {
        for column in 0..<row.count where !row[column].isFinite { return }
        count += 1
        for column in 0..<row.count {
            let value = Double(row[column])
            let distance = value - means[column]
            means[column] += distance / count
            squares[column] += distance * (value - means[column])
        }
    }

    /// Normalises the rows of `matrix` in place.
    public func apply(_ matrix: Matrix) {
        for index in 0..<matrix.rows { apply(matrix.row(index)) }
    }

    /// Normalises a row in place.
    public func apply(_ row: Floats) {
        precondition(row.count == means.count, "another width")
        for column in 0..<row.count {
            let value = Float((Double(row[column]) - means[column]) / (variance(column) + 1e-8).squareRoot())
            row[column] = min(max(value, -limit), limit)
        }
    }
}

/// Normalisers of the rows and of the whole state.
public struct ObservationNormaliser: Sendable, Equatable {
    /// Of the features of a row.
    public var rows: FeatureNormaliser
    /// Of the features of the whole state.
    public var state: FeatureNormaliser

    /// Fresh statistics.
    public init(_ space: DecisionSpace, limit: Float) {
        rows = FeatureNormaliser(width: space.width, limit: limit)
        state = FeatureNormaliser(width: space.stateWidth, limit: limit)
    }

    /// Takes an observation into the statistics.
    public mutating func update(_ view: ObservationView) {
        rows.update(view.rows)
        if view.state.count > 0 { state.update(view.state) }
    }

    /// Normalises an observation in place.
    public func apply(_ view: ObservationView) {
        rows.apply(view.rows)
        if view.state.count > 0 { state.apply(view.state) }
    }
}

/// Scales rewards by the running deviation of the discounted return, cut at ±10, as `VecNormalize` of Stable-Baselines3.
struct ReturnScaler {
    let gamma: Double
    private var statistics = FeatureNormaliser(width: 1, limit: 10)
    private var returns: [Double]
    private let cell = FloatBuffer(count: 1)

    init(environments: Int, gamma: Double) {
        self.gamma = gamma
        returns = [Double](repeating: 0, count: environments)
    }

    /// The scaled reward of `environment`; `isOver` starts its return anew afterwards.
    mutating func scale(_ reward: Float, environment: Int, isOver: Bool) -> Float {
        returns[environment] = returns[environment] * gamma + Double(reward)
        cell.floats[0] = Float(returns[environment])
        statistics.update(cell.floats)
        if isOver { returns[environment] = 0 }
        let scaled = Float(Double(reward) / (statistics.variance(0) + 1e-8).squareRoot())
        return min(max(scaled, -10), 10)
    }
}
