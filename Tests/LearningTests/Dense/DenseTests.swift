import Learning
import Testing

/// Hidden layers, their initial weights and the dueling join.
@Suite struct DenseTests {
    /// A stack with memory, input and the weights of a linear loss L = Σ c · output.
    final class Setup {
        let stack: DenseStack
        let layout: ParameterLayout
        let values: FloatBuffer
        let gradients: FloatBuffer
        let space: DenseSpace
        let input: OwnedMatrix
        let weights: OwnedMatrix

        init(widths: [Int], activation: Activation, rows: Int, inputs: Int, seed: UInt64) {
            var layout = ParameterLayout()
            stack = DenseStack("net", inputs: inputs, widths: widths, activation: activation, layout: &layout)
            self.layout = layout
            values = FloatBuffer(count: layout.count)
            gradients = FloatBuffer(count: layout.count)
            space = DenseSpace(stack, rowsMax: rows + 3, training: true)
            var random = Xoshiro256StarStar(seed: seed)
            stack.initialise(values.floats, random: &random)
            input = OwnedMatrix(uniform(rows * inputs, &random), columns: inputs)
            weights = OwnedMatrix(uniform(rows * stack.outputs, &random), columns: stack.outputs)
        }

        func loss() -> Double {
            let output = stack.forward(values.floats, input: input.matrix, space)
            var sum = 0.0
            for row in 0..<output.rows {
                for column in 0..<output.columns { sum += Double(output[row, column] * weights.matrix[row, column]) }
            }
            return sum
        }
    }

    @Test("Slopes along random directions are those of finite differences", arguments: [Activation.tanh, .relu])
    func finiteDifferences(_ activation: Activation) {
        let setup = Setup(widths: [20, 17, 5], activation: activation, rows: 9, inputs: 6, seed: 3)
        _ = setup.loss()
        let outputGradient = OwnedMatrix(setup.weights.array, columns: 5)
        let inputGradient = OwnedMatrix(rows: 9, columns: 6)
        setup.stack.backward(
            setup.values.floats, gradients: setup.gradients.floats, input: setup.input.matrix,
            outputGradient: outputGradient.matrix, inputGradient: inputGradient.matrix, setup.space)
        let start = setup.values.floats.array
        let gradient = setup.gradients.floats.array
        var random = Xoshiro256StarStar(seed: 4)
        // A rectifier has a kink at 0: steps so small that hardly a unit crosses it.
        let epsilon: Float = activation == .relu ? 5e-4 : 5e-3
        for _ in 0..<20 {
            expectSlope(gradient, &random, epsilon: epsilon) { direction, epsilon in
                setup.values.floats.copy(from: zip(start, direction).map { $0 + epsilon * $1 })
                return setup.loss()
            }
        }
        setup.values.floats.copy(from: start)
        let inputs = setup.input.array
        for _ in 0..<10 {
            expectSlope(inputGradient.array, &random, epsilon: epsilon) { direction, epsilon in
                setup.input.matrix.floats.copy(from: zip(inputs, direction).map { $0 + epsilon * $1 })
                return setup.loss()
            }
        }
    }

    @Test("A stack without layers hands its input and its gradient on") func empty() {
        let setup = Setup(widths: [], activation: .relu, rows: 2, inputs: 3, seed: 1)
        #expect(setup.stack.outputs == 3 && setup.layout.count == 0)
        let output = setup.stack.forward(setup.values.floats, input: setup.input.matrix, setup.space)
        #expect((0..<2).allSatisfy { output.row($0).array == setup.input.matrix.row($0).array })
        let gradient = OwnedMatrix(setup.weights.array, columns: 3)
        let below = OwnedMatrix(rows: 2, columns: 3)
        setup.stack.backward(
            setup.values.floats, gradients: setup.gradients.floats, input: setup.input.matrix,
            outputGradient: gradient.matrix, inputGradient: below.matrix, setup.space)
        #expect(below.array == setup.weights.array)
    }

