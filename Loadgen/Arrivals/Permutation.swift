/// A seeded permutation of 0..<count: says which key holds which popularity rank, so that hot keys are spread.
///
/// Four bytes a key (20 MB for five million accounts); Fisher-Yates, one draw a key.
public struct Permutation: Sendable {
    /// The largest size.
    public static let countMax = 1 << 28

    private let keys: [UInt32]

    /// The permutation of a seed's stream.
    public init(count: Int, seed: UInt64, stream: String) {
        precondition(count > 0 && count <= Self.countMax, "1...2^28 keys")
        var random = Xoshiro256(seed: seed, stream: stream)
        var keys = [UInt32](0..<UInt32(count))
        for index in stride(from: count - 1, to: 0, by: -1) { keys.swapAt(index, random.below(index + 1)) }
        self.keys = keys
    }

    /// The key at a rank, 0..<count.
    public subscript(rank: Int) -> Int { Int(keys[rank]) }

    /// The number of keys.
    public var count: Int { keys.count }
}
