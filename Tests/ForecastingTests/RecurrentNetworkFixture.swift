import Forecasting
import Learning

/// A small forecaster with random weights: for tests of what surrounds it.
enum RecurrentNetworkFixture {
    static func forecaster(_ features: FeatureStream.Configuration) -> NetworkForecaster {
        let levels = QuantileHead(levels: NetworkForecaster.Configuration.defaultLevels)
        let sizes = RecurrentNetwork.Configuration(
            inputs: Feature.count, hidden: 8, layers: 1, dropout: 0, targets: features.horizon, quantiles: levels)
        let ones = [Float](repeating: 1, count: Feature.count)
        guard let scaler = FeatureScaler(means: ones.map { $0 - 1 }, deviations: ones) else {
            preconditionFailure("a scaler of ones")
        }
        return NetworkForecaster(
            .init(name: "test", network: sizes), features: features, network: RecurrentNetwork(sizes, seed: 1),
            scaler: scaler, targetScales: [Float](repeating: 0.1, count: features.horizon), ridge: nil)
    }
}
