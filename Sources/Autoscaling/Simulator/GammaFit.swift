internal import Glibc

/// The gamma distribution of a given mean and variance, the stand-in for response times.
///
/// Tails by Wilson and Hilferty (1931): the cube root of x / mean is nearly normal with mean 1 - 1/9k and variance
/// 1/9k, k being the shape. At shape 1 its 95th percentile is 0.9 % low; below shape 1 the incomplete gamma function is
/// summed instead.
public struct GammaFit: Sendable, Equatable {
    /// Mean, not negative.
    public var mean: Double
    /// Variance, not negative.
    public var variance: Double

    /// The distribution with these moments; with variance 0 all mass is at the mean.
    public init(mean: Double, variance: Double) {
        self.mean = mean
        self.variance = variance
    }

    /// Shape k = mean² / variance.
    public var shape: Double { mean * mean / variance }

    /// Share of the mass above `x`.
    public func survival(_ x: Double) -> Double {
        guard x > 0 else { return 1 }
        guard variance > 1e-12 * mean * mean, mean > 0 else { return x < mean ? 1 : 0 }
        let shape = self.shape
        guard shape >= 1 else { return Self.upper(shape: shape, x * mean / variance) }
        let spread = 1 / (9 * shape)
        let z = (cbrt(x / mean) - 1 + spread) / spread.squareRoot()
        return 0.5 * erfc(z * 0.5.squareRoot())
    }

    /// The value that a share `1 - tail` stays below; `normal` is the normal quantile of that share. With tail 0
    /// Wilson and Hilferty's form holds at any shape.
    private func quantile(normal: Double, tail: Double) -> Double {
        guard variance > 1e-12 * mean * mean, mean > 0 else { return mean }
        let shape = self.shape
        if shape >= 1 || tail == 0 {
            let spread = 1 / (9 * shape)
            let root = max(0, 1 - spread + normal * spread.squareRoot())
            return mean * root * root * root
        }
        var low = 0.0
        var high = mean * 2
        while survival(high) > tail, high < mean * 1e6 { high *= 2 }
        for _ in 0..<50 {
            let middle = 0.5 * (low + high)
            if survival(middle) > tail { low = middle } else { high = middle }
        }
        return 0.5 * (low + high)
    }

    /// The median.
    public var p50: Double { quantile(normal: 0, tail: 0.5) }
    /// The 95th percentile.
    public var p95: Double { quantile(normal: 1.6448536269514722, tail: 0.05) }
    /// The 99th percentile.
    public var p99: Double { quantile(normal: 2.3263478740408408, tail: 0.01) }

    /// Mean and variance of the larger of two independent values, by 64 equally likely points of each.
    func larger(of other: GammaFit) -> GammaFit {
        guard other.mean > 0 else { return self }
        guard mean > 0 else { return other }
        let count = Self.middles.count
        var (sum, square) = (0.0, 0.0)
        var (own, its) = (0, 0)
        // Points rise; a point is the larger one as often as points of the other lie below it.
        while own < count || its < count {
            let mine = own < count ? quantile(normal: Self.middles[own], tail: 0) : .infinity
            let theirs = its < count ? other.quantile(normal: Self.middles[its], tail: 0) : .infinity
            let value = min(mine, theirs)
            let weight = Double(mine <= theirs ? its : own)
            if mine <= theirs { own += 1 } else { its += 1 }
            sum += weight * value
            square += weight * value * value
        }
        let pairs = Double(count * count)
        let mean = sum / pairs
        return GammaFit(mean: mean, variance: max(0, square / pairs - mean * mean))
    }

    /// Normal quantiles at (i + 1/2) / 64.
    private static let middles: [Double] = (0..<64).map { index in
        let tail = 1 - (Double(index) + 0.5) / 64
        var (low, high) = (-10.0, 10.0)
        for _ in 0..<60 {
            let middle = 0.5 * (low + high)
            if 0.5 * erfc(middle * 0.5.squareRoot()) > tail { low = middle } else { high = middle }
        }
        return 0.5 * (low + high)
    }

