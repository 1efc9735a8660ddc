import Learning
import MallocCount
import Testing

/// The networks learn what they should, and a step of training costs no allocation.
@Suite struct LearningTests {
    static let kinds: [RecurrentKind] = [.lstm, .gru]

    /// Allocations of this thread while `body` runs.
    static func allocations(_ body: () -> Void) -> Int {
        let before = malloc_count()
        body()
        return Int(malloc_count() - before)
    }

    func configuration(steps: Int, batch: Int, rate: Float) -> RecurrentTrainer.Configuration {
        var configuration = RecurrentTrainer.Configuration()
        configuration.steps = steps
        configuration.batch = batch
        configuration.adam = .init(learningRate: rate, clipNorm: 1)
        return configuration
    }

    /// Two channels: uniform values, and a marker at one place in each half of the window; the target is the sum of the
    /// two marked values. Answering 1 costs 1/6.
    @Test("The adding problem is solved within 2,000 steps", arguments: kinds)
    func addingProblem(_ kind: RecurrentKind) throws {
        let steps = 30
        let batch = 64
        let network = RecurrentNetwork(
            .init(kind: kind, inputs: 2, hidden: 64, layers: 1, dropout: 0), seed: 1)
        let trainer = try RecurrentTrainer(network, configuration(steps: steps, batch: batch, rate: 2e-3))
        var random = Xoshiro256StarStar(seed: 1)
        var window = [Float](repeating: 0, count: 2 * steps)
        var smoothed = 1.0 / 6
        var taken = 0
        while taken < 2_000, smoothed >= 0.01 {
            for row in 0..<batch {
                for step in 0..<steps {
                    window[2 * step] = random.uniform(0, 1)
                    window[2 * step + 1] = 0
                }
                let places = [random.below(steps / 2), steps / 2 + random.below(steps / 2)]
                let target = [window[2 * places[0]] + window[2 * places[1]]]
                for place in places { window[2 * place + 1] = 1 }
                trainer.setWindow(row, window.span, targets: target.span)
            }
            smoothed = 0.98 * smoothed + 0.02 * trainer.step().loss
            taken += 1
        }
        #expect(smoothed < 0.01, "after \(taken) steps")
        if TestFigures.isWanted { print("figures adding problem \(kind): \(taken) steps to 0.01") }
    }

    /// x_t = 1.3 x_{t-1} - 0.6 x_{t-2} + N(0, 1): no forecast has a mean squared error below 1; the variance of the
    /// series is 5.2.
    @Test("An AR(2) series is forecast within 10 % of the best possible error", arguments: kinds)
    func autoregression(_ kind: RecurrentKind) throws {
        var random = Xoshiro256StarStar(seed: 3)
        var series: [Float] = [0, 0]
        while series.count < 24_000 {
            let before = series[series.count - 1]
            series.append(1.3 * before - 0.6 * series[series.count - 2] + Float(random.normal()))
        }
        let steps = 12
        let batch = 64
        let network = RecurrentNetwork(.init(kind: kind, inputs: 1, hidden: 16, layers: 1, dropout: 0), seed: 2)
        let trainer = try RecurrentTrainer(network, configuration(steps: steps, batch: batch, rate: 5e-3))
        func load(_ row: Int, _ start: Int) {
            let target = [series[start + steps]]
            trainer.setWindow(row, series.span.extracting(start..<start + steps), targets: target.span)
        }
        for _ in 0..<1_200 {
            for row in 0..<batch { load(row, random.below(20_000)) }
            _ = trainer.step()
        }
        var total = 0.0
        for round in 0..<60 {
            for row in 0..<batch { load(row, 20_100 + round * batch + row) }
            total += trainer.computeGradient()
        }
        // 3,840 squared errors of variance 2: five standard errors are 0.11, of the same seed's noise 0.02.
        #expect(total / 60 < 1.10)
        if TestFigures.isWanted { print("figures AR(2) \(kind): MSE \(total / 60)") }
    }

    @Test("The counter counts") func counter() {
        var kept: [[Int]] = []
        #expect(Self.allocations { kept.append([1, 2, 3]) } > 0)
        #expect(Self.allocations {} == 0)
        #expect(kept == [[1, 2, 3]])
    }

    /// Sizes of the forecaster: 3 x 128, batch 64, five horizons of three quantiles.
    @Test("A step of training allocates nothing, nor do forecasts", arguments: kinds, [1, 2])
    func allocations(_ kind: RecurrentKind, _ threads: Int) throws {
        let quantiles = QuantileHead(levels: [0.05, 0.5, 0.95])
        let network = RecurrentNetwork(.init(kind: kind, targets: 5, quantiles: quantiles), seed: 1)
        let steps = 3
        var settings = configuration(steps: steps, batch: 64, rate: 1e-3)
        settings.threads = threads
        let trainer = try RecurrentTrainer(network, settings)
        let predictor = RecurrentPredictor(network, steps: steps)
        let stream = RecurrentStream(network)
        let rolling = RecurrentRollingPredictor(network, steps: steps)
        var random = Xoshiro256StarStar(seed: 1)
        let window = uniform(steps * 18, &random)
        let targets = uniform(5, &random)
        func all() {
            for row in 0..<64 { trainer.setWindow(row, window.span, targets: targets.span) }
            _ = trainer.step()
            predictor.setWindow(0, window.span)
            predictor.predict()
            stream.step(window.span.extracting(0..<18))
            for step in 0..<steps { rolling.step(window.span.extracting(18 * step..<18 * (step + 1))) }
            rolling.advance()
        }
        all()
        #expect(Self.allocations { for _ in 0..<5 { all() } } == 0)
        #expect(trainer.adam.step == 6)
    }
}
