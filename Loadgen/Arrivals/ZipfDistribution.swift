/// Ranks 0..<count with probability proportional to `1 / (rank + 1)^exponent`.
///
/// Rejection-inversion (Hörmann and Derflinger 1996): constant memory, no table, on average fewer than 1.3 draws for
/// any size and exponent. Exponent 0 is the uniform distribution.
public struct ZipfDistribution: Sendable {
    /// The number of ranks.
    public let count: Int
    /// The exponent, at least 0.
    public let exponent: Double
    private let integralAtOne: Double
    private let integralAtCount: Double
    private let acceptance: Double

    /// A distribution over `count` ranks.
    public init(count: Int, exponent: Double) {
        precondition(count > 0, "a distribution has a rank")
        precondition(exponent >= 0 && exponent.isFinite, "the exponent is not negative")
        self.count = count
        self.exponent = exponent
        integralAtOne = Self.integral(1.5, exponent) - 1
        integralAtCount = Self.integral(Double(count) + 0.5, exponent)
        acceptance =
            2 - Self.inverseIntegral(Self.integral(2.5, exponent) - Self.density(2, exponent), exponent)
    }

    /// A rank, 0 the most likely.
    public func next(using random: inout Xoshiro256) -> Int {
        while true {
            let height = integralAtCount + random.unit() * (integralAtOne - integralAtCount)
            let point = Self.inverseIntegral(height, exponent)
            let rank = min(max((point + 0.5).rounded(.down), 1), Double(count))
            if rank - point <= acceptance
                || height >= Self.integral(rank + 0.5, exponent) - Self.density(rank, exponent)
            {
                return Int(rank) - 1
            }
        }
    }

    /// The probability of a rank; costs a sum over all ranks.
    public func probability(of rank: Int) -> Double {
        let total = (1...count).reduce(0.0) { $0 + Self.density(Double($1), exponent) }
        return Self.density(Double(rank + 1), exponent) / total
    }

    /// x^-exponent.
    private static func density(_ x: Double, _ exponent: Double) -> Double {
        Elementary.exp(-exponent * Elementary.log(x))
    }

    /// Antiderivative of the density, `(x^(1-e) - 1) / (1 - e)`, written to stay exact near e = 1.
    private static func integral(_ x: Double, _ exponent: Double) -> Double {
        let logarithm = Elementary.log(x)
        let power = (1 - exponent) * logarithm
        let ratio = abs(power) > 1e-8 ? Elementary.expm1(power) / power : 1 + power / 2 * (1 + power / 3)
        return ratio * logarithm
    }

    private static func inverseIntegral(_ x: Double, _ exponent: Double) -> Double {
        let power = max(x * (1 - exponent), -1)
        let ratio = abs(power) > 1e-8 ? Elementary.log1p(power) / power : 1 - power * (0.5 - power / 3)
        return Elementary.exp(ratio * x)
    }
}
