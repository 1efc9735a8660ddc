import Learning
import Testing

@Suite("Variation of genomes") struct VariationTests {
    @Test("Whole numbers stay within bounds, crossover exchanges genes, mutation changes its share") func integers()
        throws
    {
        let variation = try IntegerVariation(bounds: [-3...3, 5...5, 0...100], creepShare: 0.5)
        var random = Xoshiro256StarStar(seed: 1)
        var changed = [0, 0, 0]
        for _ in 0..<4_000 {
            var a = variation.makeRandom(using: &random)
            var b = variation.makeRandom(using: &random)
            let parents = (a, b)
            variation.cross(&a, &b, using: &random)
            for gene in 0..<3 {
                #expect(Set([a[gene], b[gene]]) == Set([parents.0[gene], parents.1[gene]]))
            }
            let before = a
            variation.mutate(&a, rate: 0.25, using: &random)
            for gene in 0..<3 where a[gene] != before[gene] { changed[gene] += 1 }
            #expect(zip(a, variation.bounds).allSatisfy { $1.contains($0) })
        }
        #expect(changed[1] == 0, "a gene of one value cannot change")
        // Binomial(4000, 0.25) has a standard deviation of 27; steps at an end of the bounds may change nothing.
        #expect((700...1_140).contains(changed[0]) && (840...1_140).contains(changed[2]), "\(changed)")
        var outside = [9, 9, -9]
        variation.clamp(&outside)
        #expect(outside == [3, 5, 0])
    }

    @Test("A reset draws every other value alike") func reset() throws {
        let variation = try IntegerVariation(bounds: [0...4])
        var random = Xoshiro256StarStar(seed: 2)
        var counts = [Int](repeating: 0, count: 5)
        for _ in 0..<8_000 {
            var genome = [2]
            variation.mutate(&genome, rate: 1, using: &random)
            counts[genome[0]] += 1
        }
        #expect(counts[2] == 0)
        // Three degrees of freedom: 26 is beyond the 0.99999 quantile of χ².
        let deviation = [0, 1, 3, 4].reduce(0.0) { $0 + Double((counts[$1] - 2_000) * (counts[$1] - 2_000)) / 2_000 }
        #expect(deviation < 26)
    }

    /// Far from the bounds SBX keeps the mean of the pair; its spread factor is at most 1 with probability 1/2
    /// (Deb and Agrawal 1995).
    @Test("Simulated binary crossover keeps the mean, contracts half of the pairs and stays within bounds")
    func binary() throws {
        let variation = try RealVariation(bounds: [-1_000...1_000], geneShare: 1)
        let tight = try RealVariation(bounds: [0...1], crossoverIndex: 2, geneShare: 1)
        var random = Xoshiro256StarStar(seed: 3)
        var contracted = 0
        for _ in 0..<4_000 {
            var (a, b) = ([-1.0], [3.0])
            variation.cross(&a, &b, using: &random)
            #expect(abs(a[0] + b[0] - 2) < 1e-9)
            if abs(a[0] - b[0]) < 4 { contracted += 1 }
            var (c, d) = ([random.uniform()], [random.uniform()])
            tight.cross(&c, &d, using: &random)
            #expect((0...1).contains(c[0]) && (0...1).contains(d[0]))
        }
        #expect((1_850...2_150).contains(contracted), "\(contracted)")
    }

    @Test("Polynomial mutation stays within bounds and near, at its rate") func polynomial() throws {
        let variation = try RealVariation(bounds: [Double](repeating: 0, count: 10).map { $0...1 })
        var random = Xoshiro256StarStar(seed: 4)
        var moves: [Double] = []
        for _ in 0..<2_000 {
            let before = variation.makeRandom(using: &random)
            var after = before
            variation.mutate(&after, rate: 0.1, using: &random)
            #expect(after.allSatisfy { (0...1).contains($0) })
            moves += zip(before, after).map { abs($0 - $1) }.filter { $0 > 0 }
        }
        // Binomial(20000, 0.1): standard deviation 42. Mean |δ| without bounds is 1/(η + 2) = 0.045.
        #expect((1_790...2_210).contains(moves.count))
        let mean = moves.reduce(0, +) / Double(moves.count)
        #expect((0.03...0.055).contains(mean), "\(mean)")
    }
}
