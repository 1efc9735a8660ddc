/// Steele, Lea and Flood's SplitMix64 (2014): the mixing function behind seeds, stream names and counter-based masks.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    /// What the next word is made of.
    public var state: UInt64

    /// A generator that starts from `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next of 2^64 words of the period.
    @inline(__always)
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// A bijection of 64-bit words that changes each output bit for half of the inputs.
    @inline(__always)
    public static func mix(_ input: UInt64) -> UInt64 {
        var word = input
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
