import Autoscaling
import Foundation
import Testing

@Suite struct ErlangTests {
    /// autoscaling.md 12.1: c, ρ, Erlang's C, wait in service times.
    static let golden: [(servers: Int, rho: Double, wait: Double, time: Double)] = [
        (1, 0.5, 0.500000, 1.000000), (2, 0.5, 0.333333, 0.333333), (4, 0.5, 0.173913, 0.086957),
        (4, 0.8, 0.596432, 0.745541), (8, 0.9, 0.701533, 0.876916), (16, 0.5, 0.009019, 0.001127),
        (16, 0.9, 0.591343, 0.369590), (32, 0.95, 0.695710, 0.434819),
    ]

    @Test("Erlang's C and waits are those of the table", arguments: golden)
    func table(row: (servers: Int, rho: Double, wait: Double, time: Double)) {
        let wait = ErlangC.waitProbability(servers: row.servers, offered: row.rho * Double(row.servers))
        #expect(abs(wait - row.wait) < 5e-7)
        #expect(abs(ErlangC.meanWait(servers: row.servers, rho: row.rho) - row.time) < 5e-7)
    }

    /// B = a·B / (i + a·B), C = B / (1 - ρ(1 - B)).
    static func recursion(servers: Int, offered: Double) -> Double {
        var loss = 1.0
        for index in 1...servers { loss = offered * loss / (Double(index) + offered * loss) }
        return loss / (1 - offered / Double(servers) * (1 - loss))
    }

    @Test("The sum from the end equals the recursion from the beginning") func recursionAgrees() {
        for servers in [1, 2, 3, 7, 16, 50, 64, 200, 1_000, 5_000] {
            for rho in [0.001, 0.05, 0.2, 0.5, 0.7, 0.9, 0.97, 0.99, 0.9999] {
                let offered = rho * Double(servers)
                let expected = Self.recursion(servers: servers, offered: offered)
                let found = ErlangC.waitProbability(servers: servers, offered: offered)
                #expect(abs(found - expected) <= 1e-10 * expected + 1e-15, "\(servers) \(rho): \(found), \(expected)")
            }
        }
    }

    @Test("One server waits with probability ρ, overload always, nothing never") func limits() {
        for rho in [0.1, 0.5, 0.99] { #expect(abs(ErlangC.waitProbability(servers: 1, offered: rho) - rho) < 1e-14) }
        #expect(ErlangC.waitProbability(servers: 4, offered: 4) == 1)
        #expect(ErlangC.waitProbability(servers: 4, offered: 400) == 1)
        #expect(ErlangC.waitProbability(servers: 4, offered: 0) == 0)
        #expect(ErlangC.waitProbability(servers: 0, offered: 0) == 1)
        #expect(ErlangC.waitProbability(servers: 1_000_000, offered: 500_000) == 0)
    }

    @Test("Gamma tails are those of known distributions") func gammaTails() {
        // Shape 1 is exponential, shape 2 the sum of two: survival e^-x (1 + x); shape 1/2 a squared normal.
        let exponential = GammaFit(mean: 1, variance: 1)
        #expect(abs(exponential.p95 - log(20)) < 0.01 * log(20))
        #expect(abs(exponential.survival(3) - exp(-3)) < 0.002)
        let two = GammaFit(mean: 2, variance: 2)
        for x in [0.5, 1, 2, 4, 8] { #expect(abs(two.survival(x) - exp(-x) * (1 + x)) < 0.004) }
        let half = GammaFit(mean: 0.5, variance: 0.5)
        for x in [0.1, 0.5, 1, 2] { #expect(abs(half.survival(x) - erfc(x.squareRoot())) < 1e-10) }
        // Chi-squared of one degree at 3.8415 has 5 % above.
        #expect(abs(half.p95 - 3.841458820694124 / 2) < 1e-6)
        #expect(abs(half.p99 - 6.634896601021213 / 2) < 1e-6)
        #expect(GammaFit(mean: 3, variance: 0).p99 == 3)
        #expect(GammaFit(mean: 3, variance: 0).survival(2.9) == 1)
        #expect(GammaFit(mean: 3, variance: 0).survival(3.1) == 0)
        #expect(GammaFit(mean: 0, variance: 0).p95 == 0)
    }

    @Test("Gamma quantiles and tails are inverse to each other") func gammaInverse() {
        for shape in [0.2, 0.7, 1, 1.5, 4, 20, 500] {
            let fit = GammaFit(mean: 0.01, variance: 0.0001 / shape)
            #expect(abs(fit.survival(fit.p95) - 0.05) < 1e-6, "shape \(shape)")
            #expect(abs(fit.survival(fit.p99) - 0.01) < 1e-6, "shape \(shape)")
            #expect(fit.p50 < fit.p95 && fit.p95 < fit.p99)
        }
    }
}
