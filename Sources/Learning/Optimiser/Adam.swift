internal import Glibc

/// Adam (Kingma and Ba 2015) with the arithmetic of `torch.optim.Adam`, over whole arenas.
///
/// m = β₁m + (1-β₁)g, v = β₂v + (1-β₂)g², p -= lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε).
public final class Adam {
    /// Settings; the defaults are PyTorch's.
    public struct Configuration: Sendable, Equatable {
        /// Step size.
        public var learningRate: Float = 1e-3
        /// Decay of the first moment.
        public var beta1: Double = 0.9
        /// Decay of the second moment.
        public var beta2: Double = 0.999
        /// Added to the root of the second moment, outside its correction.
        public var epsilon: Float = 1e-8
        /// Largest Euclidean norm of the gradient, as `clip_grad_norm_`; nil clips nothing.
        public var clipNorm: Double?

        /// PyTorch's defaults with another step size and clipping.
        public init(learningRate: Float = 1e-3, clipNorm: Double? = nil) {
            self.learningRate = learningRate
            self.clipNorm = clipNorm
        }
    }

    /// May be changed between updates, as schedules of the step size do.
    public var configuration: Configuration
    /// Updates so far.
    public internal(set) var step = 0
    private let firstBuffer: FloatBuffer
    private let secondBuffer: FloatBuffer

    /// Zero moments for arenas of `layout`.
    public init(_ layout: ParameterLayout, configuration: Configuration = Configuration()) {
        self.configuration = configuration
        firstBuffer = FloatBuffer(count: layout.count)
        secondBuffer = FloatBuffer(count: layout.count)
    }

    /// m, in the layout of the parameters; a handle that is valid while the optimiser lives.
    var firstMoment: Floats { firstBuffer.floats }
    /// v, likewise.
    var secondMoment: Floats { secondBuffer.floats }

    /// Changes `values` by one step and returns the norm of `gradients` before clipping.
    ///
    /// A gradient whose norm is not finite changes nothing: neither values nor moments nor the step count.
    @discardableResult
    public func update(_ values: Floats, gradients: Floats) -> Double {
        precondition(values.count == firstMoment.count && gradients.count == values.count, "another layout")
        let norm = gradients.squaredNorm.squareRoot()
        guard norm.isFinite else { return norm }
        step += 1
        let scale = Float(configuration.clipNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1)
        let beta1 = Float(configuration.beta1)
        let beta2 = Float(configuration.beta2)
        let rest1 = Float(1 - configuration.beta1)
        let rest2 = Float(1 - configuration.beta2)
        let rate = Float(Double(configuration.learningRate) / (1 - pow(configuration.beta1, Double(step))))
        let root = Float((1 - pow(configuration.beta2, Double(step))).squareRoot())
        let epsilon = configuration.epsilon
        let first = firstMoment
        let second = secondMoment
        values.forEachVector { at, lanes in
            let g = gradients.vector(at: at, lanes: lanes) * scale
            let m = first.vector(at: at, lanes: lanes) * beta1 + g * rest1
            let v = second.vector(at: at, lanes: lanes) * beta2 + g * g * rest2
            first.setVector(m, at: at, lanes: lanes)
            second.setVector(v, at: at, lanes: lanes)
            let change = m / (v.squareRoot() / root + epsilon)
            values.setVector(values.vector(at: at, lanes: lanes) - change * rate, at: at, lanes: lanes)
        }
        return norm
    }
}
