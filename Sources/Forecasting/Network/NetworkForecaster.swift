public import Learning

/// A recurrent network that reads a window of the 18 features and answers all bins ahead at once.
///
/// Its target for the bin h ahead is the ratio of that bin (ln(load + 1) minus the profile), less a base, over a scale.
/// The base is 0, or a ridge regression whose errors the network then learns: it starts as good as the regression.
/// With levels it answers quantiles, the median being its forecast; else one number, trained by squared error.
public struct NetworkForecaster: Forecaster {
    /// What a network is made of and what it was trained for.
    public struct Configuration: Sendable, Equatable {
        /// Name in tables and checkpoints.
        public var name: String
        /// Recurrent unit, sizes, dropout; inputs and targets are set from the features.
        public var network: RecurrentNetwork.Configuration
        /// Steps of a window.
        public var window: Int
        /// Whether the target is what a ridge regression misses.
        public var hasRidgeBase: Bool

        /// A network under a name for tables and checkpoints.
        public init(
            name: String, network: RecurrentNetwork.Configuration, window: Int = 30, hasRidgeBase: Bool = false
        ) {
            precondition(window > 0, "a window of \(window) steps")
            self.name = name
            self.network = network
            self.window = window
            self.hasRidgeBase = hasRidgeBase
        }

        /// SealOS+'s forecaster: LSTM, 18 inputs, 3 x 128, dropout 0.3, trained by Adam on the squared error.
        public static func sealos(horizon: Int) -> Configuration {
            Configuration(
                name: "LSTM 3x128", network: .init(kind: .lstm, hidden: 128, layers: 3, dropout: 0.3, targets: horizon))
        }

        /// The same with gated recurrent units, the role of esDNN in ChainsFormer.
        public static func gru(horizon: Int) -> Configuration {
            Configuration(
                name: "GRU 3x128", network: .init(kind: .gru, hidden: 128, layers: 3, dropout: 0.3, targets: horizon))
        }

        /// The default: a small LSTM with quantiles on top of a ridge regression.
        public static func compact(horizon: Int) -> Configuration {
            Configuration(
                name: "ridge + LSTM 1x48",
                network: .init(
                    kind: .lstm, hidden: 48, layers: 1, dropout: 0, targets: horizon,
                    quantiles: QuantileHead(levels: defaultLevels)), hasRidgeBase: true)
        }

        /// Levels of the default's quantiles.
        public static let defaultLevels: [Float] = [0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975, 0.99]
    }

    /// Sizes and target.
    public let configuration: Configuration
    /// Settings of the features it reads.
    public let features: FeatureStream.Configuration
    /// Weights.
    public let network: RecurrentNetwork
    /// Figures of the training rows.
    public let scaler: FeatureScaler
    /// Deviation of the target at each bin ahead.
    public let targetScales: [Float]
    /// The base of the target.
    public internal(set) var ridge: RidgeForecaster?
    public var name: String { configuration.name }
    public var history: Int { configuration.window - 1 }

    /// A network with its figures; traps where sizes do not fit each other.
    public init(
        _ configuration: Configuration, features: FeatureStream.Configuration, network: RecurrentNetwork,
        scaler: FeatureScaler, targetScales: [Float], ridge: RidgeForecaster?
    ) {
        precondition(network.configuration.inputs == Feature.count, "inputs of the network")
        precondition(network.configuration.targets == features.horizon, "targets of the network")
        precondition(targetScales.count == features.horizon, "a scale a bin ahead")
        precondition((ridge != nil) == configuration.hasRidgeBase, "a base")
        self.configuration = configuration
        self.features = features
        self.network = network
        self.scaler = scaler
        self.targetScales = targetScales
        self.ridge = ridge
    }

    /// The join that is served: this network, its ridge base where it has one, persistence, and profile x EWMA.
    public var joined: CombinedForecaster {
        var members: [any Forecaster] = [self]
        if let ridge { members.append(ridge) }
        members += [Persistence(), ProfileEWMA()]
        return CombinedForecaster("\(name), joined", members, levels: Configuration.defaultLevels, warmUp: 5_000)
    }

    /// Levels of its quantiles; empty if it answers one number.
    public var levels: [Float] { network.configuration.quantiles?.levels ?? [] }

    /// Windows answered at a time.
    private static let batch = 64

    public func predict(_ table: FeatureTable, origins: Range<Int>) -> Predictions {
        predict(table, scaled: scaler.scaled(table), origins: origins)
    }

    /// Forecasts from features that are scaled already, from every `step`-th origin; the others stay zero.
    func predict(_ table: FeatureTable, scaled: [Float], origins: Range<Int>, every step: Int = 1) -> Predictions {
        precondition(origins.isEmpty || origins.lowerBound + 1 >= configuration.window, "an origin without a window")
        var predictions = Predictions(origins: origins, horizon: table.horizon, levels: levels)
        let predictor = RecurrentPredictor(network, steps: configuration.window, batch: Self.batch)
        let span = scaled.span
        let width = Feature.count
        for start in stride(from: origins.lowerBound, to: origins.upperBound, by: Self.batch * step) {
            let batch = Array(stride(from: start, to: min(start + Self.batch * step, origins.upperBound), by: step))
            for (row, origin) in batch.enumerated() {
                predictor.setWindow(
                    row, span.extracting((origin + 1 - configuration.window) * width..<(origin + 1) * width))
            }
            predictor.predict()
            predictor.withOutputs { outputs in
                for (row, origin) in batch.enumerated() {
                    read(outputs.row(row), table, origin, into: &predictions)
                }
            }
        }
        return predictions
    }

    private func read(_ outputs: Floats, _ table: FeatureTable, _ origin: Int, into predictions: inout Predictions) {
        let width = max(levels.count, 1)
        let median = levels.firstIndex(of: 0.5) ?? 0
        for ahead in 1...table.horizon {
            let base = ridge?.ratio(table, origin: origin, ahead: ahead) ?? 0
            let center = table.profiles[origin + ahead] + base
            let scale = Double(targetScales[ahead - 1])
            let first = (ahead - 1) * width
            predictions[origin, ahead: ahead] = center + scale * Double(outputs[first + median])
            let place = predictions.place(origin, ahead) * levels.count
            for level in levels.indices {
                predictions.quantiles[place + level] = center + scale * Double(outputs[first + level])
            }
        }
    }
}
