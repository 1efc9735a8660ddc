internal import Glibc

/// Student's t distribution, for variances that were estimated from few batches.
enum StudentT {
    /// The chance of a value at least as far from 0, with so many degrees of freedom.
    ///
    /// I(nu / (nu + t^2); nu/2, 1/2) (Abramowitz and Stegun 26.7.1), the regularized incomplete beta function by Lentz's
    /// continued fraction; good to 1e-10.
    static func twoSided(_ t: Double, degrees: Double) -> Double {
        guard t.isFinite else { return t.isNaN ? 1 : 0 }
        let freedom = min(max(degrees, 1), 1_000)
        return beta(freedom / (freedom + t * t), freedom / 2, 0.5)
    }

    private static func beta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x))
        if x < (a + 1) / (a + b + 2) { return front * fraction(x, a, b) / a }
        return 1 - front * fraction(1 - x, b, a) / b
    }

    private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        var c = 1.0
        var d = 1 - (a + b) * x / (a + 1)
        d = 1 / (abs(d) < tiny ? tiny : d)
        var result = d
        for m in 1...500 {
            let n = Double(m)
            for term in [
                n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
                -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
            ] {
                d = 1 + term * d
                d = 1 / (abs(d) < tiny ? tiny : d)
                c = 1 + term / c
                c = abs(c) < tiny ? tiny : c
                result *= c * d
            }
            if abs(c * d - 1) < 1e-12 { break }
        }
        return result
    }
}
