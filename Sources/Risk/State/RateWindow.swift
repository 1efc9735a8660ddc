/// A count over the last second: a ring of ten buckets of 100 ms, by event time.
///
/// It counts the current bucket and the nine before it, so 0.9 to 1 s. A bucket holds at most 65,535; more is not
/// counted. Time that runs backwards counts into the newest bucket.
struct RateWindow {
    static let bucketMicroseconds: Int64 = 100_000

    private var newest: Int64 = 0
    private(set) var total: UInt32 = 0
    private var buckets: [10 of UInt16] = .init(repeating: 0)

    /// Moves the window to `time` and drops what has left it.
    mutating func advance(to time: Int64) {
        let now = time / Self.bucketMicroseconds
        guard now > newest else { return }
        if total != 0 {
            for step in 1...min(now &- newest, 10) { clear(Int((newest &+ step) % 10)) }
        }
        newest = now
    }

    /// Counts one at the newest bucket; call `advance` first.
    mutating func count() {
        let index = Int(newest % 10)
        guard buckets[index] < .max else { return }
        buckets[index] += 1
        total += 1
    }

    private mutating func clear(_ index: Int) {
        total -= UInt32(buckets[index])
        buckets[index] = 0
    }
}
