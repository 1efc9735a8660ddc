public import Telemetry

/// Counts of response times to two significant digits, only where there are any: about a kilobyte an interval.
///
/// Kept so that intervals of several workers can be merged: a percentile of the sum is at most one sub-bucket, 0.8 %,
/// above the true one. Percentiles themselves cannot be merged.
public struct LatencyCounts: Sendable, Equatable {
    /// Highest value of each occupied sub-bucket, nanoseconds, ascending.
    public private(set) var values: [Int64] = []
    /// How many answers lie in it, parallel to `values`.
    public private(set) var counts: [UInt64] = []

    /// No counts.
    public init() {}

    /// The counts of a histogram, brought to two digits.
    public init(_ histogram: HDRHistogram) {
        guard histogram.count > 0 else { return }
        var coarse = HDRHistogram.latency(digits: 2)
        for bucket in histogram.occupied { coarse.record(bucket.high, times: bucket.count) }
        for bucket in coarse.occupied {
            values.append(bucket.high)
            counts.append(bucket.count)
        }
    }

    /// The counts with these values; both of one length, values ascending.
    init?(values: [Int64], counts: [UInt64]) {
        guard values.count == counts.count, values.count <= 4_096, counts.allSatisfy({ $0 < 1 << 40 }),
            zip(values, values.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        self.values = values
        self.counts = counts
    }

    /// All answers.
    public var total: UInt64 { counts.reduce(0, +) }

    /// The value with at least that share of all at or below it, 0 when empty.
    public func value(atPercentile percentile: Double) -> Int64 {
        let total = total
        guard total > 0 else { return 0 }
        let rank = max(1, UInt64((min(max(percentile, 0), 100) / 100 * Double(total)).rounded(.up)))
        var seen: UInt64 = 0
        for (value, count) in zip(values, counts) {
            seen += count
            if seen >= rank { return value }
        }
        return values.last ?? 0
    }

    /// Adds the counts of `other`.
    public mutating func add(_ other: LatencyCounts) {
        var merged = LatencyCounts()
        var (left, right) = (0, 0)
        while left < values.count || right < other.values.count {
            let mine = left < values.count ? values[left] : .max
            let theirs = right < other.values.count ? other.values[right] : .max
            merged.values.append(min(mine, theirs))
            merged.counts.append((mine <= theirs ? counts[left] : 0) + (theirs <= mine ? other.counts[right] : 0))
            if mine <= theirs { left += 1 }
            if theirs <= mine { right += 1 }
        }
        self = merged
    }
}
