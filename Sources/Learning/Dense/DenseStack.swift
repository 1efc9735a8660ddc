/// Fully connected hidden layers, each followed by one activation; without layers the output is the input.
///
/// Parameters have the names of a `torch.nn.Sequential` of linear layers and activations: `<name>.0.weight`,
/// `<name>.2.weight`, ... The stack holds sizes and places only, so it can be applied to any number of rows by any number
/// of `DenseSpace`s.
public struct DenseStack: Sendable {
    /// Columns of the input.
    public let inputs: Int
    /// The layers in order.
    public let layers: [Linear]
    /// What follows each layer.
    public let activation: Activation

    /// Columns of the output.
    public var outputs: Int { layers.last?.outputs ?? inputs }

    /// Adds layers of `widths` units over `inputs` columns to `layout`.
    public init(_ name: String, inputs: Int, widths: [Int], activation: Activation, layout: inout ParameterLayout) {
        precondition(inputs > 0 && widths.allSatisfy { $0 > 0 }, "a layer without columns")
        self.inputs = inputs
        self.activation = activation
        var layers: [Linear] = []
        var columns = inputs
        for (index, width) in widths.enumerated() {
            layers.append(Linear("\(name).\(2 * index)", inputs: columns, outputs: width, layout: &layout))
            columns = width
        }
        self.layers = layers
    }

    /// PyTorch's default of every layer.
    public func initialise(_ values: Floats, random: inout Xoshiro256StarStar) {
        for layer in layers { layer.initialise(values, random: &random) }
    }

    /// Orthogonal weights of `gain`, biases 0.
    public func initialiseOrthogonal(_ values: Floats, gain: Float, random: inout Xoshiro256StarStar) {
        for layer in layers { layer.initialiseOrthogonal(values, gain: gain, random: &random) }
    }

    /// The output [rows, outputs] of `input` [rows, inputs]; lies in `space` and is valid until its next use.
    public func forward(_ values: Floats, input: Matrix, _ space: DenseSpace) -> Matrix {
        precondition(input.columns == inputs && space.outputs.count == layers.count, "another stack's input or space")
        var current = input
        for (layer, output) in zip(layers, space.outputs) {
            let result = output.rows(0..<input.rows)
            layer.forward(values, input: current, output: result)
            activation.forward(result)
            current = result
        }
        return current
    }

    /// Adds to the gradients of all layers after `forward` on the same `input` and `space`; overwrites
    /// `outputGradient` [rows, outputs], and writes that with respect to the input where it is asked for.
    public func backward(
        _ values: Floats, gradients: Floats, input: Matrix, outputGradient: Matrix, inputGradient: Matrix?,
        _ space: DenseSpace
    ) {
        guard !layers.isEmpty else {
            inputGradient?.copy(from: outputGradient)
            return
        }
        let rows = 0..<input.rows
        var gradient = outputGradient
        for index in layers.indices.reversed() {
            let below = index == 0 ? input : space.outputs[index - 1].rows(rows)
            let wanted = index == 0 ? inputGradient : space.gradients[index - 1].rows(rows)
            activation.backward(output: space.outputs[index].rows(rows), gradient: gradient)
            layers[index].backward(
                values, gradients: gradients, input: below, outputGradient: gradient, inputGradient: nil)
            if let wanted {
                space.setInputGradient(wanted, layers[index], values, outputGradient: gradient)
                gradient = wanted
            }
        }
    }
}

/// Memory of a `DenseStack` for at most `rowsMax` rows: outputs of each layer and, for training, their gradients.
public final class DenseSpace {
    /// Rows that fit.
    public let rowsMax: Int
    /// Output of each layer, [rowsMax, width].
    let outputs: [Matrix]
    /// Gradient with respect to the output of each layer but the last; empty unless `training`.
    let gradients: [Matrix]
    private let transposed: FloatBuffer
    private let buffers: [FloatBuffer]

    /// Allocates all memory.
    public init(_ stack: DenseStack, rowsMax: Int, training: Bool) {
        precondition(rowsMax > 0, "a space without rows")
        self.rowsMax = rowsMax
        func make(_ widths: [Int]) -> ([FloatBuffer], [Matrix]) {
            let buffers = widths.map { FloatBuffer(count: rowsMax * $0) }
            return (buffers, zip(buffers, widths).map { Matrix($0.floats, rows: rowsMax, columns: $1) })
        }
        let widths = stack.layers.map(\.outputs)
        let (outputBuffers, outputs) = make(widths)
        let (gradientBuffers, gradients) = make(training ? Array(widths.dropLast()) : [])
        self.outputs = outputs
        self.gradients = gradients
        transposed = FloatBuffer(count: training ? stack.layers.map { $0.inputs * $0.outputs }.max() ?? 0 : 0)
        buffers = outputBuffers + gradientBuffers
    }

    /// `result` = dY W through a transposed copy of W: OpenBLAS's small plain products would call `malloc`.
    func setInputGradient(_ result: Matrix, _ layer: Linear, _ values: Floats, outputGradient: Matrix) {
        layer.setInputGradient(result, values, outputGradient: outputGradient, scratch: transposed.floats)
    }
}

extension Linear {
    /// `result` = dY W by a product with the transposed copy of W that `scratch`, of inputs · outputs elements or more,
    /// receives; allocates nothing at any size.
    func setInputGradient(_ result: Matrix, _ values: Floats, outputGradient: Matrix, scratch: Floats) {
        let weights = values.matrix(weight)
        let copy = Matrix(scratch, rows: inputs, columns: outputs)
        for output in 0..<outputs {
            let row = weights.row(output)
            for input in 0..<inputs { copy[input, output] = row[input] }
        }
        result.setProduct(outputGradient, .plain, copy, .transposed)
    }
}
