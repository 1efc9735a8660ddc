import Foundation
import Learning
import Testing

/// Gradients against central differences along random directions, where no fixture reaches: dropout, quantiles,
/// uneven shards, three layers.
@Suite struct GradientTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let network: RecurrentNetwork.Configuration
        let loss: Loss
        var shards = 2
    }

    static let cases: [Case] = [
        Case(
            testDescription: "LSTM 3 x 20 with dropout",
            network: .init(kind: .lstm, inputs: 3, hidden: 20, layers: 3, dropout: 0.3, targets: 2),
            loss: .meanSquared),
        Case(
            testDescription: "GRU 2 x 17 with dropout",
            network: .init(kind: .gru, inputs: 5, hidden: 17, layers: 2, dropout: 0.5, targets: 1),
            loss: .huber(beta: 1)),
        Case(
            testDescription: "LSTM 1 x 16 with quantiles",
            network: .init(
                kind: .lstm, inputs: 4, hidden: 16, layers: 1, dropout: 0, targets: 3,
                quantiles: QuantileHead(levels: [0.1, 0.5, 0.9, 0.95])), loss: .meanSquared, shards: 1),
    ]

    func trainer(_ test: Case, threads: Int = 1) throws -> RecurrentTrainer {
        let network = RecurrentNetwork(test.network, seed: 11)
        var configuration = RecurrentTrainer.Configuration()
        configuration.steps = 7
        configuration.batch = 5
        configuration.loss = test.loss
        configuration.shards = test.shards
        configuration.threads = threads
        configuration.seed = 9
        let trainer = try RecurrentTrainer(network, configuration)
        var random = Xoshiro256StarStar(seed: 5)
        for row in 0..<5 {
            let window = uniform(7 * test.network.inputs, &random)
            let targets = uniform(test.network.targets, &random, scale: 2)
            trainer.setWindow(row, window.span, targets: targets.span)
        }
        return trainer
    }

    @Test("The gradient is the slope of the loss along 20 directions", arguments: cases)
    func directional(_ test: Case) throws {
        let trainer = try trainer(test)
        let network = trainer.network
        _ = trainer.computeGradient()
        let gradient = trainer.withGradients { $0.array }
        let start = network.parameters
        var random = Xoshiro256StarStar(seed: 77)
        for _ in 0..<20 {
            // Along the gradient's own signs in part, so that the slope is well above the noise of the loss.
            var direction = gradient.map { g in g == 0 ? 0 : random.uniform(-1, 1) + (g > 0 ? 0.3 : -0.3) }
            let norm = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
            direction = direction.map { $0 / norm }
            let slope = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            func loss(_ epsilon: Float) -> Double {
                network.withValues { $0.copy(from: zip(start, direction).map { $0 + epsilon * $1 }) }
                return trainer.computeGradient()
            }
            let epsilon: Float = 1e-2
            let measured = (loss(epsilon) - loss(-epsilon)) / Double(2 * epsilon)
            #expect(abs(measured - slope) < 1e-2 * abs(slope) + 1e-4, "slope \(slope), measured \(measured)")
        }
    }

    @Test("One thread and two give the same bits, and so does a second run", arguments: cases.prefix(2))
    func threads(_ test: Case) throws {
        var results: [[Float]] = []
        for threads in [1, 2, 2] {
            let trainer = try trainer(test, threads: threads)
            for _ in 0..<20 { #expect(trainer.step().isApplied) }
            results.append(trainer.network.parameters)
        }
        #expect(results[0].map(\.bitPattern) == results[1].map(\.bitPattern))
        #expect(results[1].map(\.bitPattern) == results[2].map(\.bitPattern))
    }

    @Test("A batch of two equals the sum of two batches of one") func batches() throws {
        let sizes = RecurrentNetwork.Configuration(
            kind: .lstm, inputs: 3, hidden: 16, layers: 2, dropout: 0, targets: 1)
        let network = RecurrentNetwork(sizes, seed: 3)
        var random = Xoshiro256StarStar(seed: 4)
        let windows = (0..<2).map { _ in uniform(18, &random) }
        func gradient(_ rows: [Int]) throws -> [Float] {
            var configuration = RecurrentTrainer.Configuration()
            configuration.steps = 6
            configuration.batch = rows.count
            configuration.shards = 1
            configuration.threads = 1
            let trainer = try RecurrentTrainer(network, configuration)
            for (row, window) in rows.enumerated() {
                let target = [Float(window)]
                let features = windows[window]
                trainer.setWindow(row, features.span, targets: target.span)
            }
            _ = trainer.computeGradient()
            return trainer.withGradients { $0.array }
        }
        let halves = zip(try gradient([0]), try gradient([1])).map { ($0 + $1) / 2 }
        #expect(tensorDistance(try gradient([0, 1]), halves, relative: 1e-4, absolute: 1e-6) < 1)
    }

    @Test("A NaN in a window is reported and changes nothing") func notANumber() throws {
        let trainer = try trainer(Self.cases[0])
        let before = trainer.network.parameters
        let window = [Float](repeating: .nan, count: 21)
        let targets: [Float] = [0, 0]
        trainer.setWindow(0, window.span, targets: targets.span)
        #expect(!trainer.step().isApplied)
        #expect(trainer.network.parameters == before)
        #expect(trainer.adam.step == 0)
    }

    @Test("A rate of dropout that drops nothing trains as none; forecasts never drop") func dropout() throws {
        func trained(_ rate: Float, steps: Int) throws -> RecurrentNetwork {
            let trainer = try trainer(
                Case(
                    testDescription: "", network: .init(inputs: 3, hidden: 20, layers: 3, dropout: rate),
                    loss: .meanSquared))
            for _ in 0..<steps { #expect(trainer.step().isApplied) }
            return trainer.network
        }
        /// Gradients of the first step: Adam's would turn the rounding of a gradient near zero into a whole step.
        func gradient(_ rate: Float) throws -> [Float] {
            let trainer = try trainer(
                Case(
                    testDescription: "", network: .init(inputs: 3, hidden: 20, layers: 3, dropout: rate),
                    loss: .meanSquared))
            #expect(trainer.step().isApplied)
            return trainer.withGradients { $0.array }
        }
        // 1e-7 of 65,536 rounds to no element dropped, 1 / (1 - 1e-7) to a factor of 1.
        let none = try gradient(0)
        #expect(tensorDistance(try gradient(1e-7), none, relative: 1e-4, absolute: 1e-6) < 1)
        #expect(tensorDistance(try gradient(0.5), none, relative: 1e-4, absolute: 1e-6) > 10)
        var random = Xoshiro256StarStar(seed: 1)
        let window = uniform(21, &random)
        let answers = try [Float(0), 0.5].map { rate in
            let predictor = RecurrentPredictor(try trained(rate, steps: 0), steps: 7)
            predictor.setWindow(0, window.span)
            predictor.predict()
            return predictor.withOutputs { $0[0, 0] }
        }
        #expect(answers[0] == answers[1])
    }

    @Test("The second thread ends with its trainer") func threadEnds() throws {
        func threads() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count }
        let before = try threads()
        for _ in 0..<40 { #expect(try trainer(Self.cases[0], threads: 2).step().isApplied) }
        // Threads of the test runner may come and go; 40 of ours would not hide among them.
        #expect(try threads() < before + 20)
    }
}
