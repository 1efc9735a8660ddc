internal import Glibc

/// Joins several forecasters bin by bin: weights by their recent errors, then quantiles corrected by what came.
///
/// The weight of a forecaster at a horizon is its recent mean squared error to the power -8, over bins whose truth is
/// known: one that is 10 % worse in error has 0.2 of the weight, one that fails has none within an hour or two. So the
/// join is not far from the best of them in any stretch of time, also where the load is unlike that of the training.
/// One instance serves evaluation and live use.
public struct ForecastCombiner: Sendable {
    /// Number of forecasters.
    public let experts: Int
    /// Bins ahead.
    public let horizon: Int
    /// Levels of the quantiles, rising, 0.5 among them.
    public let levels: [Float]
    /// Bins after which an error weighs 1/e.
    public static let memory = 480.0
    /// Power of the squared error.
    private static let power = 8.0

    /// Discounted sum of squared errors by horizon and forecaster, and of ones.
    private var errors: [Double]
    private var counts: [Double]
    /// One a horizon and level; none for the median.
    private var corrections: [AdaptiveConformal?]
    /// The last `horizon` forecasts, the newest last.
    private var pending: [Issued] = []

    private struct Issued: Sendable {
        var experts: [Double]
        var raw: [Double]
        var corrected: [Double]
    }

    /// A join without experience: equal weights, quantiles as they come.
    public init(experts: Int, horizon: Int, levels: [Float]) {
        precondition(experts > 0 && horizon > 0 && levels.contains(0.5), "\(experts) forecasters, \(horizon) bins")
        self.experts = experts
        self.horizon = horizon
        self.levels = levels
        errors = [Double](repeating: 0, count: experts * horizon)
        counts = [Double](repeating: 0, count: horizon)
        corrections = (0..<horizon).flatMap { _ in
            levels.map { $0 == 0.5 ? nil : AdaptiveConformal(level: Double($0)) }
        }
    }

    /// Weights of the forecasters for the bin `ahead`; they add up to 1.
    public func weights(ahead: Int) -> [Double] {
        let first = (ahead - 1) * experts
        guard counts[ahead - 1] > 0 else { return [Double](repeating: 1 / Double(experts), count: experts) }
        let least = max(errors[first..<first + experts].min() ?? 0, 1e-12)
        let raw = (0..<experts).map { pow(max(errors[first + $0], 1e-12) / least, -Self.power) }
        let sum = raw.reduce(0, +)
        return raw.map { $0 / sum }
    }

    /// Takes the newest truth and the forecasts from it, returns their join.
    ///
    /// - Parameters:
    ///   - truth: ln(load + 1) of the newest bin.
    ///   - forecasts: ln(load + 1) by horizon and forecaster: element (h - 1) · experts + e.
    ///   - spread: quantiles less their median, by horizon and level; 0 everywhere if there are none.
    public mutating func step(truth: Double, forecasts: [Double], spread: [Double]) -> LoadForecast {
        precondition(forecasts.count == experts * horizon && spread.count == levels.count * horizon, "shapes")
        learn(truth)
        var middle: [Double] = []
        var raw: [Double] = []
        var corrected: [Double] = []
        for ahead in 1...horizon {
            let weights = weights(ahead: ahead)
            let center = (0..<experts).reduce(0.0) { $0 + weights[$1] * forecasts[(ahead - 1) * experts + $1] }
            middle.append(center)
            var level: [Double] = []
            for place in (ahead - 1) * levels.count..<ahead * levels.count {
                raw.append(center + spread[place])
                level.append(corrections[place]?.corrected(center + spread[place]) ?? center)
            }
            corrected += level.sorted()
        }
        pending.append(Issued(experts: forecasts, raw: raw, corrected: corrected))
        if pending.count > horizon { pending.removeFirst() }
        return LoadForecast(levels: levels, logMiddle: middle, logQuantiles: corrected)
    }

    /// The forecast issued h bins ago for now is judged at horizon h.
    private mutating func learn(_ truth: Double) {
        let keep = exp(-1 / Self.memory)
        for (age, issued) in pending.reversed().enumerated() {
            let first = age * experts
            counts[age] = counts[age] * keep + 1
            for expert in first..<first + experts {
                let error = issued.experts[expert] - truth
                errors[expert] = errors[expert] * keep + error * error
            }
            for place in age * levels.count..<(age + 1) * levels.count {
                corrections[place]?.observe(
                    truth: truth, quantile: issued.raw[place], corrected: issued.corrected[place])
            }
        }
    }

    /// Forgets forecasts whose truth will never be known, as after a gap; keeps weights and corrections.
    public mutating func forgetPending() { pending.removeAll() }
}
