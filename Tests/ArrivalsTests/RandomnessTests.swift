import Arrivals
import Testing

@Suite("Random streams and distributions")
struct RandomnessTests {
    @Test("xoshiro256** seeded with 0 gives the published first outputs")
    func referenceOutputs() {
        // SplitMix64(0) state e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f, f88bb8a8724c81ec; first output is
        // rotl(s1 * 5, 7) * 9 = 99ec5f36cb75f2b4.
        var random = Xoshiro256(seed: 0)
        #expect(random.next() == 0x99EC_5F36_CB75_F2B4)
    }

    @Test("Streams of other names or seeds differ from the first draw on")
    func streams() {
        var draws = Set<UInt64>()
        for seed in 0..<50 as Range<UInt64> {
            for name in ["arrivals", "mix", "account", "instrument", "price"] {
                var random = Xoshiro256(seed: seed, stream: name)
                draws.insert(random.next())
            }
        }
        #expect(draws.count == 250)
    }

    @Test("The unit draw is never 0, and has mean 1/2")
    func unit() {
        var random = Xoshiro256(seed: 3)
        var sum = 0.0
        for _ in 0..<100_000 {
            let value = random.unit()
            #expect(value > 0 && value <= 1)
            sum += value
        }
        // Standard deviation of the mean: sqrt(1/12 / 100,000) = 0.00091; four of them.
        #expect(abs(sum / 100_000 - 0.5) < 0.0037)
    }

    @Test("Bounded draws reach every value and no other")
    func below() {
        var random = Xoshiro256(seed: 4)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[random.below(7)] += 1 }
        // Binomial(70,000, 1/7): deviation 92.6; four of them.
        #expect(counts.allSatisfy { abs($0 - 10_000) < 371 })
    }

    @Test("Zipf frequencies fit the probabilities by chi-square", arguments: [0, 0.5, 0.99, 1, 1.1, 2] as [Double])
    func zipf(exponent: Double) {
        let zipf = ZipfDistribution(count: 50, exponent: exponent)
        var random = Xoshiro256(seed: 11)
        var counts = [Int](repeating: 0, count: 50)
        let draws = 200_000
        for _ in 0..<draws { counts[zipf.next(using: &random)] += 1 }
        var chiSquare = 0.0
        for rank in 0..<50 {
            let expected = zipf.probability(of: rank) * Double(draws)
            chiSquare += (Double(counts[rank]) - expected) * (Double(counts[rank]) - expected) / expected
        }
        // 49 degrees of freedom: 85.4 is exceeded once in a thousand.
        #expect(chiSquare < 85.4, "exponent \(exponent)")
    }

    @Test("Zipf over one rank and over five million stays in range")
    func zipfRange() {
        var random = Xoshiro256(seed: 5)
        let one = ZipfDistribution(count: 1, exponent: 0.99)
        let many = ZipfDistribution(count: 5_000_000, exponent: 0.99)
        var highest = 0
        for _ in 0..<20_000 {
            #expect(one.next(using: &random) == 0)
            highest = max(highest, many.next(using: &random))
        }
        #expect(highest < 5_000_000 && highest > 4_000_000)
    }

    @Test("A permutation holds every key once, and the seed decides it")
    func permutation() {
        let permutation = Permutation(count: 1_000, seed: 1, stream: "account")
        let keys = (0..<1_000).map { permutation[$0] }
        #expect(Set(keys).count == 1_000 && keys.min() == 0 && keys.max() == 999)
        let other = Permutation(count: 1_000, seed: 2, stream: "account")
        #expect(keys != (0..<1_000).map { other[$0] })
    }

    @Test("Quantities are whole lots within the cap, with the median asked for")
    func quantities() {
        let lots = LognormalLots(median: 300, logDeviation: 0.9, lot: 100, quantityMax: 5_000)
        var random = Xoshiro256(seed: 9)
        var values = (0..<20_000).map { _ in lots.next(using: &random) }
        values.sort()
        #expect(values.allSatisfy { $0 % 100 == 0 && $0 >= 100 && $0 <= 5_000 })
        #expect(values[10_000] == 300)
        #expect(values[19_999] == 5_000 && values[0] == 100)
    }
}
