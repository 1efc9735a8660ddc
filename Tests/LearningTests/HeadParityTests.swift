import Learning
import Testing

/// Layer norm, dueling and categorical heads and losses against PyTorch.
@Suite struct HeadParityTests {
    /// Checks gradient, losses and weights of five Adam steps; `gradient` fills the gradient arena and returns the loss.
    func train(
        _ prefix: String, _ layout: ParameterLayout, _ values: Floats, _ gradients: Floats, clip: Double,
        _ reference: Reference, gradient: () throws -> Float
    ) throws {
        let adam = Adam(layout, configuration: .init(learningRate: 0.01, clipNorm: clip))
        for (step, expected) in try reference.values("\(prefix).losses").enumerated() {
            gradients.fill(0)
            let loss = try gradient()
            #expect(abs(loss - expected) < 1e-5 * (1 + abs(expected)))
            if step == 0 {
                let worst = try reference.distance(
                    "\(prefix).gradient", gradients, layout, relative: 1e-4, absolute: 1e-7)
                #expect(worst < 1)
                if TestFigures.isWanted { print("figures \(prefix): gradients \(worst)e-4 relative") }
            }
            adam.update(values, gradients: gradients)
        }
        let worst = try reference.distance("\(prefix).after", values, layout, relative: 1e-4, absolute: 1e-4)
        #expect(worst < 1)
        if TestFigures.isWanted { print("figures \(prefix): weights \(worst)e-4") }
    }

    @Test("Layer norm") func layerNorm() throws {
        let reference = try Reference("heads")
        var layout = ParameterLayout()
        let norm = LayerNorm("norm", width: 20, layout: &layout)
        let values = FloatBuffer(count: layout.count)
        let gradients = FloatBuffer(count: layout.count)
        try reference.load("norm", into: values.floats, layout)
        let x = try reference.matrix("norm.x")
        let y = try reference.matrix("norm.y")
        let output = OwnedMatrix(rows: 6, columns: 20)
        let unit = OwnedMatrix(rows: 6, columns: 20)
        let slope = OwnedMatrix(rows: 6, columns: 20)
        let dx = OwnedMatrix(rows: 6, columns: 20)
        let scales = FloatBuffer(count: 6)
        func forward() {
            norm.forward(
                values.floats, input: x.matrix, output: output.matrix, normalised: unit.matrix, scales: scales.floats)
        }
        forward()
        #expect(tensorDistance(output.array, try reference.values("norm.output"), relative: 1e-5, absolute: 1e-5) < 1)
        var isFirst = true
        try train("norm", layout, values.floats, gradients.floats, clip: 0.1, reference) {
            forward()
            let loss = Loss.meanSquared.evaluate(
                outputs: output.matrix, targets: y.matrix, gradient: slope.matrix, rowsTotal: 6)
            norm.backward(
                values.floats, gradients: gradients.floats, normalised: unit.matrix, scales: scales.floats,
                outputGradient: slope.matrix, inputGradient: dx.matrix)
            if isFirst {
                let expected = try reference.values("norm.gradient.x")
                #expect(tensorDistance(dx.array, expected, relative: 1e-4, absolute: 1e-7) < 1)
            }
            isFirst = false
            return Float(loss)
        }
    }

