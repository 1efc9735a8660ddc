/// Masks of inverted dropout from a hash of (seed, step, layer, element): they depend neither on threads nor on how a
/// batch is split.
///
/// An element is dropped where 16 bits of its hash are below `rate` · 65536, so the rate holds within 1/131072; the
/// others are scaled by 1 / (1 - rate). Srivastava et al. 2014.
public struct DropoutMask: Sendable {
    /// Fraction of elements dropped, 0..<1.
    public let rate: Float
    private let threshold: UInt64
    private let scale: Float
    private let key: UInt64

    /// The masks of one training step.
    public init(rate: Float, seed: UInt64, step: Int) {
        precondition((0..<1).contains(rate), "dropout rate \(rate)")
        self.rate = rate
        threshold = UInt64((rate * 65_536).rounded())
        scale = 1 / (1 - rate)
        key = SplitMix64.mix(seed ^ SplitMix64.mix(UInt64(bitPattern: Int64(step)) &+ 0x9E37_79B9_7F4A_7C15))
    }

    /// Writes the factors 0 or 1 / (1 - rate) of `row` of layer `layer` into `mask`.
    public func fill(_ mask: Floats, layer: Int, row: Int) {
        let rowKey = SplitMix64.mix(key ^ (UInt64(layer) << 56 | UInt64(row)))
        mask.forEachVector { index, lanes in
            var vector = Floats.Vector(repeating: scale)
            var generator = SplitMix64(seed: rowKey &+ UInt64(index) &* 0xD1B5_4A32_D192_ED03)
            for word in 0..<4 {
                var bits = generator.next()
                for lane in 0..<4 {
                    if bits & 0xFFFF < threshold { vector[4 * word + lane] = 0 }
                    bits >>= 16
                }
            }
            mask.setVector(vector, at: index, lanes: lanes)
        }
    }
}
