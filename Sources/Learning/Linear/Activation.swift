/// Elementwise functions between layers; their derivatives are computed from the output.
public enum Activation: Sendable {
    /// max(x, 0).
    case relu
    /// Hyperbolic tangent.
    case tanh

    /// Applies the function to every element of `matrix` in place.
    public func forward(_ matrix: Matrix) {
        for index in 0..<matrix.rows {
            let row = matrix.row(index)
            switch self {
            case .relu: VectorMath.map(row, into: row) { $0.replacing(with: Floats.Vector.zero, where: $0 .< 0) }
            case .tanh: VectorMath.tanh(row, into: row)
            }
        }
    }

    /// Turns the gradient with respect to `output` into that with respect to the input, in place.
    public func backward(output: Matrix, gradient: Matrix) {
        precondition(output.rows == gradient.rows && output.columns == gradient.columns, "shapes differ")
        for index in 0..<output.rows {
            let y = output.row(index)
            let dy = gradient.row(index)
            dy.forEachVector { at, lanes in
                let value = y.vector(at: at, lanes: lanes)
                let slope = dy.vector(at: at, lanes: lanes)
                switch self {
                case .relu:
                    dy.setVector(slope.replacing(with: Floats.Vector.zero, where: value .<= 0), at: at, lanes: lanes)
                case .tanh: dy.setVector(slope * (1 - value * value), at: at, lanes: lanes)
                }
            }
        }
    }
}
