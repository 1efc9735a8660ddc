/// Logarithm, exponential, sine and their kin from IEEE additions, multiplications, divisions and square roots alone.
///
/// The C library picks another implementation of these functions where the processor has fused multiply-add, and the
/// last bit differs. With these the same seed gives the same times on every machine. Errors are in units in the last
/// place (ulp), measured against glibc in the tests: `log` and `exp` 1, `sinTurns` and `cosTurns` 2, `log1p` and
/// `expm1` 3, `pow(x, y)` 2 + 2 |y ln x|, `lnGamma` 1e-14 relative or absolute.
package enum Elementary {
    /// ln 2 in two parts: the first has 33 significant bits, so that its product with an exponent is exact.
    private static let ln2High = Double(bitPattern: 0x3FE6_2E42_FEE0_0000)
    private static let ln2Low = Double(bitPattern: 0x3DEA_39EF_3579_3C76)
    private static let inverseLn2 = 1.442_695_040_888_963_4
    /// The bits of sqrt(1/2), where the mantissa's range begins.
    private static let rootHalfBits: UInt64 = 0x3FE6_A09E_667F_3BCD

    /// Natural logarithm; -infinity for 0, not a number below.
    ///
    /// x = 2^k m with m in sqrt(1/2)..<sqrt(2), s = (m-1)/(m+1), ln m = 2 (s + s^3/3 + s^5/5 ...), ten terms of the
    /// series; the leading part m - 1 - (m-1)^2/2 is kept apart so that it is not rounded into the rest.
    package static func log(_ x: Double) -> Double {
        guard x > 0, x < .infinity else { return x == 0 ? -.infinity : x > 0 ? x : .nan }
        let isSmall = x < .leastNormalMagnitude
        let bits = (isSmall ? x * 0x1p54 : x).bitPattern
        let shifted = bits &+ (0x3FF0_0000_0000_0000 - rootHalfBits)
        let exponent = Double(Int(shifted >> 52) - 1_023 - (isSmall ? 54 : 0))
        let mantissa = Double(bitPattern: (shifted & 0x000F_FFFF_FFFF_FFFF) &+ rootHalfBits)
        let f = mantissa - 1
        let half = 0.5 * f * f
        let s = f / (2 + f)
        let z = s * s
        let z2 = z * z
        let z4 = z2 * z2
        let low = (2.0 / 3 + 2.0 / 5 * z) + z2 * (2.0 / 7 + 2.0 / 9 * z)
        let middle = (2.0 / 11 + 2.0 / 13 * z) + z2 * (2.0 / 15 + 2.0 / 17 * z)
        let high = 2.0 / 19 + 2.0 / 21 * z
        let rest = z * (low + z4 * (middle + z4 * high))
        return exponent * ln2High - ((half - (s * (half + rest) + exponent * ln2Low)) - f)
    }

    /// r (e^r + 1) / (e^r - 1) = r coth(r/2) less 2, by its series in Bernoulli numbers; |r| up to 0.7.
    private static func cothExcess(_ r: Double) -> Double {
        let t = r * r
        let high = 1.0 / 23_950_080 + t * (-691.0 / 653_837_184_000 + t * (1.0 / 37_362_124_800))
        return t * (1.0 / 6 + t * (-1.0 / 360 + t * (1.0 / 15_120 + t * (-1.0 / 604_800 + t * high))))
    }

    /// e^x; 0 below -745.2, infinity above 709.8.
    ///
    /// x = k ln 2 + r; with c = r coth(r/2) - 2, e^r = 1 + r + r (r - c) / (2 + c - r), r kept in two parts.
    package static func exp(_ x: Double) -> Double {
        guard x < 709.782_712_893_384 else { return x.isNaN ? x : .infinity }
        guard x > -745.133_219_101_941 else { return x.isNaN ? x : 0 }
        let exponent = Int(x * inverseLn2 + (x < 0 ? -0.5 : 0.5))
        let k = Double(exponent)
        let high = x - k * ln2High
        let low = k * ln2Low
        let r = high - low
        let c = r - cothExcess(r)
        let value = 1 - ((low - r * c / (2 - c)) - high)
        if exponent > -1_022 && exponent < 1_024 { return value * power(exponent) }
        let part = exponent / 2
        return value * power(part) * power(exponent - part)
    }

    /// 2^k for k in -1022...1023.
    private static func power(_ k: Int) -> Double { Double(bitPattern: UInt64(k + 1_023) << 52) }

    /// e^x - 1 without cancellation near 0.
    package static func expm1(_ x: Double) -> Double {
        guard abs(x) < 0.5 else { return exp(x) - 1 }
        let c = x - cothExcess(x)
        return x + x * c / (2 - c)
    }

    /// ln(1 + x) without cancellation near 0: the rounding of 1 + x is made good by x / ((1 + x) - 1) (W. Kahan).
    package static func log1p(_ x: Double) -> Double {
        let sum = 1 + x
        if sum == 1 { return x }
        return sum > 0 && sum < .infinity ? log(sum) * (x / (sum - 1)) : log(sum)
    }

    /// x^y for x >= 0.
    package static func pow(_ x: Double, _ y: Double) -> Double {
        if y == 0 || x == 1 { return 1 }
        if x == 0 { return y > 0 ? 0 : .infinity }
        return exp(y * log(x))
    }

    /// sin(2 pi x): the angle in turns, so that reducing it is exact; from 2^50 on x counts as whole turns.
    package static func sinTurns(_ x: Double) -> Double { wave(x, quarter: 0) }

    /// cos(2 pi x).
    package static func cosTurns(_ x: Double) -> Double { wave(x, quarter: 1) }

    private static func wave(_ x: Double, quarter: Int) -> Double {
        guard abs(x) < 0x1p50 else { return x.isFinite ? wave(0, quarter: quarter) : .nan }
        let nearest = Int(4 * x + (x < 0 ? -0.5 : 0.5))
        let angle = (x - Double(nearest) * 0.25) * (2 * Double.pi)
        switch (nearest + quarter) & 3 {
        case 0: return sine(angle)
        case 1: return cosine(angle)
        case 2: return -sine(angle)
        default: return -cosine(angle)
        }
    }

    /// Taylor to a^17/17!; |a| up to pi/4.
    private static func sine(_ a: Double) -> Double {
        let t = a * a
        let high = 1.0 / 6_227_020_800 - t * (1.0 / 1_307_674_368_000 - t / 355_687_428_096_000)
        let middle = 1.0 / 362_880 - t * (1.0 / 39_916_800 - t * high)
        return a - a * t * (1.0 / 6 - t * (1.0 / 120 - t * (1.0 / 5_040 - t * middle)))
    }

    /// Taylor to a^18/18!; |a| up to pi/4.
    private static func cosine(_ a: Double) -> Double {
        let t = a * a
        let high = 1.0 / 87_178_291_200 - t * (1.0 / 20_922_789_888_000 - t / 6_402_373_705_728_000)
        let middle = 1.0 / 3_628_800 - t * (1.0 / 479_001_600 - t * high)
        let rest = t * t * (1.0 / 24 - t * (1.0 / 720 - t * (1.0 / 40_320 - t * middle)))
        return 1 - (0.5 * t - rest)
    }

    /// ln Gamma(x) for x > 0: Stirling's series at x + n >= 12, less the logarithm of x (x+1) ... (x+n-1).
    package static func lnGamma(_ x: Double) -> Double {
        var (point, product) = (x, 1.0)
        while point < 12 {
            product *= point
            point += 1
        }
        let t = 1 / (point * point)
        let series = (1.0 / 12 - t * (1.0 / 360 - t * (1.0 / 1_260 - t * (1.0 / 1_680 - t / 1_188)))) / point
        let halfLnTwoPi = 0.918_938_533_204_672_7
        return (point - 0.5) * log(point) - point + halfLnTwoPi + series - log(product)
    }
}
