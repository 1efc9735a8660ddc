/// Counts in consecutive windows against what a profile expects there, in constant memory.
struct WindowCounts: Sendable {
    private static let batchCount = 32

    let nanoseconds: UInt64
    /// Whole windows in the profile.
    let windows: Int
    /// The most arrivals in one window.
    private(set) var busiest = 0
    private var cursors: [MassCursor]
    private let starts: [Double]
    private let total: Double
    private let scale: Double
    private var massBefore = 0.0
    private var current = 0
    private var count = 0
    /// Over windows with an expectation: how many, the sum of (count - mean)^2 / mean, and of 1 / mean.
    private var used = 0
    private var squares = 0.0
    private var inverses = 0.0
    private var largestDeviation = 0.0
    private var strays = 0
    private var batchSums = [Double](repeating: 0, count: batchCount)
    private var batchSizes = [Int](repeating: 0, count: batchCount)

    /// - Parameters:
    ///   - rates: what is expected, added: profiles and the seconds at which they start.
    ///   - seconds: length of the schedule.
    ///   - nanoseconds: of a window.
    ///   - scale: expected arrivals per arrival of the profiles; other than 1 where a number is given.
    init(_ rates: [(profile: RateProfile, start: Double)], seconds: Double, nanoseconds: UInt64, scale: Double) {
        self.nanoseconds = nanoseconds
        windows = Int((seconds * 1e9 + 0.5) / Double(nanoseconds))
        cursors = rates.map { MassCursor($0.profile) }
        starts = rates.map(\.start)
        total = rates.reduce(0) { $0 + $1.profile.mass }
        self.scale = scale
    }

    mutating func add(_ time: UInt64) {
        let index = Int(time / nanoseconds)
        while current < index, current < windows { close() }
        if current == index { count += 1 }
    }

    mutating func finish() { while current < windows { close() } }

    private mutating func close() {
        let end = Double(nanoseconds) * Double(current + 1) / 1e9
        var mass = 0.0
        for index in cursors.indices { mass += cursors[index].mass(until: end - starts[index]) * scale }
        let mean = mass - massBefore
        massBefore = mass
        busiest = max(busiest, count)
        if mean > 1e-9 * max(1, total / Double(windows)) {
            let deviation = Double(count) - mean
            let square = deviation * deviation / mean
            used += 1
            squares += square
            inverses += 1 / mean
            largestDeviation = max(largestDeviation, abs(deviation))
            let batch = current * Self.batchCount / windows
            batchSums[batch] += square
            batchSizes[batch] += 1
        } else {
            strays += count
        }
        count = 0
        current += 1
    }

    /// Index of dispersion about the profile's own means, and its judgement.
    func test(_ name: String, against expectation: ArrivalDispersion) -> ArrivalTest {
        guard used >= 2 else { return ArrivalTest(name, value: 0, expected: nil, unjudged: "fewer than 2 windows") }
        let index = squares / Double(used)
        switch expectation {
        case .unknown(let reason): return ArrivalTest(name, value: index, expected: nil, unjudged: reason)
        case .within(let bound):
            return ArrivalTest(
                name, value: index, expected: 0, score: largestDeviation, bound: bound + 1e-3,
                note: "largest difference of a count from its mean")
        case .chiSquare(let value):
            // Few arrivals a window add 1 / mean to the variance 2 of a square.
            let excess = 1 + inverses / Double(used) / 2
            let freedom = Double(used) * value / excess
            guard inverses <= Double(used), freedom >= 2 else {
                return ArrivalTest(
                    name, value: index, expected: value, unjudged: "fewer than 1 arrival a window, or 2 windows")
            }
            return ArrivalTest(
                name, value: index, expected: value, score: Self.score(index / value, freedom), bound: 3.3,
                note: "standard deviations; (index - expected) sqrt(windows / 2) for many windows")
        case .derived(let value):
            guard used >= 2 * Self.batchCount, batchSizes.allSatisfy({ $0 > 0 }) else {
                return ArrivalTest(name, value: index, expected: value, unjudged: "fewer than 64 windows")
            }
            return ArrivalTest(
                name, value: index, expected: value, score: index - value, bound: 5 * standardError + 0.02 * value,
                note: "difference; bound is 5 standard errors over 32 batches and 2 %")
        }
    }

    /// Chi-square over its degrees of freedom as a standard normal (Wilson and Hilferty 1931).
    private static func score(_ ratio: Double, _ freedom: Double) -> Double {
        let variance = 2 / (9 * freedom)
        let root = ratio > 0 ? Elementary.exp(Elementary.log(ratio) / 3) : 0
        return (root - (1 - variance)) / variance.squareRoot()
    }

    /// Standard error of the index from the scatter of batch means.
    private var standardError: Double {
        let means = zip(batchSums, batchSizes).map { $0 / Double($1) }
        let mean = means.reduce(0, +) / Double(means.count)
        let variance = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(means.count - 1)
        return (variance / Double(means.count)).squareRoot()
    }
}
