internal import Glibc
internal import Learning

/// Trains a network forecaster in epochs of windows drawn from the training days, and keeps the weights that were best
/// on the validation days.
///
/// Windows, initial weights and dropout come from the seed and the number of the epoch, so a run that is resumed from its
/// state gives the same bits as one that was not interrupted. Equal settings give equal bits with one thread or two.
public final class ForecastTrainer {
    /// Settings of training.
    public struct Configuration: Sendable, Equatable {
        /// Epochs at most; the step size falls to a twentieth over them along a cosine.
        public var epochs = 20
        /// Windows of an epoch, drawn without repetition; all there are if fewer.
        public var windowsPerEpoch = 12_800
        /// Windows of a step.
        public var batch = 64
        /// First step size.
        public var learningRate: Float = 1e-3
        /// Largest norm of a gradient.
        public var clipNorm = 1.0
        /// Epochs without a better validation after which training ends.
        public var patience = 6
        /// Origins of the validation days that are judged after each epoch, evenly spaced.
        public var validationOriginsMax = 4_096
        /// Seed of everything random.
        public var seed: UInt64 = 1
        /// Threads: 1 or 2.
        public var threads = 2

        /// The defaults above.
        public init() {}
    }

    /// What is known after an epoch.
    public struct Progress: Sendable, Equatable {
        /// Epochs done, from 1.
        public let epoch: Int
        /// Mean training loss of the epoch.
        public let loss: Double
        /// Root mean squared error of the logs on the validation days, over all bins ahead.
        public let validation: Double
        /// 1 - validation / the same of profile x level.
        public let skill: Double
        /// Whether this epoch is the best so far.
        public let isBest: Bool
    }

    /// Settings.
    public let configuration: Configuration
    /// Epochs done.
    public private(set) var epoch = 0
    /// Validation of the best epoch; infinite before the first.
    public private(set) var bestValidation = Double.infinity
    /// Epochs since the best one.
    public private(set) var epochsSinceBest = 0

    let model: NetworkForecaster
    let best: RecurrentNetwork
    let trainer: RecurrentTrainer
    private let table: FeatureTable
    private let split: DaySplit
    private let scaled: [Float]
    private let targets: [Float]
    private let baseline: Double

    /// Prepares training on `split.train`, judged on `split.validation`; fits scaler, scales and ridge base on the
    /// training rows.
    public convenience init(
        _ kind: NetworkForecaster.Configuration, _ table: FeatureTable, _ split: DaySplit, _ settings: Configuration
    ) throws(ForecastError) {
        let ridge = kind.hasRidgeBase ? try RidgeForecaster(table, rows: split.train, inputs: .differences) : nil
        var sizes = kind.network
        sizes.inputs = Feature.count
        sizes.targets = table.horizon
        let raw = Self.targets(table, split.train, ridge)
        try self.init(
            NetworkForecaster(
                kind, features: table.configuration, network: RecurrentNetwork(sizes, seed: settings.seed),
                scaler: FeatureScaler(table, rows: split.train),
                targetScales: Self.scales(raw, split.train, table.horizon),
                ridge: ridge), raw, table, split, settings)
    }

    /// Prepares training that starts from the weights of `champion` and keeps its scaler, scales and ridge base.
    public convenience init(
        from champion: NetworkForecaster, _ table: FeatureTable, _ split: DaySplit, _ settings: Configuration
    ) throws(ForecastError) {
        guard champion.features == table.configuration else {
            throw ForecastError(.configuration, "model '\(champion.name)' reads other features than the table has")
        }
        let twin = NetworkForecaster(
            champion.configuration, features: champion.features, network: champion.network.copy(),
            scaler: champion.scaler, targetScales: champion.targetScales, ridge: champion.ridge)
        try self.init(twin, Self.targets(table, split.train, champion.ridge), table, split, settings)
    }

    private init(
        _ model: NetworkForecaster, _ raw: [Double], _ table: FeatureTable, _ split: DaySplit,
        _ settings: Configuration
    ) throws(ForecastError) {
        guard settings.epochs > 0, settings.windowsPerEpoch >= settings.batch, settings.batch >= 2,
            settings.learningRate > 0, settings.patience > 0, settings.validationOriginsMax > 0,
            (1...2).contains(settings.threads)
        else { throw ForecastError(.configuration, "settings of training") }
        guard split.train.count >= settings.batch else {
            throw ForecastError(.tooFewDays, "\(split.train.count) windows to train on, a batch has \(settings.batch)")
        }
        var recurrent = RecurrentTrainer.Configuration()
        recurrent.steps = model.configuration.window
        recurrent.batch = settings.batch
        recurrent.adam = Adam.Configuration(learningRate: settings.learningRate, clipNorm: settings.clipNorm)
        recurrent.seed = settings.seed
        recurrent.threads = settings.threads
        do {
            trainer = try RecurrentTrainer(model.network, recurrent)
        } catch {
            throw ForecastError(error)
        }
        configuration = settings
        self.table = table
        self.split = split
        self.model = model
        targets = raw.indices.map { Float(raw[$0]) / model.targetScales[$0 % table.horizon] }
        scaled = model.scaler.scaled(table)
        best = model.network.copy()
        baseline = Self.error(ProfileLevel().predict(table, origins: split.validation), table, step: 1)
    }

