/// Tails of the normal and gamma distributions in logarithms, for the compensators of renewal processes; relative
/// error below 1e-10.
enum SpecialFunctions {
    private static let iterationsMax = 2_000

    /// ln P(Z > z) of a standard normal variable, through the gamma tail of z^2 / 2 with shape 1/2.
    static func lnNormalTail(_ z: Double) -> Double {
        let upper = lnGammaTail(0.5, z * z / 2)
        return z >= 0 ? upper - Elementary.log(2) : Elementary.log1p(-0.5 * Elementary.exp(upper))
    }

    /// ln Q(a, x), the regularised upper incomplete gamma function: series below a + 1, continued fraction above
    /// (Abramowitz and Stegun 6.5.29 and 6.5.31).
    static func lnGammaTail(_ a: Double, _ x: Double) -> Double {
        guard x > 0 else { return 0 }
        let front = a * Elementary.log(x) - x - Elementary.lnGamma(a)
        if x < a + 1 { return Elementary.log1p(-min(1, Elementary.exp(front) * lowerSeries(a, x))) }
        return front + Elementary.log(upperFraction(a, x))
    }

    /// sum of x^n / (a (a+1) ... (a+n)).
    private static func lowerSeries(_ a: Double, _ x: Double) -> Double {
        var (term, sum, divisor) = (1 / a, 1 / a, a)
        for _ in 0..<iterationsMax {
            divisor += 1
            term *= x / divisor
            sum += term
            if term < sum * 1e-17 { break }
        }
        return sum
    }

    /// 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), evaluated forward (Lentz's method).
    private static func upperFraction(_ a: Double, _ x: Double) -> Double {
        let tiny = 1e-300
        var b = x + 1 - a
        var c = 1 / tiny
        var d = 1 / (abs(b) < tiny ? tiny : b)
        var value = d
        for i in 1...iterationsMax {
            let numerator = -Double(i) * (Double(i) - a)
            b += 2
            d = numerator * d + b
            c = b + numerator / c
            d = 1 / (abs(d) < tiny ? tiny : d)
            if abs(c) < tiny { c = tiny }
            let factor = d * c
            value *= factor
            if abs(factor - 1) < 1e-15 { break }
        }
        return value
    }
}
