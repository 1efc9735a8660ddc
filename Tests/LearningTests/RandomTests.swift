import Learning
import Testing

@Suite struct RandomTests {
    /// First outputs for seed 1234567 from Vigna's splitmix64.c, as its ports' test suites quote them.
    @Test("SplitMix64 gives the published numbers") func splitMix() {
        var random = SplitMix64(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        for number in expected { #expect(random.next() == number) }
    }

    /// First outputs for the state 1, 2, 3, 4: the first by hand (rotl(2 · 5, 7) · 9 = 11520), the others from the
    /// reference code's ports.
    @Test("xoshiro256** gives the published numbers") func xoshiro() throws {
        var random = try #require(Xoshiro256StarStar(state: (1, 2, 3, 4)))
        let expected: [UInt64] = [
            11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360,
        ]
        for number in expected { #expect(random.next() == number) }
        #expect(Xoshiro256StarStar(state: (0, 0, 0, 0)) == nil)
    }

    @Test("Streams split by name are their own, and splitting moves nothing") func splitting() {
        let root = Xoshiro256StarStar(seed: 5)
        var a = root.split("dropout")
        var b = root.split("shuffle")
        var again = Xoshiro256StarStar(seed: 5).split("dropout")
        let first = (0..<100).map { _ in a.next() }
        #expect(first == (0..<100).map { _ in again.next() })
        #expect(Set(first).isDisjoint(with: (0..<100).map { _ in b.next() }))
        #expect(root == Xoshiro256StarStar(seed: 5))
    }

    /// Bounds are five standard errors of 200,000 draws.
    @Test("Normal and uniform numbers have their moments") func moments() {
        var random = Xoshiro256StarStar(seed: 1)
        let count = 200_000
        let normal = (0..<count).map { _ in random.normal() }
        let mean = normal.reduce(0, +) / Double(count)
        let variance = normal.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
        let fourth = normal.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(count)
        #expect(abs(mean) < 0.0112 && abs(variance - 1) < 0.0158 && abs(fourth - 3) < 0.11)
        let uniform = (0..<count).map { _ in random.uniform() }
        #expect(abs(uniform.reduce(0, +) / Double(count) - 0.5) < 0.0033)
        #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
    }

    @Test("Whole numbers below a bound are even, shuffles are permutations") func integers() {
        var random = Xoshiro256StarStar(seed: 2)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[random.below(7)] += 1 }
        // Six degrees of freedom: 35 is beyond the 0.99999 quantile of χ².
        #expect(counts.reduce(0.0) { $0 + Double(($1 - 10_000) * ($1 - 10_000)) / 10_000 } < 35)
        var order = Array(0..<100)
        random.shuffle(&order)
        #expect(order != Array(0..<100) && order.sorted() == Array(0..<100))
    }

    @Test("Masks drop the asked fraction, scale the rest, and differ by step, layer, row and seed")
    func masks() {
        let mask = FloatBuffer(count: 20_000)
        DropoutMask(rate: 0.3, seed: 1, step: 0).fill(mask.floats, layer: 0, row: 0)
        let first = mask.floats.array
        let dropped = first.count { $0 == 0 }
        // Five standard deviations of a binomial count.
        #expect(abs(dropped - 6_000) < 325)
        #expect(first.allSatisfy { $0 == 0 || $0 == 1 / 0.7 as Float })
        for (seed, step, layer, row) in [(2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1)] {
            DropoutMask(rate: 0.3, seed: UInt64(seed), step: step).fill(mask.floats, layer: layer, row: row)
            let both = zip(first, mask.floats.array).count { $0 == 0 && $1 == 0 }
            #expect(abs(both - 1_800) < 205, "independent masks share 9 % of their zeros")
        }
        DropoutMask(rate: 0, seed: 1, step: 0).fill(mask.floats, layer: 0, row: 0)
        #expect(mask.floats.array.allSatisfy { $0 == 1 })
    }
}