    /// The forecaster with the best weights so far, in memory of its own.
    public var forecaster: NetworkForecaster {
        NetworkForecaster(
            model.configuration, features: model.features, network: best.copy(), scaler: model.scaler,
            targetScales: model.targetScales, ridge: model.ridge)
    }

    /// Whether all epochs are done or patience has run out.
    public var isDone: Bool { epoch >= configuration.epochs || epochsSinceBest >= configuration.patience }

    /// One epoch; `shouldStop` is asked before each step, and an epoch that it ends counts for nothing.
    ///
    /// - Returns: nil if it was stopped: weights and moments are then within the epoch, the best ones are whole.
    public func runEpoch(
        shouldStop: () -> Bool = { false }, onStep: (_ step: Int, _ steps: Int) -> Void = { _, _ in }
    ) throws(ForecastError) -> Progress? {
        var origins = Array(split.train)
        var random = Xoshiro256StarStar(seed: configuration.seed).split("epoch \(epoch)")
        random.shuffle(&origins)
        let steps = min(configuration.windowsPerEpoch, origins.count) / configuration.batch
        var loss = 0.0
        for step in 0..<steps {
            if shouldStop() { return nil }
            trainer.adam.configuration.learningRate = rate(Double(epoch) + Double(step) / Double(steps))
            setBatch(origins[step * configuration.batch..<(step + 1) * configuration.batch])
            let outcome = trainer.step()
            guard outcome.isApplied else {
                throw ForecastError(.diverged, "step \(step + 1) of epoch \(epoch + 1): loss \(outcome.loss)")
            }
            loss += outcome.loss
            onStep(step + 1, steps)
        }
        epoch += 1
        let validation = validate()
        let isBest = validation < bestValidation
        if isBest {
            bestValidation = validation
            best.copyParameters(from: model.network)
            epochsSinceBest = 0
        } else {
            epochsSinceBest += 1
        }
        return Progress(
            epoch: epoch, loss: loss / Double(max(steps, 1)), validation: validation, skill: 1 - validation / baseline,
            isBest: isBest)
    }

    /// Continues from a state saved after an epoch.
    func resume(epoch: Int, bestValidation: Double, epochsSinceBest: Int) {
        self.epoch = epoch
        self.bestValidation = bestValidation
        self.epochsSinceBest = epochsSinceBest
    }

    private func rate(_ epochs: Double) -> Float {
        let share = min(1, epochs / Double(configuration.epochs))
        return configuration.learningRate * Float(0.05 + 0.95 * 0.5 * (1 + cos(Double.pi * share)))
    }

    private func setBatch(_ origins: ArraySlice<Int>) {
        // Locals, because a span of a property would outlive the access to it.
        let (scaled, targets) = (scaled, targets)
        let features = scaled.span
        let answers = targets.span
        let horizon = table.horizon
        let steps = model.configuration.window
        for (row, origin) in origins.enumerated() {
            trainer.setWindow(
                row, features.extracting((origin + 1 - steps) * Feature.count..<(origin + 1) * Feature.count),
                targets: answers.extracting(origin * horizon..<(origin + 1) * horizon))
        }
    }

    private func validate() -> Double {
        let most = configuration.validationOriginsMax
        let step = max(1, (split.validation.count + most - 1) / most)
        let predictions = model.predict(table, scaled: scaled, origins: split.validation, every: step)
        return Self.error(predictions, table, step: step)
    }

    private static func error(_ predictions: Predictions, _ table: FeatureTable, step: Int) -> Double {
        var sum = 0.0
        var count = 0
        for origin in stride(from: predictions.origins.lowerBound, to: predictions.origins.upperBound, by: step) {
            for ahead in 1...table.horizon {
                let error = predictions[origin, ahead: ahead] - table.logLoad(origin + ahead)
                sum += error * error
                count += 1
            }
        }
        return (sum / Double(max(count, 1))).squareRoot()
    }

    /// Targets of all rows in logs, horizon after horizon; 0 outside `rows`.
    private static func targets(_ table: FeatureTable, _ rows: Range<Int>, _ ridge: RidgeForecaster?) -> [Double] {
        let horizon = table.horizon
        var raw = [Double](repeating: 0, count: table.rows * horizon)
        for row in rows {
            for ahead in 1...horizon {
                let base = ridge?.ratio(table, origin: row, ahead: ahead) ?? 0
                raw[row * horizon + ahead - 1] = table.ratios[row + ahead] - base
            }
        }
        return raw
    }

    /// Root mean square of the targets at each bin ahead.
    private static func scales(_ raw: [Double], _ rows: Range<Int>, _ horizon: Int) -> [Float] {
        (0..<horizon).map { ahead in
            let squares = rows.reduce(0.0) { $0 + raw[$1 * horizon + ahead] * raw[$1 * horizon + ahead] }
            return max(1e-4, Float((squares / Double(max(rows.count, 1))).squareRoot()))
        }
    }
}
