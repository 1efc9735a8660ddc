/// State value and advantages joined to action values: Q = V + A - mean A (Wang et al. 2016, equation 9).
public struct DuelingHead: Sendable {
    /// Number of actions.
    public let actions: Int
    /// V, one output.
    public let value: Linear
    /// A, one output an action.
    public let advantage: Linear

    /// Adds `<name>.value` and `<name>.advantage` layers over `inputs` columns to `layout`.
    public init(_ name: String, inputs: Int, actions: Int, layout: inout ParameterLayout) {
        precondition(actions > 0, "a head without actions")
        self.actions = actions
        value = Linear("\(name).value", inputs: inputs, outputs: 1, layout: &layout)
        advantage = Linear("\(name).advantage", inputs: inputs, outputs: actions, layout: &layout)
    }

    /// PyTorch's default of both layers.
    public func initialise(_ values: Floats, random: inout Xoshiro256StarStar) {
        value.initialise(values, random: &random)
        advantage.initialise(values, random: &random)
    }

    /// `output` [rows, actions] from `input` [rows, inputs]; `state` [rows, 1] is scratch.
    public func forward(_ values: Floats, input: Matrix, output: Matrix, state: Matrix) {
        value.forward(values, input: input, output: state)
        advantage.forward(values, input: input, output: output)
        for index in 0..<output.rows {
            let row = output.row(index)
            var sum: Float = 0
            for action in 0..<actions { sum += row[action] }
            let shift = state[index, 0] - sum / Float(actions)
            for action in 0..<actions { row[action] += shift }
        }
    }

    /// Adds to the gradients of both layers: dV = Σ dQ, dA = dQ - mean dQ; writes dX where it is asked for.
    ///
    /// Turns `outputGradient` into dA in place; `state` [rows, 1] and `scratch`, of the input's shape, are overwritten.
    public func backward(
        _ values: Floats, gradients: Floats, input: Matrix, outputGradient: Matrix, inputGradient: Matrix?,
        state: Matrix, scratch: Matrix
    ) {
        for index in 0..<outputGradient.rows {
            let row = outputGradient.row(index)
            var sum: Float = 0
            for action in 0..<actions { sum += row[action] }
            state[index, 0] = sum
            for action in 0..<actions { row[action] -= sum / Float(actions) }
        }
        let wanted = inputGradient != nil
        value.backward(
            values, gradients: gradients, input: input, outputGradient: state, inputGradient: wanted ? scratch : nil)
        advantage.backward(
            values, gradients: gradients, input: input, outputGradient: outputGradient, inputGradient: inputGradient)
        if let inputGradient {
            for index in 0..<inputGradient.rows { inputGradient.row(index).add(scratch.row(index)) }
        }
    }
}
