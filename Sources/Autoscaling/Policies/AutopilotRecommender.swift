internal import Glibc

/// The moving-window recommenders of Google's Autopilot (EuroSys 2020, section 3.2.1) over histograms of usage.
///
/// Usage is read many times an interval into linear buckets; at the interval's end its histogram s[t] enters a
/// histogram that decays with the half-life h: weights w[tau] = 2^(-tau / h). Only what this decayed sum needs is
/// kept, so memory does not grow with the window.
public struct AutopilotRecommender: Sendable, Equatable {
    /// Which limit is recommended.
    public enum Statistic: Sendable, Equatable {
        /// S_max: the highest bucket used within the window.
        case peak
        /// S_avg: `sum(w * mean) / sum(w)`.
        case average
        /// S_pj: the percentile of the load-adjusted histogram `h[k] = b[k] * sum(w * s[k])`, 0...1.
        case percentile(Double)
    }

    /// Upper ends of the buckets are multiples of this.
    public let bucketWidth: Double
    private var interval: [Double]
    private var decayed: [Double]
    private var means = 0.0
    private var weights = 0.0
    private var decay: Double
    private var highest: TrailingMaximum
    private var peak: Int?

    /// A recommender without history.
    /// - Parameters:
    ///   - largest: usage of the highest bucket; more counts there.
    ///   - halfLife: half-life in seconds, 12 h for processors in the paper.
    ///   - window: seconds over which the peak is kept.
    ///   - interval: seconds of one histogram, 300 in the paper.
    public init(largest: Double, halfLife: Double, window: Double, interval: Double = 300, buckets: Int = 400) {
        precondition(largest > 0 && halfLife > 0 && interval > 0 && buckets > 0, "sizes are more than 0")
        bucketWidth = largest / Double(buckets)
        self.interval = Array(repeating: 0, count: buckets)
        decayed = self.interval
        decay = exp2(-interval / halfLife)
        highest = TrailingMaximum(window: window)
    }

    /// Upper end of a bucket: the usage it stands for.
    private func usage(_ bucket: Int) -> Double { Double(bucket + 1) * bucketWidth }

    /// Reads a usage into the current interval.
    public mutating func add(_ usage: Double) {
        guard usage >= 0, usage.isFinite else { return }
        let bucket = Int(clamping: (usage / bucketWidth).rounded(.up)) - 1
        interval[min(interval.count - 1, max(0, bucket))] += 1
    }

    /// Ends the interval at a time; an interval without readings only lets the others age.
    public mutating func endInterval(at time: Double) {
        var (count, sum, top) = (0.0, 0.0, -1)
        for bucket in interval.indices {
            decayed[bucket] = decayed[bucket] * decay + interval[bucket]
            guard interval[bucket] > 0 else { continue }
            count += interval[bucket]
            sum += interval[bucket] * usage(bucket)
            top = bucket
            interval[bucket] = 0
        }
        means *= decay
        weights *= decay
        guard count > 0 else { return }
        means += sum / count
        weights += 1
        peak = highest.add(top, at: time)
    }

    /// The usage recommended as a limit; nil before the first interval.
    public func recommendation(_ statistic: Statistic) -> Double? {
        guard weights > 0, let peak else { return nil }
        switch statistic {
        case .peak: return usage(peak)
        case .average: return means / weights
        case .percentile(let share):
            let total = decayed.indices.reduce(0) { $0 + usage($1) * decayed[$1] }
            var below = 0.0
            for bucket in decayed.indices {
                below += usage(bucket) * decayed[bucket]
                if below >= share * total - 1e-12 * total { return usage(bucket) }
            }
            return usage(decayed.count - 1)
        }
    }
}

/// Usage of a service by the time of the trading day, kept from one day to the next.
public struct AutopilotCalendar: Sendable, Equatable {
    /// Seconds of one slot.
    public let interval: Double
    /// Share of an older day's usage that still counts against a newer one.
    public let memory: Double
    private var slots: [Int: Double] = [:]
    private static let countMax = 4_096

    /// A calendar of no day.
    public init(interval: Double = 300, memory: Double = 0.9) {
        self.interval = interval
        self.memory = memory
    }

    /// A calendar of one day: `usage` of each service is that of the seconds since the open from `from` on, one value
    /// a second; the mean of each slot is kept.
    public init(day usage: [Double], from: Double, interval: Double = 300) {
        self.init(interval: interval)
        let length = max(1, Int(clamping: interval))
        for start in stride(from: 0, to: usage.count, by: length) {
            let part = usage[start..<min(usage.count, start + length)]
            add(part.reduce(0, +) / Double(part.count), at: from + Double(start))
        }
    }

    private func slot(_ sinceOpen: Double) -> Int { Int(clamping: (sinceOpen / interval).rounded(.down)) }

    /// Keeps a slot's usage: the larger of today's and the faded one of the days before.
    public mutating func add(_ usage: Double, at sinceOpen: Double) {
        let slot = slot(sinceOpen)
        guard usage >= 0, usage.isFinite, slots.count < Self.countMax || slots[slot] != nil else { return }
        slots[slot] = max(usage, (slots[slot] ?? 0) * memory)
    }

    /// The largest usage of the slots from a moment to a later one; nil where no day knows any.
    public func largest(from: Double, to: Double) -> Double? {
        var largest: Double?
        for slot in slot(from)...max(slot(from), min(slot(to), slot(from) + Self.countMax)) {
            if let usage = slots[slot] { largest = max(largest ?? 0, usage) }
        }
        return largest
    }
}
