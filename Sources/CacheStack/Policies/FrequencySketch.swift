/// How often keys were asked for lately: a count-min sketch of 4-bit counters that are halved now and then.
///
/// A word of 16 counters for each entry of the cache, rounded up to a power of two and 8 words at least. A hash has
/// four counters, one in each of four words, at places 4g, 4g + 1, 4g + 2 and 4g + 3 of them, where g is the hash's
/// lowest two bits; its estimate is the least of them. After ten increments for each entry of the cache all counters
/// are halved (Einziger, Friedman and Manes, TinyLFU, ACM Transactions on Storage 13, 2017).
struct FrequencySketch {
    private static let ones: UInt64 = 0x1111_1111_1111_1111

    /// Increments until the counters are halved.
    let sampleSize: Int
    private(set) var increments = 0
    private var words: [UInt64]
    private let shift: UInt64

    init(capacity: Int) {
        var width = 3
        while 1 << width < capacity { width += 1 }
        words = Array(repeating: 0, count: 1 << width)
        shift = UInt64(64 - width)
        sampleSize = capacity * 10
    }

    @inline(__always)
    private func word(_ hash: UInt64, _ row: Int) -> Int {
        let seed: UInt64 =
            switch row {
            case 0: 0xC3A5_C85C_97CB_3127
            case 1: 0xB492_B66F_BE98_F273
            case 2: 0x9AE1_6A3B_2F90_404F
            default: 0xCBF2_9CE4_8422_2325
            }
        return Int(truncatingIfNeeded: ((hash ^ hash >> 32) &* seed) >> shift)
    }

    /// The estimate for a hash, 0 to 15.
    func frequency(_ hash: UInt64) -> Int {
        var least: UInt64 = 15
        for row in 0..<4 {
            let place = (hash & 3) << 4 + UInt64(row) << 2
            least = min(least, words[word(hash, row)] >> place & 15)
        }
        return Int(least)
    }

    /// Counts one use of a hash, and halves all counters at the end of a sample.
    mutating func increment(_ hash: UInt64) {
        var added = false
        for row in 0..<4 {
            let place = (hash & 3) << 4 + UInt64(row) << 2
            let index = word(hash, row)
            guard words[index] >> place & 15 < 15 else { continue }
            words[index] += 1 << place
            added = true
        }
        guard added else { return }
        increments += 1
        if increments == sampleSize { halve() }
    }

    private mutating func halve() {
        var odd = 0
        for index in words.indices {
            odd += (words[index] & Self.ones).nonzeroBitCount
            words[index] = words[index] >> 1 & 0x7777_7777_7777_7777
        }
        increments = (increments - odd / 4) / 2
    }
}
