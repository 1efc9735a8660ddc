/// A histogram of 64-bit values with a fixed relative error and a fixed size, mergeable by addition.
///
/// Same index arithmetic as HdrHistogram (Gil Tene, public domain), so that its tools read what `HDRHistogramCodec`
/// writes. Values fall into buckets that double in width; each bucket has `2 * 10^digits` sub-buckets rounded up to
/// a power of two, hence neighbouring values share a count only where they differ by less than one part in
/// `10^digits`. Recording is a count of leading zeros, two shifts and one addition, without allocation.
///
/// Not synchronized: one per thread, added together with `add` at the end. Percentiles of merged histograms are
/// exact (within the resolution); percentiles must never be averaged instead.
public struct HDRHistogram: Sendable, Equatable {
    /// The smallest value that is told from zero.
    public let lowest: Int64
    /// The largest value that is recorded as itself.
    public let highest: Int64
    /// Significant decimal digits, 1...5.
    public let digits: Int

    let unitMagnitude: Int
    let subBucketHalfCountMagnitude: Int
    private let subBucketMask: Int64
    private let leadingZeroCountBase: Int
    private(set) var counts: [UInt64]

    /// Values recorded.
    public private(set) var count: UInt64 = 0
    /// Values above `highest`, recorded as `highest`: not silently lost.
    public private(set) var saturated: UInt64 = 0
    /// Sum of the values as recorded, before any rounding into buckets.
    public private(set) var sum: Double = 0
    private var leastRaw = Int64.max
    private var greatestRaw: Int64 = 0

    /// An empty histogram for `lowest...highest`.
    ///
    /// - Parameters:
    ///   - lowest: at least 1; resolution below it is not kept.
    ///   - highest: at least `2 * lowest`.
    ///   - digits: 1...5; 3 costs about 8 KB for each doubling of the range.
    public init(lowest: Int64, highest: Int64, digits: Int = 3) {
        precondition(lowest >= 1 && highest / 2 >= lowest, "1 <= lowest <= highest / 2")
        precondition((1...5).contains(digits), "digits are 1...5")
        self.lowest = lowest
        self.highest = highest
        self.digits = digits
        unitMagnitude = 63 - lowest.leadingZeroBitCount
        let largestSingleUnit = 2 * (0..<digits).reduce(1) { product, _ in product * 10 }
        let magnitude = Int.bitWidth - (largestSingleUnit - 1).leadingZeroBitCount
        subBucketHalfCountMagnitude = magnitude - 1
        precondition(unitMagnitude + magnitude <= 61, "the range does not fit 64 bits at this resolution")
        subBucketMask = ((Int64(1) << magnitude) - 1) << unitMagnitude
        leadingZeroCountBase = 64 - unitMagnitude - magnitude
        var untrackable = Int64(1) << (magnitude + unitMagnitude)
        var buckets = 1
        while untrackable <= highest {
            buckets += 1
            if untrackable > Int64.max / 2 { break }
            untrackable <<= 1
        }
        counts = [UInt64](repeating: 0, count: (buckets + 1) << subBucketHalfCountMagnitude)
    }

    /// A histogram of nanoseconds from 1 us (512 ns steps) to 120 s with three digits: what latencies use.
    public static func latency() -> HDRHistogram { HDRHistogram(lowest: 1_000, highest: 120_000_000_000) }

    // MARK: Recording

    /// Counts `value` `times` times; negative values count as 0, values above `highest` as `highest`.
    public mutating func record(_ value: Int64, times: UInt64 = 1) {
        guard times > 0 else { return }
        let clamped = min(max(value, 0), highest)
        if value > highest { saturated += times }
        counts[index(of: clamped)] += times
        count += times
        sum += Double(clamped) * Double(times)
        if clamped < leastRaw { leastRaw = clamped }
        if clamped > greatestRaw { greatestRaw = clamped }
    }

    /// Adds every count of `other`; both must have the same range and digits.
    public mutating func add(_ other: HDRHistogram) {
        precondition(
            lowest == other.lowest && highest == other.highest && digits == other.digits, "histograms of one shape")
        for index in other.counts.indices where other.counts[index] > 0 { counts[index] += other.counts[index] }
        count += other.count
        saturated += other.saturated
        sum += other.sum
        leastRaw = min(leastRaw, other.leastRaw)
        greatestRaw = max(greatestRaw, other.greatestRaw)
    }

    /// Forgets everything, keeps the memory.
    public mutating func reset() {
        for index in counts.indices { counts[index] = 0 }
        count = 0
        saturated = 0
        sum = 0
        leastRaw = .max
        greatestRaw = 0
    }

    // MARK: Reading

    /// The smallest value recorded, 0 when empty.
    public var least: Int64 { count == 0 ? 0 : leastRaw }
    /// The largest value recorded, 0 when empty.
    public var greatest: Int64 { greatestRaw }
    /// The mean, 0 when empty.
    public var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The smallest value with at least `percentile` per cent of all values at or below it, as the upper end of its
    /// sub-bucket (HdrHistogram's convention); 0 when empty.
    public func value(atPercentile percentile: Double) -> Int64 {
        guard count > 0 else { return 0 }
        let wanted = (min(max(percentile, 0), 100) / 100).nextDown * Double(count)
        let rank = max(1, UInt64(max(0, wanted).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices where counts[index] > 0 {
            seen += counts[index]
            if seen >= rank { return highestEquivalent(index: index) }
        }
        return highestEquivalent(index: self.index(of: greatestRaw))
    }

    /// Values at or below `value` (to the resolution), counted.
    public func count(atOrBelow value: Int64) -> UInt64 {
        let last = index(of: min(max(value, 0), highest))
        return counts[...last].reduce(0, +)
    }

    /// The occupied sub-buckets, ascending: lowest value in the bucket, highest value in it, count.
    public var occupied: [(low: Int64, high: Int64, count: UInt64)] {
        counts.indices.filter { counts[$0] > 0 }.map {
            (lowestEquivalent(index: $0), highestEquivalent(index: $0), counts[$0])
        }
    }

    // MARK: Index arithmetic

    func index(of value: Int64) -> Int {
        let bucket = leadingZeroCountBase - (value | subBucketMask).leadingZeroBitCount
        let subBucket = Int(value >> Int64(bucket + unitMagnitude))
        return ((bucket + 1) << subBucketHalfCountMagnitude) + subBucket - (1 << subBucketHalfCountMagnitude)
    }

    func lowestEquivalent(index: Int) -> Int64 {
        let half = 1 << subBucketHalfCountMagnitude
        let bucket = (index >> subBucketHalfCountMagnitude) - 1
        let subBucket = (index & (half - 1)) + (bucket < 0 ? 0 : half)
        return Int64(subBucket) << Int64(max(bucket, 0) + unitMagnitude)
    }

    private func highestEquivalent(index: Int) -> Int64 {
        let bucket = max((index >> subBucketHalfCountMagnitude) - 1, 0)
        return lowestEquivalent(index: index) + (Int64(1) << Int64(bucket + unitMagnitude)) - 1
    }
}
