/// xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64: the generator of every random draw here.
///
/// Each concern (arrivals, mix, accounts, ...) takes its own stream by name, so that changing how often one of them
/// draws does not move the others: editing the mix leaves the arrival times as they were.
public struct Xoshiro256: RandomNumberGenerator, Sendable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    /// The generator whose state is the first four outputs of SplitMix64 from `seed`.
    public init(seed: UInt64) {
        var mixer = SplitMix64(state: seed)
        s0 = mixer.next()
        s1 = mixer.next()
        s2 = mixer.next()
        s3 = mixer.next()
    }

    /// The stream of one concern: seeded by `splitmix(seed ^ fnv1a(name))`.
    public init(seed: UInt64, stream name: String) {
        var mixer = SplitMix64(state: seed ^ Self.fnv1a(name))
        self.init(seed: mixer.next())
    }

    /// 64 random bits.
    public mutating func next() -> UInt64 {
        let product = s1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = s3 << 45 | s3 >> 19
        return result
    }

    /// Uniform in (0, 1], 53 bits: never 0, so that its logarithm is finite.
    public mutating func unit() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }

    /// Uniform in 0..<bound; the bias is below bound / 2^64 (multiply and shift, one draw always).
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a bound is positive")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    static func fnv1a(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): turns one seed into well mixed words.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
