import Autoscaling
import TestData
import Testing

@Suite("Autopilot's ensemble") struct AutopilotEnsembleTests {
    private func histogram(_ values: [Int], _ buckets: Int) -> [Double] {
        (0..<buckets).map { bucket in Double(values.count { $0 == bucket }) }
    }

    @Test("Limits are those of the sums written out over all intervals") func writtenOut() {
        var random = SplitMix64(seed: 17)
        let models = [(1.0, 0), (0.5, 1), (0.1, 2), (0.25, 0)].map {
            AutopilotEnsemble.Model(decay: $0.0, margin: $0.1)
        }
        let weights = AutopilotEnsemble.Weights()
        var ensemble = AutopilotEnsemble(models: models, weights: weights, buckets: 12)
        var past: [[Int]] = []
        var bare = [Int?](repeating: nil, count: 4)
        var limits = bare
        var costs = [Double](repeating: 0, count: 4)
        var (inForce, limit): (Int?, Int?) = (nil, nil)
        for step in 0..<200 {
            let values = (0..<10).map { _ in random.below(step % 50 < 25 ? 5 : 11) }
            past.append(values)
            func share(_ values: [Int], _ holds: (Int) -> Bool) -> Double { Double(values.count(where: holds)) / 10 }
            for (index, model) in models.enumerated() {
                func faded(_ holds: (Int) -> Bool) -> Double {
                    past.enumerated().reduce(0) { sum, entry in
                        let age = past.count - 1 - entry.offset
                        return sum + model.decay * (0..<age).reduce(1.0) { product, _ in product * (1 - model.decay) }
                            * share(entry.element, holds)
                    }
                }
                let prices = (0..<12).map { candidate in
                    weights.overrun * faded { $0 > candidate } + weights.underrun * faded { $0 < candidate }
                        + (bare[index].map { $0 != candidate } == true ? weights.change : 0)
                }
                let least = prices.reduce(.infinity, min)
                let chosen = prices.firstIndex { $0 < least + 1e-12 } ?? 0
                bare[index] = chosen
                let next = min(11, chosen + model.margin)
                let now =
                    weights.overrun * share(values) { $0 > next } + weights.underrun * share(values) { $0 < next }
                    + (limits[index].map { $0 != next } == true ? weights.change : 0)
                costs[index] = weights.costDecay * now + (1 - weights.costDecay) * costs[index]
                limits[index] = next
            }
            let totals = models.indices.map { index in
                costs[index] + (inForce.map { $0 != index } == true ? weights.modelChange : 0)
                    + (limit.map { $0 != limits[index] } == true ? weights.limitChange : 0)
            }
            let least = totals.reduce(.infinity, min)
            inForce = totals.firstIndex { $0 < least + 1e-12 }
            limit = inForce.flatMap { limits[$0] }
            #expect(ensemble.endInterval(histogram(values, 12)) == limit, "interval \(step)")
            #expect(ensemble.model == inForce)
        }
    }

    @Test("A constant usage is its own limit, and an empty interval changes nothing") func constant() {
        var ensemble = AutopilotEnsemble(models: [.init(decay: 0.5, margin: 0)], buckets: 8)
        #expect(ensemble.endInterval(histogram([], 8)) == nil)
        for _ in 0..<5 { #expect(ensemble.endInterval(histogram([3, 3], 8)) == 3) }
        #expect(ensemble.endInterval(histogram([], 8)) == 3)
    }
}
