import Learning
import Testing

/// LSTM and GRU against PyTorch: outputs, gradients, five steps of Adam with clipping.
@Suite struct RecurrentParityTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let kind: RecurrentKind
        let hidden: Int
        let layers: Int
        let shards: Int
        var prefix: String { "\(kind.rawValue)\(hidden)" }
        var testDescription: String { "\(layers) x \(hidden) \(kind.rawValue), \(shards) shards" }
    }

    static let cases = [RecurrentKind.lstm, .gru].flatMap { kind in
        [(16, 2), (20, 1)].flatMap { hidden, layers in
            [1, 2].map { Case(kind: kind, hidden: hidden, layers: layers, shards: $0) }
        }
    }

    static let steps = 5
    static let batch = 4
    static let inputs = 3

    /// The windows of a tensor [steps, batch, inputs], one array each.
    static func windows(_ x: [Float]) -> [[Float]] {
        (0..<batch).map { row in
            (0..<steps).flatMap { step in
                (0..<inputs).map { x[(step * batch + row) * inputs + $0] }
            }
        }
    }

    func network(_ test: Case, _ reference: Reference) throws -> RecurrentNetwork {
        let network = RecurrentNetwork(
            .init(
                kind: test.kind, inputs: Self.inputs, hidden: test.hidden, layers: test.layers, dropout: 0, targets: 2),
            seed: 1)
        try network.withValues { try reference.load(test.prefix, into: $0, network.layout) }
        return network
    }

    @Test("Outputs of windows, sequences and streams equal PyTorch's", arguments: cases)
    func outputs(_ test: Case) throws {
        let reference = try Reference(test.kind.rawValue)
        let network = try network(test, reference)
        let windows = Self.windows(try reference.values("\(test.prefix).x"))
        let expected = try reference.values("\(test.prefix).output")

        let predictor = RecurrentPredictor(network, steps: Self.steps, batch: Self.batch)
        for (row, window) in windows.enumerated() { predictor.setWindow(row, window.span) }
        predictor.predict()
        let outputs = predictor.withOutputs { $0.floats.array }
        #expect(tensorDistance(outputs, expected, relative: 1e-5, absolute: 1e-5) < 1)

        let space = RecurrentSpace(network.stack, steps: Self.steps, batch: Self.batch, training: false)
        space.input.floats.copy(from: try reference.values("\(test.prefix).x"))
        network.withValues { network.stack.forward($0, space) }
        let sequence = try reference.values("\(test.prefix).sequence")
        #expect(tensorDistance(space.outputs.floats.array, sequence, relative: 1e-5, absolute: 1e-5) < 1)

        let stream = RecurrentStream(network)
        for (row, window) in windows.enumerated() {
            stream.reset()
            var last: [Float] = []
            for step in 0..<Self.steps {
                stream.step(window.span.extracting(step * Self.inputs..<(step + 1) * Self.inputs))
                last = stream.withOutputs { $0.array }
            }
            #expect(tensorDistance(last, Array(expected[row * 2..<row * 2 + 2]), relative: 1e-5, absolute: 1e-5) < 1)
        }
    }

    @Test("Gradients and weights after five Adam steps equal PyTorch's", arguments: cases)
    func training(_ test: Case) throws {
        let reference = try Reference(test.kind.rawValue)
        let network = try network(test, reference)
        var configuration = RecurrentTrainer.Configuration()
        configuration.steps = Self.steps
        configuration.batch = Self.batch
        configuration.adam = .init(learningRate: 0.01, clipNorm: 0.25)
        configuration.shards = test.shards
        configuration.threads = 1
        let trainer = try RecurrentTrainer(network, configuration)
        let targets = try reference.values("\(test.prefix).y")
        for (row, window) in Self.windows(try reference.values("\(test.prefix).x")).enumerated() {
            trainer.setWindow(row, window.span, targets: targets.span.extracting(row * 2..<row * 2 + 2))
        }
        _ = trainer.computeGradient()
        let gradients = try trainer.withGradients {
            try reference.distance(
                "\(test.prefix).gradient", $0, network.layout, relative: 1e-4, absolute: 1e-7)
        }
        #expect(gradients < 1)
        let losses = try reference.values("\(test.prefix).losses")
        for loss in losses {
            let outcome = trainer.step()
            #expect(outcome.isApplied)
            #expect(abs(Float(outcome.loss) - loss) < 1e-5 * (1 + loss))
        }
        let weights = try network.withValues {
            try reference.distance("\(test.prefix).after", $0, network.layout, relative: 1e-4, absolute: 1e-4)
        }
        #expect(weights < 1)
        if TestFigures.isWanted {
            print("figures \(test.testDescription): gradients \(gradients)e-4 relative, weights \(weights)e-4")
        }
    }
}
