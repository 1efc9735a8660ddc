import Arrivals
import Glibc
import TestData
import Testing

/// glibc's functions are within 1 ulp of the truth (its manual, "Errors in Math Functions"), so the bounds here are one
/// more than those documented.
@Suite("Elementary functions from IEEE operations")
struct ElementaryTests {
    /// How many representable numbers lie between two.
    private func distance(_ a: Double, _ b: Double) -> UInt64 {
        if a == b { return 0 }
        if a.isNaN || b.isNaN || a.sign != b.sign { return a.isNaN && b.isNaN ? 0 : .max }
        let (x, y) = (a.bitPattern, b.bitPattern)
        return x > y ? x - y : y - x
    }

    private func worst(_ points: Int, _ draw: (inout SplitMix64) -> (Double, Double)) -> UInt64 {
        var random = SplitMix64(seed: 42)
        return (0..<points).reduce(UInt64(0)) { worst, _ in
            let (ours, theirs) = draw(&random)
            return max(worst, distance(ours, theirs))
        }
    }

    private func unit(_ random: inout SplitMix64) -> Double { Double((random.next() >> 11) + 1) * 0x1p-53 }

    @Test("The logarithm is within 1 ulp of glibc, over uniforms, near 1 and over all exponents")
    func logarithm() {
        #expect(
            worst(1_000_000) { random in
                let x = unit(&random)
                return (Elementary.log(x), log(x))
            } <= 1)
        #expect(
            worst(1_000_000) { random in
                let x = 0.5 + 1.5 * unit(&random)
                return (Elementary.log(x), log(x))
            } <= 1)
        #expect(
            worst(1_000_000) { random in
                let x = Double(bitPattern: random.next() & 0x7FEF_FFFF_FFFF_FFFF)
                return (Elementary.log(x), log(x))
            } <= 1)
        #expect(Elementary.log(0) == -.infinity && Elementary.log(1) == 0 && Elementary.log(.infinity) == .infinity)
        #expect(Elementary.log(-1).isNaN && Elementary.log(.nan).isNaN)
        #expect(distance(Elementary.log(.leastNonzeroMagnitude), log(.leastNonzeroMagnitude)) <= 1)
    }

    @Test("The exponential is within 1 ulp of glibc, and right where it over- and underflows")
    func exponential() {
        for range in [1.0, 40, 700] {
            #expect(
                worst(1_000_000) { random in
                    let x = (2 * unit(&random) - 1) * range
                    return (Elementary.exp(x), exp(x))
                } <= 1, "up to \(range)")
        }
        #expect(
            worst(100_000) { random in
                let x = -708 - 37 * unit(&random)
                return (Elementary.exp(x), exp(x))
            } <= 1, "subnormal results")
        #expect(Elementary.exp(0) == 1 && Elementary.exp(-800) == 0 && Elementary.exp(710) == .infinity)
        #expect(Elementary.exp(-.infinity) == 0 && Elementary.exp(.infinity) == .infinity && Elementary.exp(.nan).isNaN)
    }

    @Test("expm1 and log1p keep small arguments within 3 ulp of glibc")
    func smallArguments() {
        for scale in [1e-12, 1e-3, 0.4, 0.7, 5] {
            #expect(
                worst(200_000) { random in
                    let x = (2 * unit(&random) - 1) * scale
                    return (Elementary.expm1(x), expm1(x))
                } <= 3, "expm1 to \(scale)")
            #expect(
                worst(200_000) { random in
                    let x = (2 * unit(&random) - 1) * min(scale, 0.99)
                    return (Elementary.log1p(x), log1p(x))
                } <= 4, "log1p to \(scale)")
        }
        #expect(Elementary.log1p(-1) == -.infinity && Elementary.log1p(0) == 0 && Elementary.expm1(0) == 0)
    }

    @Test("Sine and cosine in turns: within 2 ulp of glibc in the first eighth, exact at quarters, symmetric")
    func turns() {
        #expect(
            worst(1_000_000) { random in
                let x = unit(&random) / 8
                return (Elementary.sinTurns(x), sin(2 * Double.pi * x))
            } <= 2)
        #expect(
            worst(1_000_000) { random in
                let x = unit(&random) / 8
                return (Elementary.cosTurns(x), cos(2 * Double.pi * x))
            } <= 2)
        #expect((0..<8).map { Elementary.sinTurns(Double($0) / 4) } == [0, 1, 0, -1, 0, 1, 0, -1])
        #expect((0..<8).map { Elementary.cosTurns(Double($0) / 4) } == [1, 0, -1, 0, 1, 0, -1, 0])
        var random = SplitMix64(seed: 5)
        for _ in 0..<100_000 {
            // A multiple of 2^-40, so that adding whole turns is exact.
            let x = Double(random.next() >> 24) * 0x1p-40
            #expect(Elementary.sinTurns(x + 1_000) == Elementary.sinTurns(x))
            #expect(Elementary.sinTurns(-x) == -Elementary.sinTurns(x))
            #expect(Elementary.cosTurns(x) == Elementary.sinTurns(x + 0.25))
            let (sine, cosine) = (Elementary.sinTurns(x), Elementary.cosTurns(x))
            #expect(abs(sine * sine + cosine * cosine - 1) < 6e-16)
        }
    }

    @Test("Powers and the logarithm of the gamma function agree with glibc to the documented error")
    func powers() {
        var random = SplitMix64(seed: 6)
        for _ in 0..<200_000 {
            let (x, y) = (unit(&random), 8 * unit(&random) - 4)
            let bound = 3 + 2 * abs(y * log(x))
            #expect(Double(distance(Elementary.pow(x, y), pow(x, y))) <= bound, "\(x)^\(y)")
        }
        #expect(Elementary.pow(0, 2) == 0 && Elementary.pow(0, -1) == .infinity && Elementary.pow(3, 0) == 1)
        for step in 1...2_000 {
            let x = Double(step) * 0.05
            #expect(abs(Elementary.lnGamma(x) - lgamma(x)) < 1e-14 * max(1, abs(lgamma(x))) * 4, "\(x)")
        }
        // 10! = 3,628,800.
        #expect(abs(Elementary.exp(Elementary.lnGamma(11)) - 3_628_800) < 1e-6)
    }
}
