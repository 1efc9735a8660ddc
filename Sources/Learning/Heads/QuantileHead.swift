internal import Glibc

/// Quantiles that cannot cross: the median as it stands, the others by softplus steps away from it.
///
/// A row holds for each target the raw outputs in the order of `levels`: q_m = raw_m, q_{k+1} = q_k + softplus(raw_{k+1})
/// above the median and q_{k-1} = q_k - softplus(raw_{k-1}) below.
public struct QuantileHead: Sendable, Equatable {
    /// Rising, within (0, 1), with 0.5 among them.
    public let levels: [Float]
    private let median: Int

    /// Nil unless `levels` rise within (0, 1) and hold 0.5.
    public init?(levels: [Float]) {
        guard let median = levels.firstIndex(of: 0.5), levels.allSatisfy({ $0 > 0 && $0 < 1 }),
            zip(levels, levels.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        self.levels = levels
        self.median = median
    }

    /// Turns raw outputs [rows, targets · levels] into quantiles in `quantiles`, of the same shape.
    public func forward(raw: Matrix, quantiles: Matrix) {
        precondition(raw.columns % levels.count == 0 && raw.columns == quantiles.columns, "columns")
        for index in 0..<raw.rows {
            for start in stride(from: 0, to: raw.columns, by: levels.count) {
                quantiles[index, start + median] = raw[index, start + median]
                for level in stride(from: median + 1, to: levels.count, by: 1) {
                    let at = start + level
                    quantiles[index, at] = quantiles[index, at - 1] + Self.softplus(raw[index, at])
                }
                for level in stride(from: median - 1, through: 0, by: -1) {
                    let at = start + level
                    quantiles[index, at] = quantiles[index, at + 1] - Self.softplus(raw[index, at])
                }
            }
        }
    }

    /// Turns the gradient with respect to the quantiles into that with respect to `raw`, in place.
    public func backward(raw: Matrix, gradient: Matrix) {
        for index in 0..<raw.rows {
            for start in stride(from: 0, to: raw.columns, by: levels.count) {
                var above: Float = 0
                for level in stride(from: levels.count - 1, to: median, by: -1) {
                    above += gradient[index, start + level]
                    gradient[index, start + level] = above * Self.slope(raw[index, start + level])
                }
                var below: Float = 0
                for level in 0..<median {
                    below += gradient[index, start + level]
                    gradient[index, start + level] = -below * Self.slope(raw[index, start + level])
                }
                gradient[index, start + median] += above + below
            }
        }
    }

    private static func softplus(_ x: Float) -> Float { x > 20 ? x : log1pf(expf(x)) }
    private static func slope(_ x: Float) -> Float { 1 / (1 + expf(-x)) }
}
