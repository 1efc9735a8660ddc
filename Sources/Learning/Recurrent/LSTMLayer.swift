/// One layer of long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates), exactly as in PyTorch.
///
/// ```
/// a_t = x_t W_ihᵀ + b_ih + h_{t-1} W_hhᵀ + b_hh        gates in the order i, f, g, o
/// i, f, o = σ(a)    g = tanh(a)
/// c_t = f · c_{t-1} + i · g       h_t = o · tanh c_t
/// ```
///
/// The products with the input run over all steps at once, those with the hidden state step by step.
struct LSTMLayer: Sendable {
    let weights: LayerWeights

    /// Adds PyTorch's four tensors of layer `number` to `layout`.
    init(_ name: String, number: Int, inputs: Int, hidden: Int, layout: inout ParameterLayout) {
        weights = LayerWeights(name, number: number, gates: 4, inputs: inputs, hidden: hidden, layout: &layout)
    }

    /// Fills h, c and the saved gates of `space` from its input; the state before step 0 is all zero if `fromZero`.
    func forward(_ values: Floats, _ space: RecurrentLayerSpace, fromZero: Bool) {
        let bias = space.scratch.row(0)
        bias.copy(from: values.run(weights.inputBias))
        bias.add(values.run(weights.hiddenBias))
        space.gates.setProduct(space.input, .plain, values.matrix(weights.inputWeight), .transposed)
        for step in 0..<space.steps {
            if step > 0 || !fromZero {
                space.rows(of: space.gates, step: step).setProduct(
                    space.rows(of: space.hidden, step: step), .plain, values.matrix(weights.hiddenWeight), .transposed,
                    accumulate: true)
            }
            for row in step * space.batch..<(step + 1) * space.batch { advance(space, row: row, bias: bias) }
        }
    }

    /// Gates, cell and hidden state of one sequence at one step from its preactivations.
    @inline(__always)
    private func advance(_ space: RecurrentLayerSpace, row: Int, bias: Floats) {
        let gates = space.gates.row(row)
        let before = space.cell.row(row)
        let after = space.cell.row(row + space.batch)
        let squashed = space.inner.row(row)
        let output = space.hidden.row(row + space.batch)
        let width = weights.hidden
        output.forEachVector { at, lanes in
            func preactivation(_ gate: Int) -> Floats.Vector {
                gates.vector(at: gate * width + at, lanes: lanes) + bias.vector(at: gate * width + at, lanes: lanes)
            }
            let i = VectorMath.sigmoid(preactivation(0))
            let f = VectorMath.sigmoid(preactivation(1))
            let g = VectorMath.tanh(preactivation(2))
            let o = VectorMath.sigmoid(preactivation(3))
            let c = f * before.vector(at: at, lanes: lanes) + i * g
            let tanhC = VectorMath.tanh(c)
            gates.setVector(i, at: at, lanes: lanes)
            gates.setVector(f, at: width + at, lanes: lanes)
            gates.setVector(g, at: 2 * width + at, lanes: lanes)
            gates.setVector(o, at: 3 * width + at, lanes: lanes)
            after.setVector(c, at: at, lanes: lanes)
            squashed.setVector(tanhC, at: at, lanes: lanes)
            output.setVector(o * tanhC, at: at, lanes: lanes)
        }
    }

    /// Back through time from `space.outputGradient`: adds to `gradients`, writes dX where it is asked for.
    ///
    /// Overwrites the saved gates, so it can follow a forward pass once.
    func backward(_ values: Floats, gradients: Floats, _ space: RecurrentLayerSpace, inputGradient: Matrix?) {
        space.hiddenGradient.fill(0)
        space.cellGradient.fill(0)
        for step in stride(from: space.steps - 1, through: 0, by: -1) {
            for index in 0..<space.batch { retreat(space, row: step * space.batch + index, index: index) }
            if step > 0 {
                space.hiddenGradient.setProduct(
                    space.rows(of: space.gates, step: step), .plain, values.matrix(weights.hiddenWeight), .plain)
            }
        }
        let states = space.hidden.rows(0..<space.steps * space.batch)
        gradients.matrix(weights.inputWeight).setProduct(
            space.gates, .transposed, space.input, .plain, accumulate: true)
        gradients.matrix(weights.hiddenWeight).setProduct(space.gates, .transposed, states, .plain, accumulate: true)
        let bias = space.scratch.row(0)
        bias.fill(0)
        space.gates.addColumnSums(to: bias)
        gradients.run(weights.inputBias).add(bias)
        gradients.run(weights.hiddenBias).add(bias)
        inputGradient?.setProduct(space.gates, .plain, values.matrix(weights.inputWeight), .plain)
    }

    /// Turns the gates of one sequence at one step into the gradients of their preactivations.
    @inline(__always)
    private func retreat(_ space: RecurrentLayerSpace, row: Int, index: Int) {
        let gates = space.gates.row(row)
        let before = space.cell.row(row)
        let squashed = space.inner.row(row)
        let above = space.outputGradient.row(row)
        let carried = space.hiddenGradient.row(index)
        let cellCarried = space.cellGradient.row(index)
        let width = weights.hidden
        above.forEachVector { at, lanes in
            let i = gates.vector(at: at, lanes: lanes)
            let f = gates.vector(at: width + at, lanes: lanes)
            let g = gates.vector(at: 2 * width + at, lanes: lanes)
            let o = gates.vector(at: 3 * width + at, lanes: lanes)
            let tanhC = squashed.vector(at: at, lanes: lanes)
            let d = above.vector(at: at, lanes: lanes) + carried.vector(at: at, lanes: lanes)
            let delta = cellCarried.vector(at: at, lanes: lanes) + d * o * (1 - tanhC * tanhC)
            gates.setVector(delta * g * i * (1 - i), at: at, lanes: lanes)
            gates.setVector(
                delta * before.vector(at: at, lanes: lanes) * f * (1 - f), at: width + at, lanes: lanes)
            gates.setVector(delta * i * (1 - g * g), at: 2 * width + at, lanes: lanes)
            gates.setVector(d * tanhC * o * (1 - o), at: 3 * width + at, lanes: lanes)
            cellCarried.setVector(delta * f, at: at, lanes: lanes)
        }
    }
}
