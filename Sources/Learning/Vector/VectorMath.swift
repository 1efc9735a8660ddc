/// Exponential and its relatives on vectors of 16 floats, branch-free.
///
/// | function | largest error against the correctly rounded value (tested) | outside |
/// | --- | --- | --- |
/// | `exp` | 2 ulp on [-87.3, 88.3] | constant |
/// | `sigmoid` | 3 ulp on [-87, 88] | 0 or 1 within 1e-38 |
/// | `tanh` | 3 ulp everywhere | -1 or 1 |
///
/// NaN gives NaN. Polynomials: Cephes `expf` and `tanhf`. Products and sums are kept apart (`a * b + c`): a fused
/// operation is a library call per lane on processors without FMA in the build's baseline. Clamping is by
/// `replacing(with:where:)`, which compiles to a blend; `clamped` and `pointwiseMin` do not.
public enum VectorMath {
    public typealias Vector = Floats.Vector

    /// e to the power of each lane.
    @inline(__always)
    public static func exp(_ input: Vector) -> Vector {
        let low = Vector(repeating: -87.3)
        let high = Vector(repeating: 88.3)
        let raised = input.replacing(with: low, where: input .< low)
        let x = raised.replacing(with: high, where: raised .> high)
        // Adding 1.5 · 2^23 rounds to an integer, which the low bits of the sum then hold.
        let magic = Vector(repeating: 12_582_912)
        let shifted = x * 1.442_695_04 + magic
        let power = shifted - magic
        // x - power · ln 2, with ln 2 in two parts: the first has few enough bits for an exact product.
        let r = (x - power * 0.693_359_375) + power * 2.121_944_40e-4
        var polynomial = Vector(repeating: 1.987_569_15e-4)
        polynomial = polynomial * r + 1.398_199_950_7e-3
        polynomial = polynomial * r + 8.333_451_907_3e-3
        polynomial = polynomial * r + 4.166_579_589_4e-2
        polynomial = polynomial * r + 1.666_666_545_9e-1
        polynomial = polynomial * r + 5.000_000_120_1e-1
        let mantissa = polynomial * (r * r) + r + 1
        let bits =
            unsafe unsafeBitCast(mantissa, to: SIMD16<Int32>.self)
            &+ (unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< 23)
        let result = unsafe unsafeBitCast(bits, to: Vector.self)
        return result.replacing(with: input, where: input .!= input)
    }

    /// 1 / (1 + exp(-x)) of each lane.
    @inline(__always)
    public static func sigmoid(_ x: Vector) -> Vector { 1 / (1 + exp(-x)) }

    /// Hyperbolic tangent of each lane: an odd polynomial below 0.625, by the exponential above.
    @inline(__always)
    public static func tanh(_ x: Vector) -> Vector {
        let far = 1 - 2 / (exp(x + x) + 1)
        let square = x * x
        var polynomial = Vector(repeating: -5.704_988_727_45e-3)
        polynomial = polynomial * square + 2.063_908_888_65e-2
        polynomial = polynomial * square - 5.373_971_256_3e-2
        polynomial = polynomial * square + 1.333_145_027_35e-1
        polynomial = polynomial * square - 3.333_328_194_22e-1
        let near = polynomial * square * x + x
        return far.replacing(with: near, where: square .< 0.390_625)
    }
}

extension VectorMath {
    /// `output[i] = function(input[i])` over runs of the same length; `output` may be `input`.
    @inline(__always)
    static func map(_ input: Floats, into output: Floats, _ function: (Vector) -> Vector) {
        precondition(input.count == output.count, "runs of different lengths")
        output.forEachVector { index, lanes in
            output.setVector(function(input.vector(at: index, lanes: lanes)), at: index, lanes: lanes)
        }
    }

    /// Exponentials of a run.
    public static func exp(_ input: Floats, into output: Floats) { map(input, into: output) { exp($0) } }

    /// Logistic function of a run.
    public static func sigmoid(_ input: Floats, into output: Floats) { map(input, into: output) { sigmoid($0) } }

    /// Hyperbolic tangents of a run.
    public static func tanh(_ input: Floats, into output: Floats) { map(input, into: output) { tanh($0) } }
}
