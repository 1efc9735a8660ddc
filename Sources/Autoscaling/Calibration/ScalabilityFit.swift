/// Gunther's Universal Scalability Law X(n) = λ n / (1 + σ (n - 1) + κ n (n - 1)), fitted to throughputs.
///
/// n / X(n) is linear in 1, n - 1 and n (n - 1); the least squares are of relative errors. Negative σ or κ, which noise
/// brings about, are left out one by one.
public struct ScalabilityFit: Sendable, Equatable {
    /// Throughput of one replica, λ.
    public let single: Double
    /// σ and κ.
    public let sharing: ServiceProfile.Sharing

    /// Replicas beyond which throughput falls; infinite without κ.
    public var peakReplicas: Double {
        sharing.coherence > 0
            ? (max(0, 1 - sharing.contention) / sharing.coherence).squareRoot() : .infinity
    }

    /// Fits throughputs at three or more different counts of replicas.
    public init(_ points: [(replicas: Int, throughput: Double)]) throws(SimulationFault) {
        guard Set(points.map(\.replicas)).count >= 3 else {
            throw SimulationFault(.measurement, "throughputs at three counts of replicas are needed to fit sharing")
        }
        guard points.allSatisfy({ $0.replicas >= 1 && $0.throughput > 0 && $0.throughput.isFinite }) else {
            throw SimulationFault(.measurement, "throughputs are more than 0 and replicas at least 1")
        }
        var columns = [0, 1, 2]
        while true {
            guard let found = Self.solve(points, columns: columns) else {
                throw SimulationFault(.measurement, "the throughputs do not determine how replicas share")
            }
            // The most negative loss is taken out; the constant stays.
            let losses = columns.indices.filter { columns[$0] != 0 }
            if let worst = losses.min(by: { found[$0] < found[$1] }), found[worst] < 0 {
                columns.remove(at: worst)
                continue
            }
            let constant = found[0]
            guard constant > 0 else {
                throw SimulationFault(.measurement, "the throughputs do not determine that of one replica")
            }
            var losing = [0.0, 0.0, 0.0]
            for (index, column) in columns.enumerated() { losing[column] = found[index] / constant }
            single = 1 / constant
            sharing = ServiceProfile.Sharing(contention: min(1, losing[1]), coherence: min(1, losing[2]))
            return
        }
    }

    /// Coefficients of the given columns of (1, n - 1, n (n - 1)) by the normal equations; nil where they are singular.
    private static func solve(_ points: [(replicas: Int, throughput: Double)], columns: [Int]) -> [Double]? {
        let size = columns.count
        var matrix = [[Double]](repeating: [Double](repeating: 0, count: size + 1), count: size)
        for point in points {
            let n = Double(point.replicas)
            let all = [1, n - 1, n * (n - 1)]
            let weight = point.throughput / n
            let row = columns.map { all[$0] * weight }
            for i in 0..<size {
                for j in 0..<size { matrix[i][j] += row[i] * row[j] }
                matrix[i][size] += row[i]
            }
        }
        for pivot in 0..<size {
            let best = (pivot..<size).max { matrix[$0][pivot].magnitude < matrix[$1][pivot].magnitude } ?? pivot
            matrix.swapAt(pivot, best)
            guard matrix[pivot][pivot].magnitude > 1e-300 else { return nil }
            for row in 0..<size where row != pivot {
                let factor = matrix[row][pivot] / matrix[pivot][pivot]
                for column in pivot...size { matrix[row][column] -= factor * matrix[pivot][column] }
            }
        }
        let solution = (0..<size).map { matrix[$0][size] / matrix[$0][$0] }
        return solution.allSatisfy(\.isFinite) ? solution : nil
    }
}
