import TestData

/// The draws of a simulation: a whole run follows from its seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var words: SplitMix64

    /// The generator of `seed`; `stream` gives independent ones of one seed.
    package init(seed: UInt64, stream: UInt64 = 0) {
        words = SplitMix64(seed: seed &* 0xD129_0D3B_3C7C_95E5 &+ stream &* 0x2545_F491_4F6C_DD1D)
    }

    package mutating func next() -> UInt64 { words.next() }

    /// A number in 0..<`bound`.
    package mutating func below(_ bound: Int) -> Int { words.below(bound) }

    /// A number in `range`.
    package mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(below(Int(range.upperBound - range.lowerBound + 1)))
    }

    /// True in `parts` of 10,000 cases.
    package mutating func chance(_ parts: Int) -> Bool { below(10_000) < parts }

    /// A waiting time with mean about `mean`: each doubling beyond it half as likely; integers only.
    package mutating func waiting(mean: Int64) -> Int64 {
        let doublings = min(next().trailingZeroBitCount, 6)
        return (mean >> 1) << Int64(doublings) / 2 + within(0...max(1, mean / 2))
    }
}
