internal import Engine
public import Telemetry

/// A percentile distribution as HdrHistogram's `outputPercentileDistribution` writes it (`.hgrm`), in milliseconds.
///
/// Five lines a halving of the distance to 100 %. Byte for byte what the Java tools make of the same histogram.
public enum PercentileTable {
    private static let ticksPerHalfDistance = 5.0
    private static let unit = 1e6

    /// Response times of the run.
    public static func text(_ report: RunReport) -> String { text(report.response) }

    /// The distribution of nanoseconds.
    public static func text(_ histogram: HDRHistogram) -> String {
        let buckets = histogram.occupied
        var lines = [
            [("Value", 12), ("Percentile", 14), ("TotalCount", 10), ("1/(1-Percentile)", 14)]
                .map { FixedText.padded($0.0, $0.1) }.joined(separator: " "), "",
        ]
        var (level, seen, index) = (0.0, UInt64(0), -1)
        while seen < histogram.count {
            while index < 0 || 100 * Double(seen) / Double(histogram.count) < level {
                index += 1
                seen += buckets[index].count
            }
            let share = level / 100
            lines.append(
                line(buckets[index].high, share, seen, histogram.digits)
                    + " " + FixedText.text(1 / (1 - share), decimals: 2, width: 14))
            level = next(level)
        }
        if let last = buckets.last { lines.append(line(last.high, 1, seen, histogram.digits)) }
        return (lines + footer(histogram, buckets)).joined(separator: "\n") + "\n"
    }

    private static func line(_ value: Int64, _ share: Double, _ seen: UInt64, _ digits: Int) -> String {
        FixedText.text(Double(value) / unit, decimals: digits, width: 12) + " "
            + FixedText.text(share, decimals: 12) + " " + FixedText.padded("\(seen)", 10)
    }

    /// The next percentile: so many steps for the half distance that this one lies in.
    private static func next(_ level: Double) -> Double {
        var halvings = 1.0
        var distance = 100 / (100 - level)
        while distance >= 2 {
            halvings += 1
            distance /= 2
        }
        let ticks = (0..<Int(halvings)).reduce(ticksPerHalfDistance) { ticks, _ in ticks * 2 }
        return level + 100 / ticks
    }

    private static func footer(
        _ histogram: HDRHistogram, _ buckets: [(low: Int64, high: Int64, count: UInt64)]
    ) -> [String] {
        let middles = buckets.map { (Double($0.low + ($0.high - $0.low + 1) / 2), Double($0.count)) }
        let count = Double(max(histogram.count, 1))
        let mean = middles.reduce(0) { $0 + $1.0 * $1.1 } / count
        let variance = middles.reduce(0) { $0 + ($1.0 - mean) * ($1.0 - mean) * $1.1 } / count
        func number(_ value: Double) -> String {
            FixedText.text(value / unit, decimals: histogram.digits, width: 12)
        }
        let (bucketCount, subBuckets) = shape(histogram)
        return [
            "#[Mean    = \(number(mean)), StdDeviation   = \(number(variance.squareRoot()))]",
            "#[Max     = \(number(Double(buckets.last?.high ?? 0))), "
                + "Total count    = \(FixedText.padded("\(histogram.count)", 12))]",
            "#[Buckets = \(FixedText.padded("\(bucketCount)", 12)), "
                + "SubBuckets     = \(FixedText.padded("\(subBuckets)", 12))]",
        ]
    }

    /// Buckets that double in width, and sub-buckets of each.
    private static func shape(_ histogram: HDRHistogram) -> (buckets: Int, subBuckets: Int) {
        let wanted = 2 * (0..<histogram.digits).reduce(1) { product, _ in product * 10 }
        var subBuckets = 1
        while subBuckets < wanted { subBuckets *= 2 }
        var untrackable = Int64(subBuckets) << Int64(63 - histogram.lowest.leadingZeroBitCount)
        var buckets = 1
        while untrackable <= histogram.highest {
            buckets += 1
            if untrackable > Int64.max / 2 { break }
            untrackable <<= 1
        }
        return (buckets, subBuckets)
    }
}
