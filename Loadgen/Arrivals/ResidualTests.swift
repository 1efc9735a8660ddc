/// Tests that residuals are independent exponentials of mean 1, in constant memory: about 2 MB.
struct ResidualTests: Sendable {
    private static let bins = 1 << 18
    private static let sampleMax = 1 << 16
    private static let blocks = 16

    private(set) var count = 0
    private var histogram = [UInt32](repeating: 0, count: bins)
    private var sum = 0.0
    private var squares = 0.0
    private var products = 0.0
    private var previous = 0.0
    private var sample: [Double] = []
    private let stride: Int
    private let rounding: Double

    /// - Parameters:
    ///   - expected: residuals to come, over which the sample's 16 blocks are spread.
    ///   - rounding: expected arrivals in a nanosecond, by which the rounding of times can move the distribution.
    init(expected: Double, rounding: Double) {
        self.rounding = rounding
        stride = max(Self.sampleMax, Int(min(max(expected, 0), 1e15))) / Self.blocks
        sample.reserveCapacity(Self.sampleMax)
    }

    mutating func add(_ residual: Double) {
        let uniform = -Elementary.expm1(-residual)
        histogram[min(max(Int(uniform * Double(Self.bins)), 0), Self.bins - 1)] += 1
        // About the expected mean 1, so that the sums stay small.
        let deviation = residual - 1
        sum += deviation
        squares += deviation * deviation
        if count > 0 { products += previous * deviation }
        previous = deviation
        if count % stride < Self.sampleMax / Self.blocks, sample.count < Self.sampleMax { sample.append(residual) }
        count += 1
    }

    /// The tests, or none where there are too few residuals.
    func tests() -> [ArrivalTest] {
        guard count >= 100 else { return [] }
        let size = Double(count)
        let mean = sum / size
        let correlation = (products / size - mean * mean) / (squares / size - mean * mean)
        let sizeOfSample = Double(sample.count)
        return [
            ArrivalTest(
                "ks_exponential", value: distance / size.squareRoot(), expected: nil, score: distance,
                bound: 1.95 + rounding * size.squareRoot(),
                note: "distance times sqrt(n), read at \(Self.bins) edges; bound 1.95 and what rounding to 1 ns can do"),
            ArrivalTest(
                "anderson_darling", value: andersonDarling, expected: 1, score: andersonDarling, bound: 6,
                note: "over \(sample.count) residuals in \(Self.blocks) blocks"),
            ArrivalTest(
                "lag1_correlation", value: correlation, expected: 0, score: correlation * size.squareRoot(), bound: 3.3,
                note: "correlation times sqrt(n)"),
            ArrivalTest(
                "spearman", value: spearman, expected: 0, score: spearman * (sizeOfSample - 1).squareRoot(), bound: 3.3,
                note: "rank correlation of neighbours times sqrt(n - 1), over \(sample.count) residuals"),
        ]
    }

    /// Kolmogorov-Smirnov distance times the root of n at the histogram's edges; the exact one is at most
    /// sqrt(n) / 2^18 higher.
    private var distance: Double {
        var (below, largest) = (0, 0.0)
        for bin in 0..<Self.bins {
            below += Int(histogram[bin])
            largest = max(largest, abs(Double(below) / Double(count) - Double(bin + 1) / Double(Self.bins)))
        }
        return largest * Double(count).squareRoot()
    }

    /// Anderson and Darling's A^2 for a fully known distribution: 6.0 is exceeded once in a thousand.
    private var andersonDarling: Double {
        let sorted = sample.sorted()
        let count = sorted.count
        var sum = 0.0
        for index in 0..<count {
            let low = max(1e-9, -Elementary.expm1(-sorted[index]))
            // ln(1 - u) of an exponential is -x.
            sum += Double(2 * index + 1) * (Elementary.log(low) - sorted[count - 1 - index])
        }
        return -Double(count) - sum / Double(count)
    }

    /// Rank correlation of each residual of the sample with the next, as Lancet tests independence.
    private var spearman: Double {
        let order = sample.indices.sorted { (sample[$0], $0) < (sample[$1], $1) }
        var ranks = [Double](repeating: 0, count: sample.count)
        for (rank, index) in order.enumerated() { ranks[index] = Double(rank) }
        return ArrivalStatistics.lagOneCorrelation(of: ranks)
    }
}
