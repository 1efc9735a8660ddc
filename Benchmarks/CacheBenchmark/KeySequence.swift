import Foundation

/// Keys by Zipf's law: the same sequences for both caches.
struct KeySequence {
    /// Keys of each sequence, a power of two; a run goes round.
    static let length = 1 << 20

    let keys: [UInt32]

    /// Of `entries` keys (a power of two), the one of rank r is drawn in proportion to 1 / r^exponent; ranks are
    /// scattered over the keys.
    init(entries: Int, exponent: Double, seed: UInt64) {
        var sums: [Double] = []
        var sum = 0.0
        for rank in 1...entries {
            sum += pow(Double(rank), -exponent)
            sums.append(sum)
        }
        var state = seed
        keys = (0..<Self.length).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            let point = Double((word ^ (word >> 31)) >> 11) / Double(1 << 53) * sum
            var (low, high) = (0, entries - 1)
            while low < high {
                let middle = (low + high) / 2
                if sums[middle] > point { high = middle } else { low = middle + 1 }
            }
            return UInt32(truncatingIfNeeded: low &* 0x9E37_79B1) & UInt32(entries - 1)
        }
    }

    /// Writes sequences one after another, 32 bits a key, least significant byte first.
    static func write(_ sequences: [KeySequence], to file: URL) throws {
        var bytes = Data()
        for key in sequences.flatMap(\.keys) { withUnsafeBytes(of: key.littleEndian) { bytes.append(contentsOf: $0) } }
        try bytes.write(to: file)
    }
}
