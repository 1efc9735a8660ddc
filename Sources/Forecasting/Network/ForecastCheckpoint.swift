public import Learning

/// The file of a forecaster: a safetensors file that PyTorch can read the network from, with all else that a forecast
/// depends on, and the state of training where it may go on.
///
/// | tensor | content |
/// | --- | --- |
/// | `lstm.*` or `gru.*`, `head.*` | the best weights |
/// | `scaler.mean`, `scaler.deviation` | [18] |
/// | `target.scale` | [horizon] |
/// | `ridge.coefficients`, `ridge.intercept` | [horizon, inputs], [horizon], 64 bits; only with a base |
/// | `train.*`, `adam.*` | weights after the last epoch, moments; only in a file that training can resume from |
/// | `train.epoch`, `train.best` | epochs done and epochs since the best; its validation, 64 bits |
///
/// Session, horizon, features in order and sizes are in the metadata. Anything that does not fit is an error that names
/// it, and nothing is half-loaded.
public enum ForecastCheckpoint {
    /// Version of the layout.
    static let version = "1"

    /// The tensors of a forecaster.
    public static func file(_ forecaster: NetworkForecaster) -> TensorFile {
        var file = forecaster.network.tensorFile()
        file.tensors["scaler.mean"] = .init(shape: [Feature.count], .float32(forecaster.scaler.means))
        file.tensors["scaler.deviation"] = .init(shape: [Feature.count], .float32(forecaster.scaler.deviations))
        let horizon = forecaster.features.horizon
        file.tensors["target.scale"] = .init(shape: [horizon], .float32(forecaster.targetScales))
        if let ridge = forecaster.ridge {
            let coefficients = ridge.regressions.flatMap(\.coefficients)
            file.tensors["ridge.coefficients"] = .init(shape: [horizon, ridge.inputs.count], .float64(coefficients))
            file.tensors["ridge.intercept"] = .init(
                shape: [horizon], .float64(ridge.regressions.map(\.intercept)))
        }
        file.metadata.merge(metadata(forecaster)) { $1 }
        return file
    }

    private static func metadata(_ forecaster: NetworkForecaster) -> [String: String] {
        let sizes = forecaster.network.configuration
        let features = forecaster.features
        let segments = features.session.segments.map { "\($0.lowerBound)-\($0.upperBound)" }
        return [
            "forecast.version": version,
            "model.name": forecaster.configuration.name,
            "model.kind": sizes.kind.rawValue,
            "model.hidden": "\(sizes.hidden)",
            "model.layers": "\(sizes.layers)",
            "model.dropout": "\(sizes.dropout)",
            "model.window": "\(forecaster.configuration.window)",
            "model.levels": (sizes.quantiles?.levels ?? []).map { "\($0)" }.joined(separator: " "),
            "model.base": forecaster.ridge?.inputs.rawValue ?? "none",
            "features.names": Feature.names.joined(separator: " "),
            "features.horizon": "\(features.horizon)",
            "features.profile_days": "\(features.profileDays)",
            "features.indicators": features.indicators.map(\.rawValue).joined(separator: " "),
            "session.name": features.session.name,
            "session.segments": segments.joined(separator: " "),
            "session.interval": "\(features.session.intervalSeconds)",
            "session.stamp": features.session.stamp.rawValue,
        ]
    }

    /// The forecaster in `file`.
    public static func forecaster(_ file: TensorFile) throws(ForecastError) -> NetworkForecaster {
        let reader = MetadataReader(metadata: file.metadata)
        guard try reader.text("forecast.version") == version else {
            throw ForecastError(.checkpoint, "the file is of version \(try reader.text("forecast.version"))")
        }
        guard try reader.text("features.names") == Feature.names.joined(separator: " ") else {
            throw ForecastError(.checkpoint, "the file was made for other features")
        }
        let features = try reader.features()
        let configuration = try reader.configuration(horizon: features.horizon)
        let network = RecurrentNetwork(configuration.network, seed: 0)
        do {
            try network.load(file)
            let width = [Feature.count]
            guard
                let scaler = FeatureScaler(
                    means: try file.floats("scaler.mean", shape: width),
                    deviations: try file.floats("scaler.deviation", shape: width))
            else { throw ForecastError(.checkpoint, "tensor 'scaler.deviation' holds a number that is not positive") }
            let scales = try file.floats("target.scale", shape: [features.horizon])
            guard scales.allSatisfy({ $0 > 0 }) else {
                throw ForecastError(.checkpoint, "tensor 'target.scale' holds a number that is not positive")
            }
            return NetworkForecaster(
                configuration, features: features, network: network, scaler: scaler, targetScales: scales,
                ridge: configuration.hasRidgeBase
                    ? try ridge(file, try reader.text("model.base"), horizon: features.horizon) : nil)
        } catch let error as LearningError {
            throw ForecastError(error)
        } catch let error as ForecastError {
            throw error
        } catch {
            throw ForecastError(.checkpoint, "\(error)")
        }
    }

