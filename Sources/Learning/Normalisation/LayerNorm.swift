/// Layer normalisation over the columns (Ba, Kiros and Hinton 2016) with biased variance, as `torch.nn.LayerNorm`:
/// y = γ · (x - mean) / √(variance + ε) + β.
public struct LayerNorm: Sendable {
    /// Columns.
    public let width: Int
    /// ε, 1e-5 in PyTorch.
    public let epsilon: Float
    /// γ, [width], 1 at first.
    public let weight: ParameterSlot
    /// β, [width], 0 at first.
    public let bias: ParameterSlot

    /// Adds `<name>.weight` and `<name>.bias` to `layout`.
    public init(_ name: String, width: Int, epsilon: Float = 1e-5, layout: inout ParameterLayout) {
        self.width = width
        self.epsilon = epsilon
        weight = layout.add("\(name).weight", shape: [width])
        bias = layout.add("\(name).bias", shape: [width])
    }

    /// γ = 1, β = 0.
    public func initialise(_ values: Floats) {
        values.run(weight).fill(1)
        values.run(bias).fill(0)
    }

    /// `output` from `input`, both [rows, width]; keeps (x - mean) · scale in `normalised` [rows, width] and the scale
    /// 1 / √(variance + ε) of each row in `scales` [rows] for the backward pass.
    public func forward(_ values: Floats, input: Matrix, output: Matrix, normalised: Matrix, scales: Floats) {
        precondition(input.columns == width && scales.count == input.rows, "shapes")
        let gamma = values.run(weight)
        let beta = values.run(bias)
        for index in 0..<input.rows {
            let x = input.row(index)
            let unit = normalised.row(index)
            let y = output.row(index)
            var sum = Floats.Vector.zero
            x.forEachVector { at, lanes in sum += x.vector(at: at, lanes: lanes) }
            let mean = sum.sum() / Float(width)
            var squares: Float = 0
            x.forEachVector { at, lanes in
                let distance = x.vector(at: at, lanes: lanes) - mean
                unit.setVector(distance, at: at, lanes: lanes)
                let kept = unit.vector(at: at, lanes: lanes)
                squares += (kept * kept).sum()
            }
            let scale = 1 / (squares / Float(width) + epsilon).squareRoot()
            scales[index] = scale
            x.forEachVector { at, lanes in
                let unitVector = unit.vector(at: at, lanes: lanes) * scale
                unit.setVector(unitVector, at: at, lanes: lanes)
                let scaled = gamma.vector(at: at, lanes: lanes) * unitVector + beta.vector(at: at, lanes: lanes)
                y.setVector(scaled, at: at, lanes: lanes)
            }
        }
    }

    /// Adds to the gradients of γ and β; writes dX = scale · (γdy - mean(γdy) - x̂ · mean(γdy · x̂)).
    public func backward(
        _ values: Floats, gradients: Floats, normalised: Matrix, scales: Floats, outputGradient: Matrix,
        inputGradient: Matrix
    ) {
        let gamma = values.run(weight)
        let gammaGradient = gradients.run(weight)
        for index in 0..<normalised.rows {
            let unit = normalised.row(index)
            let dy = outputGradient.row(index)
            let dx = inputGradient.row(index)
            var first = Floats.Vector.zero
            var second = Floats.Vector.zero
            dy.forEachVector { at, lanes in
                let slope = dy.vector(at: at, lanes: lanes)
                let unitVector = unit.vector(at: at, lanes: lanes)
                let weighted = slope * gamma.vector(at: at, lanes: lanes)
                first += weighted
                second += weighted * unitVector
                let sum = gammaGradient.vector(at: at, lanes: lanes) + slope * unitVector
                gammaGradient.setVector(sum, at: at, lanes: lanes)
            }
            let meanFirst = first.sum() / Float(width)
            let meanSecond = second.sum() / Float(width)
            let scale = scales[index]
            dy.forEachVector { at, lanes in
                let weighted = dy.vector(at: at, lanes: lanes) * gamma.vector(at: at, lanes: lanes)
                let unitVector = unit.vector(at: at, lanes: lanes)
                dx.setVector((weighted - meanFirst - unitVector * meanSecond) * scale, at: at, lanes: lanes)
            }
        }
        outputGradient.addColumnSums(to: gradients.run(bias))
    }
}
