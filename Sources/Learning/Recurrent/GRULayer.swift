/// One layer of gated recurrent units (Cho et al. 2014) in PyTorch's variant: the reset gate is applied after the
/// product, gates in the order r, z, n.
///
/// ```
/// r, z = σ(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh)
/// q = h W_hnᵀ + b_hn       n = tanh(x W_inᵀ + b_in + r · q)
/// h' = (1 - z) · n + z · h
/// ```
struct GRULayer: Sendable {
    let weights: LayerWeights

    /// Adds PyTorch's four tensors of layer `number` to `layout`.
    init(_ name: String, number: Int, inputs: Int, hidden: Int, layout: inout ParameterLayout) {
        weights = LayerWeights(name, number: number, gates: 3, inputs: inputs, hidden: hidden, layout: &layout)
    }

    /// Fills h and the saved gates of `space` from its input; the state before step 0 is all zero if `fromZero`.
    func forward(_ values: Floats, _ space: RecurrentLayerSpace, fromZero: Bool) {
        let inputSide = values.run(weights.inputBias)
        let hiddenSide = values.run(weights.hiddenBias)
        space.gates.setProduct(space.input, .plain, values.matrix(weights.inputWeight), .transposed)
        for step in 0..<space.steps {
            if step > 0 || !fromZero {
                space.scratch.setProduct(
                    space.rows(of: space.hidden, step: step), .plain, values.matrix(weights.hiddenWeight), .transposed)
            } else {
                space.scratch.fill(0)
            }
            for index in 0..<space.batch {
                advance(
                    space, row: step * space.batch + index, product: space.scratch.row(index), inputSide, hiddenSide)
            }
        }
    }

    /// Gates and hidden state of one sequence at one step; `product` is h W_hhᵀ.
    @inline(__always)
    private func advance(
        _ space: RecurrentLayerSpace, row: Int, product: Floats, _ inputSide: Floats, _ hiddenSide: Floats
    ) {
        let gates = space.gates.row(row)
        let before = space.hidden.row(row)
        let after = space.hidden.row(row + space.batch)
        let inner = space.inner.row(row)
        let width = weights.hidden
        after.forEachVector { at, lanes in
            func fromInput(_ gate: Int) -> Floats.Vector {
                gates.vector(at: gate * width + at, lanes: lanes)
                    + inputSide.vector(at: gate * width + at, lanes: lanes)
            }
            func fromHidden(_ gate: Int) -> Floats.Vector {
                product.vector(at: gate * width + at, lanes: lanes)
                    + hiddenSide.vector(at: gate * width + at, lanes: lanes)
            }
            let r = VectorMath.sigmoid(fromInput(0) + fromHidden(0))
            let z = VectorMath.sigmoid(fromInput(1) + fromHidden(1))
            let q = fromHidden(2)
            let n = VectorMath.tanh(fromInput(2) + r * q)
            gates.setVector(r, at: at, lanes: lanes)
            gates.setVector(z, at: width + at, lanes: lanes)
            gates.setVector(n, at: 2 * width + at, lanes: lanes)
            inner.setVector(q, at: at, lanes: lanes)
            after.setVector((1 - z) * n + z * before.vector(at: at, lanes: lanes), at: at, lanes: lanes)
        }
    }

    /// Back through time from `space.outputGradient`: adds to `gradients`, writes dX where it is asked for.
    ///
    /// The two sides differ in the third gate: the input side has the gradient of n's preactivation, the hidden side
    /// that of q. Overwrites the saved gates, so it can follow a forward pass once.
    func backward(_ values: Floats, gradients: Floats, _ space: RecurrentLayerSpace, inputGradient: Matrix?) {
        space.hiddenGradient.fill(0)
        for step in stride(from: space.steps - 1, through: 0, by: -1) {
            for index in 0..<space.batch { retreat(space, row: step * space.batch + index, index: index) }
            if step > 0 {
                space.hiddenGradient.setProduct(
                    space.rows(of: space.hiddenGates, step: step), .plain, values.matrix(weights.hiddenWeight), .plain,
                    accumulate: true)
            }
        }
        let states = space.hidden.rows(0..<space.steps * space.batch)
        gradients.matrix(weights.inputWeight).setProduct(
            space.gates, .transposed, space.input, .plain, accumulate: true)
        gradients.matrix(weights.hiddenWeight).setProduct(
            space.hiddenGates, .transposed, states, .plain, accumulate: true)
        space.gates.addColumnSums(to: gradients.run(weights.inputBias))
        space.hiddenGates.addColumnSums(to: gradients.run(weights.hiddenBias))
        inputGradient?.setProduct(space.gates, .plain, values.matrix(weights.inputWeight), .plain)
    }

    /// Turns the gates of one sequence at one step into the gradients of their preactivations.
    @inline(__always)
    private func retreat(_ space: RecurrentLayerSpace, row: Int, index: Int) {
        let gates = space.gates.row(row)
        let hiddenGates = space.hiddenGates.row(row)
        let before = space.hidden.row(row)
        let inner = space.inner.row(row)
        let above = space.outputGradient.row(row)
        let carried = space.hiddenGradient.row(index)
        let width = weights.hidden
        above.forEachVector { at, lanes in
            let r = gates.vector(at: at, lanes: lanes)
            let z = gates.vector(at: width + at, lanes: lanes)
            let n = gates.vector(at: 2 * width + at, lanes: lanes)
            let d = above.vector(at: at, lanes: lanes) + carried.vector(at: at, lanes: lanes)
            let candidate = d * (1 - z) * (1 - n * n)
            let reset = candidate * inner.vector(at: at, lanes: lanes) * r * (1 - r)
            let update = d * (before.vector(at: at, lanes: lanes) - n) * z * (1 - z)
            gates.setVector(reset, at: at, lanes: lanes)
            gates.setVector(update, at: width + at, lanes: lanes)
            gates.setVector(candidate, at: 2 * width + at, lanes: lanes)
            hiddenGates.setVector(reset, at: at, lanes: lanes)
            hiddenGates.setVector(update, at: width + at, lanes: lanes)
            hiddenGates.setVector(candidate * r, at: 2 * width + at, lanes: lanes)
            carried.setVector(d * z, at: at, lanes: lanes)
        }
    }
}