    private static func ridge(
        _ file: TensorFile, _ name: String, horizon: Int
    ) throws(ForecastError) -> RidgeForecaster {
        guard let inputs = RidgeInputs(rawValue: name) else {
            throw ForecastError(.checkpoint, "'model.base' is '\(name)'")
        }
        let coefficients = try doubles(file, "ridge.coefficients", [horizon, inputs.count])
        let intercepts = try doubles(file, "ridge.intercept", [horizon])
        return RidgeForecaster(
            inputs: inputs,
            regressions: (0..<horizon).map {
                LinearRegression(
                    coefficients: Array(coefficients[$0 * inputs.count..<($0 + 1) * inputs.count]),
                    intercept: intercepts[$0], alpha: 1)
            })
    }

    static func doubles(_ file: TensorFile, _ name: String, _ shape: [Int]) throws(ForecastError) -> [Double] {
        guard let tensor = file.tensors[name] else { throw ForecastError(.checkpoint, "no tensor '\(name)'") }
        guard tensor.shape == shape, case .float64(let elements) = tensor.elements else {
            throw ForecastError(.checkpoint, "tensor '\(name)' is \(tensor.shape), the model needs \(shape) of 64 bits")
        }
        guard elements.allSatisfy(\.isFinite) else {
            throw ForecastError(.notFinite, "tensor '\(name)' holds a number that is not finite")
        }
        return elements
    }

    /// Reads the file at `path`.
    public static func read(_ path: String) throws(ForecastError) -> NetworkForecaster {
        do {
            return try forecaster(try TensorFile(path: path))
        } catch let error as LearningError {
            throw ForecastError(error)
        } catch let error as ForecastError {
            throw ForecastError(error.code, error.message.hasPrefix(path) ? error.message : "\(path): \(error.message)")
        } catch {
            throw ForecastError(.checkpoint, "\(path): \(error)")
        }
    }

    /// Writes a forecaster whole, or not at all.
    public static func write(_ forecaster: NetworkForecaster, to path: String) throws(ForecastError) {
        try write(file(forecaster), to: path)
    }

    static func write(_ file: TensorFile, to path: String) throws(ForecastError) {
        do {
            try file.write(path: path)
        } catch {
            throw ForecastError(error)
        }
    }
}

/// Numbers and words of a checkpoint's metadata.
private struct MetadataReader {
    let metadata: [String: String]

    func text(_ key: String) throws(ForecastError) -> String {
        guard let text = metadata[key] else { throw ForecastError(.checkpoint, "no '\(key)' in the metadata") }
        return text
    }

    func number(_ key: String, _ range: ClosedRange<Int>) throws(ForecastError) -> Int {
        let text = try text(key)
        guard let number = Int(text), range.contains(number) else {
            throw ForecastError(.checkpoint, "'\(key)' is '\(text)', not \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func words(_ key: String) throws(ForecastError) -> [Substring] { try text(key).split(separator: " ") }

    func features() throws(ForecastError) -> FeatureStream.Configuration {
        var segments: [Range<Int>] = []
        for word in try words("session.segments") {
            let ends = word.split(separator: "-").map { Int($0) }
            guard ends.count == 2, let open = ends[0], let close = ends[1], open < close else {
                throw ForecastError(.checkpoint, "'session.segments' holds '\(word)'")
            }
            segments.append(open..<close)
        }
        var indicators: [LoadSeries.Indicator] = []
        for word in try words("features.indicators") {
            guard let indicator = LoadSeries.Indicator(rawValue: String(word)) else {
                throw ForecastError(.checkpoint, "'features.indicators' holds '\(word)'")
            }
            indicators.append(indicator)
        }
        guard let stamp = TradingSession.Stamp(rawValue: try text("session.stamp")) else {
            throw ForecastError(.checkpoint, "'session.stamp' is '\(try text("session.stamp"))'")
        }
        let session = try TradingSession(
            name: try text("session.name"), segments: segments,
            intervalSeconds: try number("session.interval", 1...86_400), stamp: stamp)
        return try FeatureStream.Configuration(
            session: session, horizon: try number("features.horizon", 1...60),
            profileDays: try number("features.profile_days", 5...250), indicators: indicators)
    }

    func configuration(horizon: Int) throws(ForecastError) -> NetworkForecaster.Configuration {
        guard let kind = RecurrentKind(rawValue: try text("model.kind")) else {
            throw ForecastError(.checkpoint, "'model.kind' is '\(try text("model.kind"))'")
        }
        guard let dropout = Float(try text("model.dropout")), (0..<1).contains(dropout) else {
            throw ForecastError(.checkpoint, "'model.dropout' is '\(try text("model.dropout"))'")
        }
        let levels = try words("model.levels").compactMap { Float($0) }
        let quantiles = QuantileHead(levels: levels)
        guard levels.isEmpty || quantiles != nil else {
            throw ForecastError(.checkpoint, "'model.levels' is '\(try text("model.levels"))'")
        }
        var configuration = NetworkForecaster.Configuration(
            name: try text("model.name"),
            network: RecurrentNetwork.Configuration(
                kind: kind, inputs: Feature.count, hidden: try number("model.hidden", 1...1_024),
                layers: try number("model.layers", 1...8), dropout: dropout, targets: horizon, quantiles: quantiles))
        configuration.window = try number("model.window", 1...1_000)
        configuration.hasRidgeBase = try text("model.base") != "none"
        return configuration
    }
}
