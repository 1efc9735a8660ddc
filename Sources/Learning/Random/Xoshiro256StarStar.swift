internal import Glibc

/// A seeded stream of random numbers: Blackman and Vigna's xoshiro256** 1.0, its state filled by SplitMix64.
///
/// `split` derives independent streams by name (initial weights, dropout, shuffling, bootstrap), so that one more draw
/// in one of them changes nothing in the others. Same seed and names, same numbers on every machine; normal numbers
/// go through libm's logarithm, sine and cosine.
public struct Xoshiro256StarStar: RandomNumberGenerator, Sendable, Equatable {
    /// The four words of the state, for checkpoints, not all zero; the second number of a normal pair is not in it.
    public private(set) var state: (UInt64, UInt64, UInt64, UInt64)
    /// The second number of the last Box-Muller pair.
    private var spareNormal: Double?

    /// The stream of `seed`.
    public init(seed: UInt64) {
        var words = SplitMix64(seed: seed)
        state = (words.next(), words.next(), words.next(), words.next())
    }

    /// A stream that goes on from a saved `state`; nil for all zeros, which no stream reaches.
    public init?(state: (UInt64, UInt64, UInt64, UInt64)) {
        guard state.0 | state.1 | state.2 | state.3 != 0 else { return nil }
        self.state = state
    }

    /// The next of 2^256 - 1 words of the period.
    @inline(__always)
    public mutating func next() -> UInt64 {
        let product = state.1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }

    /// An independent stream named `name`; this stream does not move.
    public func split(_ name: String) -> Xoshiro256StarStar {
        // FNV-1a over the name, mixed with the state.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let words = [state.0, state.1, state.2, state.3]
        return Xoshiro256StarStar(seed: words.reduce(hash) { SplitMix64.mix($0 ^ $1 &+ 0x9E37_79B9_7F4A_7C15) })
    }

    /// Uniform on [0, 1), with 53 random bits.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform on [low, high), with 24 random bits.
    public mutating func uniform(_ low: Float, _ high: Float) -> Float {
        low + (high - low) * (Float(next() >> 40) * 0x1p-24)
    }

    /// Uniform on 0..<bound without bias (Lemire 2019).
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "an empty range")
        return Int(truncatingIfNeeded: next(upperBound: UInt64(bound)))
    }

    /// Standard normal, by the Box-Muller transform; draws two words for every two numbers.
    public mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        let radius = (-2 * log(1 - uniform())).squareRoot()
        let angle = 2 * Double.pi * uniform()
        spareNormal = radius * sin(angle)
        return radius * cos(angle)
    }

    /// Puts the elements into a uniformly random order (Fisher-Yates).
    public mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) { elements.swapAt(last, below(last + 1)) }
    }

    public static func == (a: Xoshiro256StarStar, b: Xoshiro256StarStar) -> Bool {
        a.state == b.state && a.spareNormal == b.spareNormal
    }
}
