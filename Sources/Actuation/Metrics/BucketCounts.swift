public import Telemetry

/// A histogram of Prometheus: how many values were at most each bound, since the process began or over an interval.
public struct BucketCounts: Sendable, Equatable {
    /// Bounds ascending, the last one infinite.
    public private(set) var bounds: [Double]
    /// Values at most the bound, by bound; ascending.
    public private(set) var counts: [Double]

    /// The histogram of a page, summed over its series; nil where it is absent or its buckets are unsound.
    public init?(_ page: PrometheusText, _ selection: MetricSelection) {
        var sums: [Double: Double] = [:]
        for sample in page.samples(selection.name + "_bucket", selection.labels) {
            guard let word = sample.labels["le"], let bound = Self.bound(word), sample.value >= 0,
                sample.value.isFinite
            else { return nil }
            sums[bound, default: 0] += sample.value
        }
        self.init(sums)
    }

    /// A histogram by counts of values at most each bound; nil without the infinite bound or where counts are negative.
    public init?(_ cumulative: [Double: Double]) {
        let sorted = cumulative.sorted { $0.key < $1.key }
        guard sorted.last?.key == .infinity, sorted.allSatisfy({ $0.value >= 0 && $0.value.isFinite }) else {
            return nil
        }
        bounds = sorted.map(\.key)
        counts = sorted.map(\.value)
    }

    private static func bound(_ word: String) -> Double? {
        if word == "+Inf" || word == "Inf" { return .infinity }
        guard let value = Double(word), value.isFinite else { return nil }
        return value
    }

    /// What was added since `earlier`; nil where the bounds differ or a count went back.
    public func since(_ earlier: BucketCounts) -> BucketCounts? {
        guard bounds == earlier.bounds else { return nil }
        var result = self
        for index in counts.indices {
            result.counts[index] -= earlier.counts[index]
            guard result.counts[index] >= 0 else { return nil }
        }
        return result
    }

    /// Both together; nil where the bounds differ.
    public func adding(_ other: BucketCounts) -> BucketCounts? {
        guard bounds == other.bounds else { return nil }
        var result = self
        for index in counts.indices { result.counts[index] += other.counts[index] }
        return result
    }

    /// All values counted.
    public var total: Double { counts.last ?? 0 }

    /// The quantile as Prometheus' `histogram_quantile` computes it: a line within the bucket, the largest finite bound
    /// for what is above it; nil where nothing was counted or no bound is finite.
    public func quantile(_ q: Double) -> Double? {
        guard total > 0, bounds.count > 1 else { return nil }
        let rank = q * total
        // Scrapes of a histogram are not atomic: a count may lag behind one of a lower bound.
        var below = 0.0
        for index in bounds.indices {
            let upTo = max(below, counts[index])
            guard upTo >= rank, upTo > below || index == bounds.count - 1 else {
                below = upTo
                continue
            }
            if index == bounds.count - 1 { return bounds[index - 1] }
            if index == 0 && bounds[0] <= 0 { return bounds[0] }
            let lower = index == 0 ? 0 : bounds[index - 1]
            return lower + (bounds[index] - lower) * (rank - below) / (upTo - below)
        }
        return nil
    }
}