    /// The regularised upper incomplete gamma function Q(k, x): series below k + 1, else Lentz's continued fraction.
    static func upper(shape: Double, _ x: Double) -> Double {
        guard x > 0 else { return 1 }
        let front = exp(shape * log(x) - x - logGamma(shape))
        if x < shape + 1 {
            var term = 1 / shape
            var sum = term
            var index = shape
            for _ in 0..<500 where term > 1e-16 * sum {
                index += 1
                term *= x / index
                sum += term
            }
            return max(0, 1 - front * sum)
        }
        var b = x + 1 - shape
        var c = 1e300
        var d = 1 / b
        var value = d
        for step in 1..<500 {
            let a = -Double(step) * (Double(step) - shape)
            b += 2
            d = a * d + b
            if d.magnitude < 1e-300 { d = 1e-300 }
            c = b + a / c
            if c.magnitude < 1e-300 { c = 1e-300 }
            d = 1 / d
            let change = d * c
            value *= change
            if (change - 1).magnitude < 1e-14 { break }
        }
        return front * value
    }

    /// ln Γ(x) for x > 0 by Stirling's series after shifting x above 8; relative error below 1e-13.
    private static func logGamma(_ x: Double) -> Double {
        var shifted = x
        var product = 1.0
        while shifted < 8 {
            product *= shifted
            shifted += 1
        }
        let inverse = 1 / shifted
        let square = inverse * inverse
        let series = inverse * (1 / 12.0 - square * (1 / 360.0 - square * (1 / 1_260.0 - square / 1_680.0)))
        return (shifted - 0.5) * log(shifted) - shifted + 0.5 * log(2 * Double.pi) + series - log(product)
    }
}

/// Several gamma distributions, each with a weight.
struct GammaMixture {
    /// Weights and distributions; weights need not add up to 1.
    var parts: [(weight: Double, fit: GammaFit)]

    /// Share of the mass above `x`.
    func survival(_ x: Double) -> Double {
        var sum = 0.0
        var weights = 0.0
        for part in parts where part.weight > 0 {
            sum += part.weight * part.fit.survival(x)
            weights += part.weight
        }
        return weights > 0 ? sum / weights : 0
    }

    /// The median; 0 for an empty mixture.
    var p50: Double { quantile(tail: 0.5, \.p50) }
    /// The 95th percentile.
    var p95: Double { quantile(tail: 0.05, \.p95) }
    /// The 99th percentile.
    var p99: Double { quantile(tail: 0.01, \.p99) }

    /// The value that a share `1 - tail` stays below; it lies between those of the parts.
    private func quantile(tail: Double, _ ofPart: (GammaFit) -> Double) -> Double {
        var low = Double.infinity
        var high = 0.0
        for part in parts where part.weight > 0 {
            let value = ofPart(part.fit)
            low = min(low, value)
            high = max(high, value)
        }
        guard low < high else { return high }
        return quantile(tail: tail, between: low, and: high)
    }

    /// The value that a share `1 - tail` stays below, within 0.01 %; `low` and `high` bracket it.
    private func quantile(tail: Double, between low: Double, and high: Double) -> Double {
        var (a, b) = (low, high)
        var (atA, atB) = (log(max(survival(a), 1e-300)), log(max(survival(b), 1e-300)))
        let target = log(tail)
        guard atA > target, atB < target else { return atA <= target ? a : b }
        var side = 0
        // The logarithm of a tail is nearly straight, so false position (Illinois variant) needs few steps.
        for _ in 0..<60 where b - a > 1e-4 * b {
            let guess = a + (b - a) * (atA - target) / (atA - atB)
            let x = guess > a && guess < b ? guess : 0.5 * (a + b)
            let value = log(max(survival(x), 1e-300))
            if (value - target).magnitude < 1e-5 { return x }
            if value > target {
                (a, atA) = (x, value)
                if side == 1 { atB = target + 0.5 * (atB - target) }
                side = 1
            } else {
                (b, atB) = (x, value)
                if side == -1 { atA = target + 0.5 * (atA - target) }
                side = -1
            }
        }
        return 0.5 * (a + b)
    }
}
