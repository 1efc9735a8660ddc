/// Least squares with an unpenalised intercept, and ridge regression (Hoerl and Kennard 1970), in 64-bit floats.
///
/// Solves the centred normal equations (XᵀX + αI) w = Xᵀy by Cholesky's factorisation; α = 0 is ordinary least squares
/// and needs independent columns.
public struct LinearRegression: Sendable, Equatable {
    /// One a feature.
    public let coefficients: [Double]
    /// Answer for a row of zeros.
    public let intercept: Double
    /// Weight of Σ w².
    public let alpha: Double

    /// Fits `targets` to `rows`, all of the same length.
    public init(_ rows: [[Double]], _ targets: [Double], alpha: Double = 0) throws(LearningError) {
        let equations = try CentredEquations(rows, targets)
        self = try equations.solve(alpha: alpha).regression
    }

    /// Chooses from `alphas` the one with the least squared error of leaving out one row at a time; the first of
    /// several.
    ///
    /// The error of a row left out is its residual / (1 - leverage), so no row costs a fit of its own.
    public static func leaveOneOut(
        _ rows: [[Double]], _ targets: [Double], alphas: [Double]
    ) throws(LearningError) -> LinearRegression {
        let equations = try CentredEquations(rows, targets)
        var best: (error: Double, regression: LinearRegression)?
        for alpha in alphas {
            let (regression, factor) = try equations.solve(alpha: alpha)
            var error = 0.0
            for (row, target) in zip(rows, targets) {
                let leverage = 1 / Double(rows.count) + factor.squaredLength(equations.centred(row))
                let left = (target - regression.predict(row)) / max(1 - leverage, 1e-12)
                error += left * left
            }
            if best.map({ error < $0.error }) ?? true { best = (error, regression) }
        }
        guard let best else { throw LearningError(.badData, "no penalty to choose from") }
        return best.regression
    }

    /// A regression with coefficients found elsewhere, as in a checkpoint.
    public init(coefficients: [Double], intercept: Double, alpha: Double) {
        self.coefficients = coefficients
        self.intercept = intercept
        self.alpha = alpha
    }

    /// The answer for a row.
    public func predict(_ row: [Double]) -> Double {
        precondition(row.count == coefficients.count, "a row of \(row.count) numbers")
        var sum = intercept
        for index in row.indices { sum += coefficients[index] * row[index] }
        return sum
    }
}

/// XᵀX and Xᵀy of centred data.
private struct CentredEquations {
    private let means: [Double]
    private let targetMean: Double
    private let products: [[Double]]
    private let moments: [Double]

    init(_ rows: [[Double]], _ targets: [Double]) throws(LearningError) {
        guard !rows.isEmpty, rows.count == targets.count else {
            throw LearningError(.badData, "\(rows.count) rows and \(targets.count) targets")
        }
        let width = rows[0].count
        for (index, row) in rows.enumerated() {
            guard row.count == width else { throw LearningError(.badData, "row \(index) has \(row.count) numbers") }
            guard row.allSatisfy(\.isFinite), targets[index].isFinite else {
                throw LearningError(.notFinite, "row \(index) is not finite")
            }
        }
        let count = Double(rows.count)
        let means = (0..<width).map { column in rows.reduce(0) { $0 + $1[column] } / count }
        let targetMean = targets.reduce(0, +) / count
        var products = [[Double]](repeating: [Double](repeating: 0, count: width), count: width)
        var moments = [Double](repeating: 0, count: width)
        for (row, target) in zip(rows, targets) {
            let centred = zip(row, means).map { $0 - $1 }
            for first in 0..<width {
                moments[first] += centred[first] * (target - targetMean)
                for second in 0...first { products[first][second] += centred[first] * centred[second] }
            }
        }
        self.means = means
        self.targetMean = targetMean
        self.products = products
        self.moments = moments
    }

    func centred(_ row: [Double]) -> [Double] { zip(row, means).map { $0 - $1 } }

    func solve(alpha: Double) throws(LearningError) -> (regression: LinearRegression, factor: Cholesky) {
        guard alpha >= 0, alpha.isFinite else { throw LearningError(.badData, "a penalty of \(alpha)") }
        let factor = try Cholesky(products, diagonal: alpha)
        let coefficients = factor.solve(moments)
        let intercept = targetMean - zip(coefficients, means).reduce(0) { $0 + $1.0 * $1.1 }
        return (LinearRegression(coefficients: coefficients, intercept: intercept, alpha: alpha), factor)
    }
}

/// L with L Lᵀ = A + diagonal · I for a symmetric A given by its lower triangle.
struct Cholesky {
    private var lower: [[Double]]

    /// Throws where A is not positive definite to working precision, naming the column.
    init(_ matrix: [[Double]], diagonal: Double) throws(LearningError) {
        lower = matrix
        for row in matrix.indices {
            for column in 0...row {
                var sum = matrix[row][column] + (row == column ? diagonal : 0)
                for index in 0..<column { sum -= lower[row][index] * lower[column][index] }
                if row != column {
                    lower[row][column] = sum / lower[column][column]
                } else {
                    guard sum > 1e-12 * (matrix[row][row] + diagonal) else {
                        throw LearningError(.singular, "column \(row) depends on the columns before it")
                    }
                    lower[row][row] = sum.squareRoot()
                }
            }
        }
    }

    /// x with A x = `right`.
    func solve(_ right: [Double]) -> [Double] {
        var x = forward(right)
        for row in x.indices.reversed() {
            for index in (row + 1)..<max(x.count, row + 1) { x[row] -= lower[index][row] * x[index] }
            x[row] /= lower[row][row]
        }
        return x
    }

    /// bᵀ A⁻¹ b.
    func squaredLength(_ b: [Double]) -> Double { forward(b).reduce(0) { $0 + $1 * $1 } }

    /// y with L y = `right`.
    private func forward(_ right: [Double]) -> [Double] {
        var y = right
        for row in y.indices {
            for index in 0..<row { y[row] -= lower[row][index] * y[index] }
            y[row] /= lower[row][row]
        }
        return y
    }
}
