import Forecasting
import Foundation
import TestData
import Testing

@Suite struct ConformalTests {
    /// A copy of the method that keeps an unsorted list.
    private struct Naive {
        var level: Double
        var alpha: Double
        var scores: [Double] = []

        func corrected(_ quantile: Double) -> Double {
            guard !scores.isEmpty else { return quantile }
            let sorted = scores.sorted()
            let rank = Int(((Double(sorted.count) + 1) * (1 - alpha)).rounded(.up))
            let score = sorted[min(max(rank - 1, 0), sorted.count - 1)]
            return level > 0.5 ? quantile + score : quantile - score
        }

        mutating func observe(_ truth: Double, _ quantile: Double, _ corrected: Double) {
            let target = min(level, 1 - level)
            let miss = level > 0.5 ? truth > corrected : truth < corrected
            alpha = max(0.001, min(0.5, alpha + 0.1 * target * (target - (miss ? 1 : 0))))
            scores.append(level > 0.5 ? truth - quantile : quantile - truth)
            if scores.count > 50 { scores.removeFirst() }
        }
    }

    @Test("The correction is that of a naive copy, step by step", arguments: [0.025, 0.25, 0.95], [1, 2] as [UInt64])
    func reference(level: Double, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var fast = AdaptiveConformal(level: level, scoresMax: 50)
        var naive = Naive(level: level, alpha: min(level, 1 - level))
        for step in 0..<400 {
            // Every fifth truth repeats a value, so that equal scores leave the ring too.
            let truth = step % 5 == 0 ? 1 : SyntheticLoad.normal(&random)
            let corrected = fast.corrected(0.3)
            #expect(corrected == naive.corrected(0.3), "step \(step) of seed \(seed)")
            fast.observe(truth: truth, quantile: 0.3, corrected: corrected)
            naive.observe(truth, 0.3, corrected)
            #expect(fast.alpha == naive.alpha)
        }
    }

    @Test("After a shift of the mean a fixed quantile fails for good and the adaptive one recovers within 100 steps")
    func shift() {
        var random = SplitMix64(seed: 7)
        var adaptive = AdaptiveConformal(level: 0.95)
        var fixed: [Double] = []
        for _ in 0..<520 {
            let truth = SyntheticLoad.normal(&random)
            fixed.append(truth)
            adaptive.observe(truth: truth, quantile: 0, corrected: adaptive.corrected(0))
        }
        fixed.sort()
        let bound = fixed[494]
        var misses = (fixed: 0, adaptive: 0)
        for step in 0..<2_100 {
            let truth = 2 + SyntheticLoad.normal(&random)
            let corrected = adaptive.corrected(0)
            adaptive.observe(truth: truth, quantile: 0, corrected: corrected)
            guard step >= 100 else { continue }
            if truth > bound { misses.fixed += 1 }
            if truth > corrected { misses.adaptive += 1 }
        }
        #expect(misses.fixed > 1_000, "Φ(1.645 - 2) leaves 64 % outside")
        #expect(misses.adaptive > 60 && misses.adaptive < 140, "5 % of 2,000 is 100: \(misses.adaptive)")
    }

    @Test("Scores that are not finite are not kept") func notFinite() {
        var adaptive = AdaptiveConformal(level: 0.9)
        adaptive.observe(truth: .nan, quantile: 0, corrected: 0)
        #expect(adaptive.corrected(1) == 1)
        adaptive.observe(truth: 2, quantile: 0, corrected: 0)
        #expect(adaptive.corrected(1) == 3)
    }

    @Test("The join weighs by recent errors and follows the one that is right") func weights() {
        var combiner = ForecastCombiner(experts: 2, horizon: 1, levels: [0.5])
        #expect(combiner.weights(ahead: 1) == [0.5, 0.5])
        for _ in 0..<50 { _ = combiner.step(truth: 0, forecasts: [0.1, 0.2], spread: [0]) }
        // Errors 1 : 2, squared 1 : 4, to the power -8.
        #expect(abs(combiner.weights(ahead: 1)[1] / combiner.weights(ahead: 1)[0] - pow(4, -8)) < 1e-9)
        for _ in 0..<2_000 { _ = combiner.step(truth: 0, forecasts: [0.3, 0.1], spread: [0]) }
        #expect(combiner.weights(ahead: 1)[1] > 0.99)
        let joined = combiner.step(truth: 0, forecasts: [0.3, 0.1], spread: [0])
        #expect(abs(joined.logMiddle[0] - 0.1) < 0.01)
    }

