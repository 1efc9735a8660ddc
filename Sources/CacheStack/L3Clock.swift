/// The interval in which (L3 time - own monotonic clock) lies, learned from round trips to L3.
///
/// Every answer carries a time that L3 read between the query's sending and the answer's arrival; the intervals are
/// intersected, and widened by 500 ppm of what passes between them, which covers two clocks of 250 ppm each. Ages
/// derived from it are upper bounds. Pure: all times are parameters.
public struct L3Clock: Sendable {
    /// Relative drift of the two clocks, as one part in so many: 2000 = 500 ppm.
    public static let driftDivisor: Int64 = 2000
    /// How long ages are lengthened after L3's clock stepped back: as long as an older entry can live.
    static let penaltyDuration: Int64 = 62_000_000_000

    private var low: Int64 = 0
    private var high: Int64 = 0
    private var observedAt: Int64?
    private var penalty: Int64 = 0
    private var penaltyEnd: Int64 = .min

    /// A clock that knows nothing yet.
    public init() {}

    /// Whether L3's time is known at all.
    public var isSet: Bool { observedAt != nil }

    /// Learns from a round trip: L3 read `time` (microseconds since 1970, cut off) between `sent` and `received`.
    ///
    /// - Returns: by how many nanoseconds L3's clock stepped back beyond the interval; 0 if it did not.
    @discardableResult
    public mutating func observe(_ time: Int64, sent: MonotonicTime, received: MonotonicTime) -> Int64 {
        let newLow = time * 1000 - received.nanoseconds
        let newHigh = time * 1000 + 999 - sent.nanoseconds
        let now = received.nanoseconds
        guard observedAt != nil else {
            (low, high, observedAt) = (newLow, newHigh, now)
            return 0
        }
        let (oldLow, oldHigh) = interval(at: now)
        observedAt = max(now, observedAt ?? now)
        if newLow <= oldHigh && oldLow <= newHigh {
            (low, high) = (max(oldLow, newLow), min(oldHigh, newHigh))
            return 0
        }
        (low, high) = (newLow, newHigh)
        guard newHigh < oldLow else { return 0 }
        // What was stamped before the step looks younger by as much: add it to every age while such entries live. Steps
        // in succession add up.
        penalty = (now < penaltyEnd ? penalty : 0) + (oldHigh - newLow)
        penaltyEnd = now + Self.penaltyDuration
        return oldLow - newHigh
    }

    /// Entries stamped before are refused from now on (a new epoch), so that their ages no longer matter.
    public mutating func forgetSteps() { penalty = 0 }

    /// A time on the own clock at which a certificate of L3 time `time` was current or had yet to be issued: the
    /// certificate's age is at most `now` minus that. Nil while L3's time is unknown or `time` is in its future.
    public func born(_ time: Int64, at now: MonotonicTime) -> MonotonicTime? {
        guard isSet else { return nil }
        let bound = interval(at: now.nanoseconds).high
        guard time * 1000 <= now.nanoseconds + bound else { return nil }
        let extra = now.nanoseconds < penaltyEnd ? penalty : 0
        return MonotonicTime(nanoseconds: time * 1000 - bound - extra)
    }

    private func interval(at now: Int64) -> (low: Int64, high: Int64) {
        let drift = max(0, now - (observedAt ?? now)) / Self.driftDivisor + 1
        return (low - drift, high + drift)
    }
}
