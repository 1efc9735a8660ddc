/// How often one and the same order was accepted lately: four buckets of a quarter of the window (rule 121).
struct RepeatCount: SegmentedEntry {
    struct Key {
        var level: LevelCount.Key
        var quantity: Int64
    }

    var key: Key
    /// Number of the quarter that `buckets[newest & 3]` counts: event time / quarter.
    private var newest: Int64 = 0
    /// Event time at which all of it has left the window.
    private var staleAfter: Int64 = 0
    private var buckets: [4 of UInt16] = .init(repeating: 0)

    static let empty = RepeatCount(key: Key(level: LevelCount.empty.key, quantity: 0))

    init(key: Key) { self.key = key }

    var isEmpty: Bool { key.level.pair == 0 }
    var hash: UInt64 { Self.hash(key) }
    static func hash(_ key: Key) -> UInt64 {
        mixed(LevelCount.hash(key.level) &+ UInt64(bitPattern: key.quantity) &* 0x9E37_79B9_7F4A_7C15)
    }
    func matches(_ key: Key) -> Bool {
        self.key.quantity == key.quantity && self.key.level.pair == key.level.pair
            && self.key.level.priceAndSide == key.level.priceAndSide
    }
    func isStale(at time: Int64) -> Bool { time >= staleAfter }

    /// The number within the last four quarters.
    func total(at time: Int64, quarter: Int64) -> Int64 {
        let now = time / quarter
        var sum: Int64 = 0
        for age in 0..<4 as Range<Int64> where now <= newest &- age &+ 3 {
            sum += Int64(buckets[Int((newest &- age) & 3)])
        }
        return sum
    }

    /// Counts one more at `time`.
    mutating func count(at time: Int64, quarter: Int64) {
        let now = max(time / quarter, newest)
        for step in 0..<min(now &- newest, 4) { buckets[Int((now &- step) & 3)] = 0 }
        newest = now
        staleAfter = (now &+ 4) &* quarter
        let index = Int(now & 3)
        if buckets[index] < .max { buckets[index] += 1 }
    }
}
