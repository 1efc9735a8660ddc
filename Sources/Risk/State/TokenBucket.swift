/// A token bucket in integer millionths of a token, refilled from event time on each read: no timer, no rounding.
struct TokenBucket {
    private var level: Int64 = 0
    private var time: Int64 = .min

    /// Refills to `now` and says whether a token is there.
    ///
    /// A bucket that was never used is full. Rates and bursts are at most 10,000,000 (`RiskUnit.thresholdMax`), the
    /// elapsed time counts for at most 10^7 s, so nothing overflows.
    mutating func refill(to now: Int64, perSecond rate: Int64, burst: Int64) -> Bool {
        let full = burst &* 1_000_000
        if time == .min {
            level = full
            time = now
        } else if now > time {
            let elapsed = min(now &- time, 10_000_000_000)
            level = min(full, level &+ elapsed &* rate)
            time = now
        }
        return level >= 1_000_000
    }

    /// Takes a token where there is one.
    mutating func take() {
        if level >= 1_000_000 { level &-= 1_000_000 }
    }
}
