import Learning
import MallocCount
import Testing

/// Sequences answered step by step against windows computed anew.
@Suite struct RollingTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let network: RecurrentNetwork.Configuration
        let steps: Int
    }

    static let cases: [Case] = [
        Case(testDescription: "LSTM 3 x 128, windows of 30", network: .init(targets: 5), steps: 30),
        Case(testDescription: "GRU 3 x 128, windows of 30", network: .init(kind: .gru, targets: 5), steps: 30),
        Case(
            testDescription: "LSTM 1 x 48 with quantiles, windows of 30",
            network: .init(
                hidden: 48, layers: 1, dropout: 0, targets: 5, quantiles: QuantileHead(levels: [0.05, 0.5, 0.95])),
            steps: 30),
        Case(
            testDescription: "GRU 2 x 17, windows of 2",
            network: .init(kind: .gru, inputs: 3, hidden: 17, layers: 2, dropout: 0), steps: 2),
        Case(
            testDescription: "LSTM 2 x 20, windows of 1",
            network: .init(inputs: 3, hidden: 20, layers: 2, dropout: 0), steps: 1),
    ]

    /// A sequence of `count` steps and the answers of windows that end after each, by `RecurrentPredictor`.
    struct Sequence {
        let width: Int
        let features: [Float]

        init(_ network: RecurrentNetwork, count: Int, seed: UInt64) {
            var random = Xoshiro256StarStar(seed: seed)
            width = network.configuration.inputs
            features = uniform(count * width, &random, scale: 2)
        }

        func window(_ network: RecurrentNetwork, from first: Int, count: Int) -> [Float] {
            let predictor = RecurrentPredictor(network, steps: count)
            predictor.setWindow(0, features.span.extracting(first * width..<(first + count) * width))
            predictor.predict()
            return predictor.withOutputs { $0.floats.array }
        }
    }

    @Test("Rolling answers are those of whole windows from the zero state, before a reset and after", arguments: cases)
    func rolling(_ test: Case) {
        let network = RecurrentNetwork(test.network, seed: 5)
        let rolling = RecurrentRollingPredictor(network, steps: test.steps)
        for seed in [1, 2] as [UInt64] {
            let count = 2 * test.steps + 7
            let sequence = Sequence(network, count: count, seed: seed)
            for step in 0..<count {
                let range = step * sequence.width..<(step + 1) * sequence.width
                let isWhole = rolling.step(sequence.features.span.extracting(range))
                // Whether the open windows are advanced at once or by the next step must not matter.
                if step % 3 == 0 { rolling.advance() }
                if step % 5 == 0 { rolling.advance() }
                #expect(isWhole == (step + 1 >= test.steps))
                #expect(rolling.stepCount == min(step + 1, test.steps))
                guard isWhole else { continue }
                let expected = sequence.window(network, from: step + 1 - test.steps, count: test.steps)
                let mine = rolling.withOutputs { $0.array }
                #expect(tensorDistance(mine, expected, relative: 1e-5, absolute: 1e-5) < 1, "step \(step)")
            }
            rolling.reset()
            #expect(rolling.stepCount == 0)
        }
    }

    @Test("A stream of n steps since its reset answers as a window of n steps", arguments: cases)
    func stream(_ test: Case) {
        let network = RecurrentNetwork(test.network, seed: 6)
        let stream = RecurrentStream(network)
        for seed in [3, 4] as [UInt64] {
            let sequence = Sequence(network, count: 30, seed: seed)
            for step in 0..<30 {
                stream.step(sequence.features.span.extracting(step * sequence.width..<(step + 1) * sequence.width))
                #expect(stream.stepCount == step + 1)
                let expected = sequence.window(network, from: 0, count: step + 1)
                let mine = stream.withOutputs { $0.array }
                #expect(tensorDistance(mine, expected, relative: 1e-5, absolute: 1e-5) < 1, "step \(step)")
            }
            stream.reset()
        }
    }

    @Test("What a network hands out lives until the call ends, even if the last reference goes within it")
    func lifetime() throws {
        let sizes = RecurrentNetwork.Configuration(kind: .gru, inputs: 3, hidden: 5, layers: 2, dropout: 0)
        let expected = RecurrentNetwork(sizes, seed: 8).parameters
        #expect(RecurrentNetwork(sizes, seed: 8).withValues { $0.array } == expected)
        var network: RecurrentNetwork? = RecurrentNetwork(sizes, seed: 8)
        weak let witness = network
        let read = network?.withValues { values in
            network = nil
            #expect(witness != nil, "the network was freed under its parameters")
            return values.array
        }
        #expect(read == expected)
        #expect(witness == nil, "nothing keeps it afterwards")
        var configuration = RecurrentTrainer.Configuration()
        configuration.threads = 1
        var trainer: RecurrentTrainer? = try RecurrentTrainer(RecurrentNetwork(sizes, seed: 8), configuration)
        weak let trainerWitness = trainer
        let count = trainer?.withGradients { gradients in
            trainer = nil
            #expect(trainerWitness != nil, "the trainer was freed under its gradients")
            return gradients.count
        }
        #expect(count == expected.count && trainerWitness == nil)
    }
}
