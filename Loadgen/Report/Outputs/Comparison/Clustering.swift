internal import Engine

/// How much the requests of a run resemble their neighbours: what makes a confidence interval of ranks too narrow.
///
/// Latencies are not independent: a pause of the target delays thousands of requests together. The intervals of the
/// series are therefore gathered into batches, and the variance of a share is taken from how the batches differ: of two
/// runs with one schedule batch by batch, which takes the change of the load over the run out of it; within a run from
/// neighbouring batches (von Neumann's estimator), which a slow change does not inflate. Batches that still resemble their
/// neighbours widen it by (1 + r) / (1 - r), r their correlation. The design effect is that variance over the one of
/// independent requests, at least 1. Batch means in place of a block bootstrap: the same blocks, but no resampling, hence
/// the same answer every time. What changes more slowly than a fifth of the run cannot be told from a difference.
struct Clustering {
    /// Fewer batches say nothing about a variance.
    static let batchesMin = 5

    /// How many requests each interval has, and how many of them are of the kind counted.
    typealias Counts = [(part: Double, all: Double)]

    /// At least 1.
    let effect: Double
    /// Of the estimate; infinite where there was none.
    let degrees: Double

    /// The effect within one run: the variance of `part / all`.
    init(_ counts: Counts) {
        let (part, all) = counts.reduce((0.0, 0.0)) { ($0.0 + $1.part, $0.1 + $1.all) }
        let share = part / max(all, 1)
        self.init(
            Self.batches(counts.map { ($0.part - share * $0.all) / max(all, 1) }),
            independent: share * (1 - share) / max(all, 1))
    }

    /// The effect on the difference of two runs' shares; interval by interval where both have the same schedule, which
    /// takes the change of the load over the run out of the difference.
    init(_ a: Counts, _ b: Counts, isPaired: Bool) {
        let (sumA, sumB) = (a.reduce(0) { $0 + $1.all }, b.reduce(0) { $0 + $1.all })
        let part = (a + b).reduce(0) { $0 + $1.part }
        let share = part / max(sumA + sumB, 1)
        let independent = share * (1 - share) * (1 / max(sumA, 1) + 1 / max(sumB, 1))
        func residuals(_ counts: Counts, _ sum: Double) -> [Double] {
            counts.map { ($0.part - share * $0.all) / max(sum, 1) }
        }
        let (left, right) = (residuals(a, sumA), residuals(b, sumB))
        if isPaired {
            let count = max(left.count, right.count)
            let difference = (0..<count).map { (left[safe: $0] ?? 0) - (right[safe: $0] ?? 0) }
            let batches = Self.batches(difference)
            guard batches.count >= Self.batchesMin else {
                self.init([], independent: independent)
                return
            }
            self.init(
                variance: Self.spread(batches), degrees: Double(batches.count - 1) * 2 / 3, independent: independent)
        } else {
            let (one, two) = (Self.batches(left), Self.batches(right))
            guard one.count >= Self.batchesMin, two.count >= Self.batchesMin else {
                self.init([], independent: independent)
                return
            }
            self.init(
                variance: Self.variance(one) + Self.variance(two), degrees: Double(one.count + two.count - 4) * 2 / 3,
                independent: independent)
        }
    }

    private init(_ batches: [Double], independent: Double) {
        guard batches.count >= Self.batchesMin else {
            self.init(variance: nil, degrees: .infinity, independent: independent)
            return
        }
        self.init(
            variance: Self.variance(batches), degrees: Double(batches.count - 2) * 2 / 3, independent: independent)
    }

    /// Differences of neighbours have two thirds of the degrees of freedom that squares around a mean have; the correlation
    /// of batches, estimated too, costs as much.
    private init(variance: Double?, degrees: Double, independent: Double) {
        effect = independent > 0 ? max(1, (variance ?? 0) / independent) : 1
        self.degrees = max(1, degrees)
    }

    /// The effect on a part of the requests, spread over all intervals: clusters become smaller by that share.
    func effect(ofShare share: Double) -> Double { 1 + (effect - 1) * min(max(share, 0), 1) }

    /// Sums of as many batches as the square root of the number of values, at least ten where there are so many values.
    private static func batches(_ values: [Double]) -> [Double] {
        guard values.count >= batchesMin else { return [] }
        let count = min(values.count, max(10, Int(Double(values.count).squareRoot())))
        return (0..<count).map { batch in
            values[batch * values.count / count..<(batch + 1) * values.count / count].reduce(0, +)
        }
    }

    /// The variance of the sum of batches around their mean, widened by the correlation of neighbours.
    private static func spread(_ batches: [Double]) -> Double {
        let count = Double(batches.count)
        let mean = batches.reduce(0, +) / count
        let squares = batches.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let products = zip(batches, batches.dropFirst()).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) }
        // The correlation of so few values is too small by about 1 / count.
        let correlation = squares > 0 ? min(max(products / squares + 1 / count, 0), 0.8) : 0
        return squares / (count - 1) * count * (1 + correlation) / (1 - correlation)
    }

    /// The variance of the sum of the batches, from the differences of neighbours.
    private static func variance(_ batches: [Double]) -> Double {
        let steps = zip(batches, batches.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0) * ($1.1 - $1.0) }
        return steps / 2 / Double(batches.count - 1) * Double(batches.count)
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