    @Test("Dueling head") func dueling() throws {
        let reference = try Reference("heads")
        var layout = ParameterLayout()
        let head = DuelingHead("q", inputs: 12, actions: 5, layout: &layout)
        let values = FloatBuffer(count: layout.count)
        let gradients = FloatBuffer(count: layout.count)
        try reference.load("dueling", into: values.floats, layout)
        let x = try reference.matrix("dueling.x")
        let actions = try reference.values("dueling.actions").map { Int($0) }
        let targets = OwnedMatrix(try reference.values("dueling.y"), columns: 1)
        let output = OwnedMatrix(rows: 7, columns: 5)
        let state = OwnedMatrix(rows: 7, columns: 1)
        let slope = OwnedMatrix(rows: 7, columns: 5)
        let dx = OwnedMatrix(rows: 7, columns: 12)
        let scratch = OwnedMatrix(rows: 7, columns: 12)
        let chosen = OwnedMatrix(rows: 7, columns: 1)
        let chosenSlope = OwnedMatrix(rows: 7, columns: 1)
        head.forward(values.floats, input: x.matrix, output: output.matrix, state: state.matrix)
        #expect(
            tensorDistance(output.array, try reference.values("dueling.output"), relative: 1e-5, absolute: 1e-5) < 1)
        var isFirst = true
        try train("dueling", layout, values.floats, gradients.floats, clip: 0.5, reference) {
            head.forward(values.floats, input: x.matrix, output: output.matrix, state: state.matrix)
            for (row, action) in actions.enumerated() { chosen.matrix[row, 0] = output.matrix[row, action] }
            let loss = Loss.huber(beta: 1).evaluate(
                outputs: chosen.matrix, targets: targets.matrix, gradient: chosenSlope.matrix, rowsTotal: 7)
            slope.matrix.fill(0)
            for (row, action) in actions.enumerated() { slope.matrix[row, action] = chosenSlope.matrix[row, 0] }
            head.backward(
                values.floats, gradients: gradients.floats, input: x.matrix, outputGradient: slope.matrix,
                inputGradient: dx.matrix, state: state.matrix, scratch: scratch.matrix)
            if isFirst {
                let expected = try reference.values("dueling.gradient.x")
                #expect(tensorDistance(dx.array, expected, relative: 1e-4, absolute: 1e-7) < 1)
            }
            isFirst = false
            return Float(loss)
        }
    }

    @Test("Categorical head with masks and entropy") func categorical() throws {
        let reference = try Reference("heads")
        var layout = ParameterLayout()
        let policy = Linear("policy", inputs: 12, outputs: 6, layout: &layout)
        let values = FloatBuffer(count: layout.count)
        let gradients = FloatBuffer(count: layout.count)
        try reference.load("categorical", into: values.floats, layout)
        let x = try reference.matrix("categorical.x")
        let allowed = try reference.matrix("categorical.allowed")
        let actions = try reference.values("categorical.actions").map { Int($0) }
        let advantages = try reference.values("categorical.advantages")
        let logP = OwnedMatrix(rows: 7, columns: 6)
        let slope = OwnedMatrix(rows: 7, columns: 6)
        let dx = OwnedMatrix(rows: 7, columns: 12)
        func forward() {
            policy.forward(values.floats, input: x.matrix, output: logP.matrix)
            CategoricalHead.forward(logits: logP.matrix, allowed: allowed.matrix, logProbabilities: logP.matrix)
        }
        forward()
        #expect(
            tensorDistance(logP.array, try reference.values("categorical.output"), relative: 1e-5, absolute: 1e-5) < 1)
        let entropies = (0..<7).map { CategoricalHead.entropy(logP.matrix.row($0)) }
        #expect(
            tensorDistance(entropies, try reference.values("categorical.entropy"), relative: 1e-5, absolute: 1e-5) < 1)
        var isFirst = true
        try train("categorical", layout, values.floats, gradients.floats, clip: 0.5, reference) {
            forward()
            var loss: Float = 0
            for row in 0..<7 {
                loss -= advantages[row] * logP.matrix[row, actions[row]] / 7
                loss -= 0.01 * CategoricalHead.entropy(logP.matrix.row(row)) / 7
                CategoricalHead.backward(
                    logP.matrix.row(row), action: actions[row], weight: -advantages[row] / 7,
                    entropyWeight: -0.01 / 7, gradient: slope.matrix.row(row))
                for action in 0..<6 where allowed.matrix[row, action] == 0 {
                    #expect(slope.matrix[row, action] == 0)
                }
            }
            policy.backward(
                values.floats, gradients: gradients.floats, input: x.matrix, outputGradient: slope.matrix,
                inputGradient: dx.matrix)
            if isFirst {
                let expected = try reference.values("categorical.gradient.x")
                #expect(tensorDistance(dx.array, expected, relative: 1e-4, absolute: 1e-7) < 1)
            }
            isFirst = false
            return loss
        }
    }

    @Test("Sampling follows the probabilities and never takes a forbidden action") func sampling() {
        let logits = OwnedMatrix([1, 5, 0.5, -1, 2], columns: 5)
        let allowed = OwnedMatrix([1, 0, 1, 0, 1], columns: 5)
        CategoricalHead.forward(logits: logits.matrix, allowed: allowed.matrix, logProbabilities: logits.matrix)
        let expected = logits.array.map { $0 < -1e7 ? 0 : Double(VectorMathTests.exponential($0)) }
        var random = Xoshiro256StarStar(seed: 8)
        var counts = [0, 0, 0, 0, 0]
        for _ in 0..<100_000 { counts[CategoricalHead.sample(logits.matrix.row(0), random: &random)] += 1 }
        #expect(counts[1] == 0 && counts[3] == 0)
        // Five standard deviations of a binomial count of 100,000 draws are below 0.008 of them.
        for action in 0..<5 { #expect(abs(Double(counts[action]) / 100_000 - expected[action]) < 0.008) }
    }

    @Test("Losses, quantiles and their gradients") func losses() throws {
        let reference = try Reference("heads")
        let raw = OwnedMatrix(try reference.values("loss.raw"), columns: 8)
        let y = try reference.matrix("loss.y")
        let quantiles = OwnedMatrix(rows: 6, columns: 8)
        let slope = OwnedMatrix(rows: 6, columns: 8)
        let head = try #require(QuantileHead(levels: [0.05, 0.5, 0.9, 0.95]))
        head.forward(raw: raw.matrix, quantiles: quantiles.matrix)
        #expect(
            tensorDistance(quantiles.array, try reference.values("loss.quantiles"), relative: 1e-5, absolute: 1e-5) < 1)
        let pinball = Loss.pinball(levels: head.levels).evaluate(
            outputs: quantiles.matrix, targets: y.matrix, gradient: slope.matrix, rowsTotal: 6)
        #expect(abs(Float(pinball) - (try reference.values("loss.pinball")[0])) < 1e-5)
        head.backward(raw: raw.matrix, gradient: slope.matrix)
        #expect(
            tensorDistance(slope.array, try reference.values("loss.pinballGradient"), relative: 1e-4, absolute: 1e-7)
                < 1)
        let predictions = OwnedMatrix(
            try reference.values("loss.raw").enumerated().filter { $0.offset % 4 == 0 }.map { $0.element * 2 },
            columns: 2)
        for (name, loss) in [("huber", Loss.huber(beta: 1)), ("mse", .meanSquared)] {
            let gradient = OwnedMatrix(rows: 6, columns: 2)
            let value = loss.evaluate(
                outputs: predictions.matrix, targets: y.matrix, gradient: gradient.matrix, rowsTotal: 6)
            #expect(abs(Float(value) - (try reference.values("loss.\(name)")[0])) < 1e-5)
            let expected = try reference.values("loss.\(name)Gradient")
            #expect(tensorDistance(gradient.array, expected, relative: 1e-4, absolute: 1e-7) < 1)
        }
    }

    @Test("Levels that do not rise, lie outside (0, 1) or lack the median are refused") func levels() {
        for levels: [Float] in [[], [0.9], [0.5, 0.5], [0.9, 0.5], [0, 0.5], [0.5, 1], [0.5, .nan]] {
            #expect(QuantileHead(levels: levels) == nil, "\(levels)")
        }
    }

    @Test("Activations and their slopes", arguments: [Activation.relu, .tanh]) func activations(
        _ activation: Activation
    ) {
        var random = Xoshiro256StarStar(seed: 6)
        let input = uniform(2 * 19, &random, scale: 2)
        func apply(_ shift: Float) -> OwnedMatrix {
            let matrix = OwnedMatrix(input.map { $0 + shift }, columns: 19)
            activation.forward(matrix.matrix)
            return matrix
        }
        let output = apply(0)
        let slope = OwnedMatrix([Float](repeating: 1, count: 38), columns: 19)
        activation.backward(output: output.matrix, gradient: slope.matrix)
        for (index, (low, high)) in zip(apply(-1e-3).array, apply(1e-3).array).enumerated() {
            #expect(abs((high - low) / 2e-3 - slope.array[index]) < 1e-2, "input \(input[index])")
        }
    }
}