    @Test("Parameters have the names of torch.nn.Sequential") func names() {
        var layout = ParameterLayout()
        _ = DenseStack("policy", inputs: 4, widths: [8, 6], activation: .tanh, layout: &layout)
        #expect(
            layout.specs.map(\.name) == ["policy.0.weight", "policy.0.bias", "policy.2.weight", "policy.2.bias"])
        #expect(layout.specs.map(\.shape) == [[8, 4], [8], [6, 8], [6]])
    }

    @Test(
        "Orthogonal weights have orthogonal rows or columns of the gain's length",
        arguments: [(5, 12), (12, 5), (7, 7)])
    func orthogonal(_ outputs: Int, _ inputs: Int) {
        var layout = ParameterLayout()
        let linear = Linear("l", inputs: inputs, outputs: outputs, layout: &layout)
        let values = FloatBuffer(count: layout.count)
        values.floats.fill(9)
        var random = Xoshiro256StarStar(seed: 8)
        linear.initialiseOrthogonal(values.floats, gain: 1.5, random: &random)
        let weight = values.floats.matrix(linear.weight)
        let byRow = outputs <= inputs
        let count = min(outputs, inputs)
        for a in 0..<count {
            for b in 0..<count {
                var dot = 0.0
                for index in 0..<max(outputs, inputs) {
                    dot += Double(byRow ? weight[a, index] * weight[b, index] : weight[index, a] * weight[index, b])
                }
                #expect(abs(dot - (a == b ? 2.25 : 0)) < 1e-5, "\(a), \(b): \(dot)")
            }
        }
        #expect(values.floats.run(linear.bias).array.allSatisfy { $0 == 0 })
    }

    /// V = 2, A = (1, 5, 9) with the second forbidden: mean of the allowed 5, so Q = (-2, 2, 6).
    @Test("The dueling join takes the mean over the allowed actions only") func duelingJoin() {
        let row = OwnedMatrix([1, 5, 9], columns: 3)
        let allowed = OwnedMatrix([1, 0, 1], columns: 3)
        DuelingJoin.forward(row.matrix.row(0), state: 2, allowed: allowed.matrix.row(0))
        #expect(row.array == [-2, 2, 6])
        // dQ = (1, 0, 3): dV = 4, dA = (1 - 2, 0, 3 - 2).
        let gradient = OwnedMatrix([1, 0, 3], columns: 3)
        #expect(DuelingJoin.backward(gradient.matrix.row(0), allowed: allowed.matrix.row(0)) == 4)
        #expect(gradient.array == [-1, 0, 1])
    }

    @Test("With every action allowed the join is DuelingHead's") func duelingHead() {
        var layout = ParameterLayout()
        let head = DuelingHead("head", inputs: 6, actions: 4, layout: &layout)
        let values = FloatBuffer(count: layout.count)
        var random = Xoshiro256StarStar(seed: 5)
        head.initialise(values.floats, random: &random)
        let input = OwnedMatrix(uniform(18, &random), columns: 6)
        let (output, state) = (OwnedMatrix(rows: 3, columns: 4), OwnedMatrix(rows: 3, columns: 1))
        head.forward(values.floats, input: input.matrix, output: output.matrix, state: state.matrix)
        let mine = OwnedMatrix(rows: 3, columns: 4)
        head.value.forward(values.floats, input: input.matrix, output: state.matrix)
        head.advantage.forward(values.floats, input: input.matrix, output: mine.matrix)
        let allowed = OwnedMatrix([1, 1, 1, 1], columns: 4)
        for row in 0..<3 {
            DuelingJoin.forward(mine.matrix.row(row), state: state.matrix[row, 0], allowed: allowed.matrix.row(0))
        }
        #expect(tensorDistance(mine.array, output.array, relative: 1e-6, absolute: 1e-6) < 1)
    }
}

/// Expects `loss` to change along a random direction as `gradient` says, to 1 % and 1e-4.
func expectSlope(
    _ gradient: [Float], _ random: inout Xoshiro256StarStar, epsilon: Float = 5e-3,
    _ loss: (_ direction: [Float], _ epsilon: Float) -> Double
) {
    // Along the gradient's own signs in part, so that the slope is well above the noise of the loss.
    var direction = gradient.map { g in g == 0 ? 0 : random.uniform(-1, 1) + (g > 0 ? 0.3 : -0.3) }
    let norm = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard norm > 0 else {
        Issue.record("a gradient of zero")
        return
    }
    direction = direction.map { $0 / norm }
    let slope = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let measured = (loss(direction, epsilon) - loss(direction, -epsilon)) / Double(2 * epsilon)
    #expect(abs(measured - slope) < 1e-2 * abs(slope) + 1e-4, "slope \(slope), measured \(measured)")
}