    @Test("A forecast of h bins ahead is judged h bins later, and a gap forgets the open ones") func delay() {
        var combiner = ForecastCombiner(experts: 2, horizon: 2, levels: [0.5])
        // Forecaster 0 is right one bin ahead, forecaster 1 two bins ahead.
        for step in 0..<20 {
            let now = Double(step)
            _ = combiner.step(truth: now, forecasts: [now + 1, now + 2, now + 1, now + 2], spread: [0, 0])
        }
        #expect(combiner.weights(ahead: 1)[0] > 0.999)
        #expect(combiner.weights(ahead: 2)[1] > 0.999)
        let weights = combiner.weights(ahead: 1)
        combiner.forgetPending()
        _ = combiner.step(truth: 1_000, forecasts: [0, 0, 0, 0], spread: [0, 0])
        #expect(combiner.weights(ahead: 1) == weights)
    }

    @Test("Quantiles rise with their levels and reach their coverage, here of normal noise at two horizons")
    func coverage() {
        let levels: [Float] = [0.025, 0.05, 0.5, 0.95, 0.975]
        var combiner = ForecastCombiner(experts: 1, horizon: 2, levels: levels)
        var random = SplitMix64(seed: 8)
        var issued: [LoadForecast] = []
        var inside = [0, 0]
        let spread: [Double] = [-1, -0.5, 0, 0.1, 0.2, -9, -5, 0, 3, 4]
        for step in 0..<6_000 {
            let truth = SyntheticLoad.normal(&random)
            for ahead in 1...2 where step >= 1_000 {
                let forecast = issued[step - ahead]
                let first = (ahead - 1) * 5
                if (forecast.logQuantiles[first]...forecast.logQuantiles[first + 4]).contains(truth) {
                    inside[ahead - 1] += 1
                }
            }
            let forecast = combiner.step(truth: truth, forecasts: [0, 0], spread: spread)
            for first in [0, 5] {
                let quantiles = Array(forecast.logQuantiles[first..<first + 5])
                #expect(quantiles == quantiles.sorted())
            }
            issued.append(forecast)
        }
        for count in inside { #expect(count > 4_700 && count < 4_800, "95 % of 5,000 is 4,750: \(inside)") }
    }

    @Test("A forecast answers loads by level, and its peak over the bins ahead") func forecast() {
        let forecast = LoadForecast(
            levels: [0.5, 0.95], logMiddle: [log(11), log(21)], logQuantiles: [log(11), log(13), log(21), log(31)])
        #expect(abs(forecast.load(ahead: 2) - 20) < 1e-9)
        #expect(abs((forecast.load(ahead: 1, level: 0.95) ?? 0) - 12) < 1e-9)
        #expect(abs((forecast.peak(level: 0.95) ?? 0) - 30) < 1e-9)
        #expect(forecast.load(ahead: 1, level: 0.9) == nil && forecast.peak(level: 0.9) == nil)
    }

    @Test("Drift raises no alarm on errors as expected and one soon after they double") func drift() {
        var detector = DriftDetector(expected: 0.8)
        var random = SplitMix64(seed: 9)
        // The mean of |N(0, 1)| is 0.798.
        for _ in 0..<100_000 {
            let isAlarm = detector.observe(error: SyntheticLoad.normal(&random))
            #expect(!isAlarm, "an alarm without drift")
        }
        var steps = 0
        while steps < 1_000, !detector.observe(error: 2 * SyntheticLoad.normal(&random)) { steps += 1 }
        #expect(steps > 50 && steps < 300, "about 100 / 0.7: \(steps)")
        #expect(detector.alarms == 1 && detector.evidence == 0)
        for _ in 0..<12 { _ = detector.observe(error: .nan) }
        #expect(detector.alarms == 2)
    }
}
