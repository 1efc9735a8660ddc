internal import Glibc

/// Moves one quantile so that the truth exceeds it as often as its level says, whatever the drift (Gibbs and Candès
/// 2021).
///
/// Holds the last scores (truth less quantile, mirrored below the median) in order, and a working miss rate α that rises
/// after hits and falls after misses by `rate` · (target - miss). The correction is the ⌈(n + 1)(1 - α)⌉-th smallest
/// score. In the long run the share of misses is the target's; single steps have no guarantee.
public struct AdaptiveConformal: Sendable, Equatable {
    /// Level of the quantile, within (0, 1), not 0.5.
    public let level: Double
    /// Working miss rate.
    public private(set) var alpha: Double
    private let scoresMax: Int
    private let rate: Double
    /// The last scores, the oldest at `oldest` once there are `scoresMax`.
    private var ring: [Double] = []
    private var oldest = 0
    private var sorted: [Double] = []

    /// A correction of nothing yet; `rate` is the step of α in units of the target miss rate.
    public init(level: Double, scoresMax: Int = 520, rate: Double = 0.1) {
        precondition(level > 0 && level < 1 && level != 0.5 && scoresMax > 0, "a level of \(level)")
        self.level = level
        self.scoresMax = scoresMax
        self.rate = rate
        alpha = min(level, 1 - level)
    }

    /// Miss rate aimed at.
    public var target: Double { min(level, 1 - level) }

    /// The quantile with its correction.
    public func corrected(_ quantile: Double) -> Double {
        guard !sorted.isEmpty else { return quantile }
        let rank = ceil(Double(sorted.count + 1) * (1 - alpha))
        let score = sorted[max(0, min(Int(rank) - 1, sorted.count - 1))]
        return level > 0.5 ? quantile + score : quantile - score
    }

    /// Learns from a truth: the quantile as forecast, and as it was corrected and given out.
    public mutating func observe(truth: Double, quantile: Double, corrected: Double) {
        let isMiss = level > 0.5 ? truth > corrected : truth < corrected
        alpha = max(0.001, min(0.5, alpha + rate * target * (target - (isMiss ? 1 : 0))))
        let score = level > 0.5 ? truth - quantile : quantile - truth
        guard score.isFinite else { return }
        if ring.count < scoresMax {
            ring.append(score)
        } else {
            sorted.remove(at: place(of: ring[oldest]))
            ring[oldest] = score
            oldest = (oldest + 1) % scoresMax
        }
        sorted.insert(score, at: place(of: score))
    }

    /// First place of the sorted scores whose score is not less.
    private func place(of score: Double) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < score { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
