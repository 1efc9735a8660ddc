/// Sums of products of rows that come one at a time: least squares over any number of rows in the memory of one square.
///
/// Sums are of differences from the first row, which keeps the precision of centred data.
public struct NormalEquations: Sendable {
    /// Inputs of a row.
    public let columns: Int
    /// Rows so far.
    public private(set) var rows = 0
    private var origin: [Double] = []
    private var originTarget = 0.0
    private var sums: [Double]
    private var targetSum = 0.0
    private var moments: [Double]
    /// Lower triangle, row after row.
    private var products: [Double]
    private var change: [Double]

    /// Equations without rows.
    public init(columns: Int) {
        precondition(columns > 0, "a regression on nothing")
        self.columns = columns
        sums = [Double](repeating: 0, count: columns)
        moments = sums
        change = sums
        products = [Double](repeating: 0, count: columns * (columns + 1) / 2)
    }

    /// Takes a row of `columns` inputs and its target.
    public mutating func add(_ row: [Double], _ target: Double) {
        precondition(row.count == columns, "a row of \(row.count) numbers")
        if rows == 0 {
            origin = row
            originTarget = target
        }
        rows += 1
        let targetChange = target - originTarget
        targetSum += targetChange
        for column in 0..<columns { change[column] = row[column] - origin[column] }
        var at = 0
        for first in 0..<columns {
            let value = change[first]
            sums[first] += value
            moments[first] += value * targetChange
            for second in 0...first {
                products[at] += value * change[second]
                at += 1
            }
        }
    }

    /// Ridge regression of the rows so far; with `isScaled` the penalty acts on inputs scaled to deviation 1.
    ///
    /// Inputs that do not vary get the coefficient 0 where `isScaled` is set.
    public func regression(alpha: Double, isScaled: Bool = false) throws(LearningError) -> LinearRegression {
        guard rows > 0 else { throw LearningError(.badData, "a regression without rows") }
        guard alpha >= 0, alpha.isFinite else { throw LearningError(.badData, "a penalty of \(alpha)") }
        let count = Double(rows)
        var centred = [[Double]](repeating: [Double](repeating: 0, count: columns), count: columns)
        var right = [Double](repeating: 0, count: columns)
        var at = 0
        for first in 0..<columns {
            right[first] = moments[first] - sums[first] * targetSum / count
            for second in 0...first {
                centred[first][second] = products[at] - sums[first] * sums[second] / count
                at += 1
            }
        }
        guard right.allSatisfy(\.isFinite), centred.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
            throw LearningError(.notFinite, "a row or target is not finite")
        }
        var scales = [Double](repeating: 1, count: columns)
        if isScaled {
            for column in 0..<columns {
                let deviation = (max(0, centred[column][column]) / count).squareRoot()
                scales[column] = deviation > 1e-9 ? 1 / deviation : 0
            }
            for first in 0..<columns {
                right[first] *= scales[first]
                for second in 0...first { centred[first][second] *= scales[first] * scales[second] }
                if scales[first] == 0 { centred[first][first] = 1 }
            }
        }
        let solution = try Cholesky(centred, diagonal: alpha).solve(right)
        let coefficients = zip(solution, scales).map { $0 * $1 }
        var intercept = originTarget + targetSum / count
        for column in 0..<columns { intercept -= coefficients[column] * (origin[column] + sums[column] / count) }
        return LinearRegression(coefficients: coefficients, intercept: intercept, alpha: alpha)
    }
}
