internal import Learning

/// A mean and where it lies with 95 % confidence.
public struct Interval: Sendable, Equatable {
    public var mean: Double
    public var low: Double
    public var high: Double

    /// A mean between two ends.
    public init(mean: Double, low: Double, high: Double) {
        self.mean = mean
        self.low = low
        self.high = high
    }

    /// The percentile bootstrap (Efron 1979) of the mean of `values`: `resamples` draws with replacement, their means
    /// at 2.5 % and 97.5 %. Same values and seed, same interval; NaN without values.
    public init(bootstrap values: [Double], resamples: Int = 2_000, seed: UInt64 = 1) {
        guard !values.isEmpty, resamples > 0 else {
            self.init(mean: .nan, low: .nan, high: .nan)
            return
        }
        let mean = values.reduce(0, +) / Double(values.count)
        guard values.count > 1, values.allSatisfy(\.isFinite) else {
            self.init(mean: mean, low: mean, high: mean)
            return
        }
        var random = Xoshiro256StarStar(seed: seed)
        var means: [Double] = []
        means.reserveCapacity(resamples)
        for _ in 0..<resamples {
            var sum = 0.0
            for _ in values.indices { sum += values[random.below(values.count)] }
            means.append(sum / Double(values.count))
        }
        means.sort()
        func quantile(_ level: Double) -> Double {
            let place = level * Double(means.count - 1)
            let index = Int(place)
            let next = min(index + 1, means.count - 1)
            return means[index] + (place - Double(index)) * (means[next] - means[index])
        }
        self.init(mean: mean, low: quantile(0.025), high: quantile(0.975))
    }
}
