/// Gaps of a renewal process, scaled to mean 1: one gap is one expected arrival of the profile.
///
/// Gaps are independent; in the profile's own time (expected arrivals) they are equal in distribution.
public struct GapDistribution: Sendable, Equatable {
    /// The family.
    public enum Family: String, Sendable, CaseIterable {
        /// Power-law tail: P(gap > x) = (scale / x)^shape for x >= scale.
        case pareto
        /// The logarithm of the gap is normal; the shape is its standard deviation.
        case lognormal
        /// P(gap > x) = e^-(x / scale)^shape: burstier than Poisson for a shape below 1, more even above.
        case weibull
        /// Gamma; a whole shape k is Erlang's, the sum of k exponential stages.
        case gamma

        /// The shapes that are accepted.
        public var shapes: ClosedRange<Double> {
            switch self {
            case .pareto: 1.05...100
            case .lognormal: 0.01...3
            case .weibull: 0.2...50
            case .gamma: 0.05...1_000
            }
        }
    }

    /// The family.
    public let family: Family
    /// Its shape parameter.
    public let shape: Double
    /// Pareto and Weibull: the scale that makes the mean 1; lognormal: the logarithm's mean; gamma: 1 / shape.
    private let scale: Double

    /// A distribution of mean 1.
    ///
    /// - Throws: for a shape outside the family's range (a Pareto mean exists above shape 1 only).
    public init(_ family: Family, shape: Double) throws(ArrivalError) {
        try require(
            family.shapes.contains(shape),
            "\(family.rawValue): the shape must be \(family.shapes.lowerBound) to \(family.shapes.upperBound)")
        self.family = family
        self.shape = shape
        scale =
            switch family {
            case .pareto: (shape - 1) / shape
            case .lognormal: -shape * shape / 2
            case .weibull: Elementary.exp(-Elementary.lnGamma(1 + 1 / shape))
            case .gamma: 1 / shape
            }
    }

    /// The square of the coefficient of variation: variance of the gap; infinite for a Pareto shape up to 2.
    public var squaredVariation: Double {
        switch family {
        case .pareto: shape > 2 ? 1 / (shape * (shape - 2)) : .infinity
        case .lognormal: Elementary.expm1(shape * shape)
        case .weibull:
            Elementary.exp(Elementary.lnGamma(1 + 2 / shape) - 2 * Elementary.lnGamma(1 + 1 / shape)) - 1
        case .gamma: 1 / shape
        }
    }

    /// A gap.
    mutating func next(using random: inout Xoshiro256) -> Double {
        switch family {
        case .pareto: scale * Elementary.exp(-Elementary.log(random.unit()) / shape)
        case .lognormal: Elementary.exp(scale + shape * Self.normal(using: &random))
        case .weibull: scale * Elementary.pow(-Elementary.log(random.unit()), 1 / shape)
        case .gamma: scale * Self.gamma(shape, using: &random)
        }
    }

    /// -ln P(gap > x): the compensator of a renewal process, exponential with mean 1 at the end of a gap.
    func cumulativeHazard(_ x: Double) -> Double {
        guard x > 0 else { return 0 }
        return switch family {
        case .pareto: x > scale ? shape * Elementary.log(x / scale) : 0
        case .lognormal: -SpecialFunctions.lnNormalTail((Elementary.log(x) - scale) / shape)
        case .weibull: Elementary.pow(x / scale, shape)
        case .gamma: -SpecialFunctions.lnGammaTail(shape, x / scale)
        }
    }

    /// Box and Muller (1958): two uniforms for one normal.
    private static func normal(using random: inout Xoshiro256) -> Double {
        let radius = (-2 * Elementary.log(random.unit())).squareRoot()
        return radius * Elementary.cosTurns(random.unit())
    }

    /// Marsaglia and Tsang (2000); below shape 1 a gamma of shape + 1 times a power of a uniform.
    private static func gamma(_ shape: Double, using random: inout Xoshiro256) -> Double {
        let boost = shape < 1 ? Elementary.exp(Elementary.log(random.unit()) / shape) : 1
        let d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal(using: &random)
            let root = 1 + c * x
            let v = root * root * root
            let u = random.unit()
            if root > 0, Elementary.log(u) < 0.5 * x * x + d * (1 - v + Elementary.log(v)) { return boost * d * v }
        }
    }
}
