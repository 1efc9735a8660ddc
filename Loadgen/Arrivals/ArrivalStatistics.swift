/// Checks whether times form the process they claim to be; the bounds used with them are in the tests.
public enum ArrivalStatistics {
    /// Index of dispersion of counts: variance over mean of the arrivals in consecutive windows.
    ///
    /// 1 for a Poisson process of constant rate, 0 for even arrivals, more for bursts.
    ///
    /// - Parameters:
    ///   - times: ascending, nanoseconds.
    ///   - window: nanoseconds.
    ///   - length: of the whole run, nanoseconds; at least two windows must fit.
    /// - Returns: the index and the number of windows, or nil where fewer than two windows or no arrivals exist.
    public static func dispersion(
        of times: [UInt64], window: UInt64, length: UInt64
    ) -> (index: Double, windows: Int)? {
        let windows = window > 0 ? Int(length / window) : 0
        guard windows > 1 else { return nil }
        var counts = [Int](repeating: 0, count: windows)
        for time in times where Int(time / window) < windows { counts[Int(time / window)] += 1 }
        let mean = Double(counts.reduce(0, +)) / Double(windows)
        guard mean > 0 else { return nil }
        let squares = counts.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return (squares / Double(windows - 1) / mean, windows)
    }

    /// How many standard deviations an index of dispersion is away from a Poisson process's 1.
    public static func dispersionScore(index: Double, windows: Int) -> Double {
        (index - 1) * (Double(windows - 1) / 2).squareRoot()
    }

    /// The gaps after time rescaling: expected arrivals between neighbours, which are exponential with mean 1 for a
    /// Poisson process of any rate profile.
    public static func rescaledGaps(of times: [UInt64], profile: RateProfile) -> [Double] {
        var last = 0.0
        return times.map { time in
            let mass = profile.mass(until: Double(time) / 1e9)
            defer { last = mass }
            return mass - last
        }
    }

    /// Kolmogorov-Smirnov distance of `gaps` to the exponential distribution with mean 1, times the root of their
    /// number: above 1.95 happens to true exponentials once in a thousand.
    public static func exponentialDistance(of gaps: [Double]) -> Double {
        guard !gaps.isEmpty else { return 0 }
        let count = Double(gaps.count)
        var distance = 0.0
        for (index, gap) in gaps.sorted().enumerated() {
            let expected = -Elementary.expm1(-gap)
            distance = max(distance, expected - Double(index) / count, Double(index + 1) / count - expected)
        }
        return distance * count.squareRoot()
    }

    /// Correlation of each gap with the next; within 3.3 / sqrt(n) of 0 for independent gaps.
    public static func lagOneCorrelation(of gaps: [Double]) -> Double {
        guard gaps.count > 2 else { return 0 }
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let covariance = zip(gaps, gaps.dropFirst()).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) }
        return variance > 0 ? covariance / variance : 0
    }
}
