/// A fully connected layer: y = x Wᵀ + b, with W of [outputs, inputs] as in PyTorch.
public struct Linear: Sendable {
    /// Columns of the input.
    public let inputs: Int
    /// Columns of the output.
    public let outputs: Int
    /// W, [outputs, inputs].
    public let weight: ParameterSlot
    /// b, [outputs].
    public let bias: ParameterSlot

    /// Adds `<name>.weight` and `<name>.bias` to `layout`.
    public init(_ name: String, inputs: Int, outputs: Int, layout: inout ParameterLayout) {
        self.inputs = inputs
        self.outputs = outputs
        weight = layout.add("\(name).weight", shape: [outputs, inputs])
        bias = layout.add("\(name).bias", shape: [outputs])
    }

    /// PyTorch's default: weights and biases uniform in ±1/√inputs.
    public func initialise(_ values: Floats, random: inout Xoshiro256StarStar) {
        let bound = 1 / Float(inputs).squareRoot()
        for slot in [weight, bias] {
            let run = values.run(slot)
            for index in 0..<run.count { run[index] = random.uniform(-bound, bound) }
        }
    }

    /// `output` [rows, outputs] from `input` [rows, inputs].
    public func forward(_ values: Floats, input: Matrix, output: Matrix) {
        output.setProduct(input, .plain, values.matrix(weight), .transposed)
        output.addToRows(values.run(bias))
    }

    /// Adds to the gradients of W (dYᵀ X) and b (column sums of dY); writes dX = dY W where it is asked for.
    public func backward(
        _ values: Floats, gradients: Floats, input: Matrix, outputGradient: Matrix, inputGradient: Matrix?
    ) {
        gradients.matrix(weight).setProduct(outputGradient, .transposed, input, .plain, accumulate: true)
        outputGradient.addColumnSums(to: gradients.run(bias))
        inputGradient?.setProduct(outputGradient, .plain, values.matrix(weight), .plain)
    }
}
