import Forecasting
import Foundation
import Learning
import Testing

@Suite struct CheckpointTests {
    /// A trained forecaster with quantiles and a base.
    private static let shared = Result {
        let trainer = try NetworkTests.trainer(
            NetworkTests.small(.gru, hasRidgeBase: true, levels: [0.025, 0.5, 0.975]), try NetworkTests.table(),
            NetworkTests.settings(epochs: 1))
        _ = try trainer.runEpoch()
        return trainer.forecaster
    }

    private func withFile(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test("What is written is read back: same settings, same forecasts, same bytes") func roundTrip() throws {
        let forecaster = try Self.shared.get()
        let table = try NetworkTests.table()
        try withFile { path in
            try ForecastCheckpoint.write(forecaster, to: path)
            let read = try ForecastCheckpoint.read(path)
            #expect(read.configuration == forecaster.configuration && read.features == forecaster.features)
            #expect(read.scaler == forecaster.scaler && read.ridge == forecaster.ridge)
            #expect(read.predict(table, origins: 500..<600) == forecaster.predict(table, origins: 500..<600))
            #expect(ForecastCheckpoint.file(read).bytes == ForecastCheckpoint.file(forecaster).bytes)
        }
    }

    @Test("The tensors have PyTorch's names and shapes") func names() throws {
        let file = ForecastCheckpoint.file(try Self.shared.get())
        #expect(file.tensors["gru.weight_ih_l0"]?.shape == [48, 18])
        #expect(file.tensors["gru.weight_hh_l1"]?.shape == [48, 16])
        #expect(file.tensors["head.weight"]?.shape == [9, 16])
        #expect(file.metadata["format"] == "pt")
    }

    @Test("A file cut off at any length, or longer by a byte, is an error") func truncated() throws {
        let bytes = ForecastCheckpoint.file(try Self.shared.get()).bytes
        try withFile { path in
            for length in [0, 7, 8, 100, bytes.count / 2, bytes.count - 1] {
                try Data(bytes[..<length]).write(to: URL(fileURLWithPath: path))
                #expect(fault { _ = try ForecastCheckpoint.read(path) }?.code == .checkpoint, "\(length) bytes")
            }
            try Data(bytes + [0]).write(to: URL(fileURLWithPath: path))
            #expect(fault { _ = try ForecastCheckpoint.read(path) }?.code == .checkpoint)
            #expect(fault { _ = try ForecastCheckpoint.read(path + ".absent") }?.code == .checkpoint)
        }
    }

    @Test(
        "A tensor that is absent, of another shape or not finite is named",
        arguments: ["gru.weight_hh_l1", "head.bias", "scaler.mean", "target.scale", "ridge.coefficients"])
    func tensors(name: String) throws {
        let whole = ForecastCheckpoint.file(try Self.shared.get())
        var file = whole
        file.tensors[name] = nil
        var found = fault { _ = try ForecastCheckpoint.forecaster(file) }
        #expect(found?.code == .checkpoint && found?.message.contains(name) == true)
        file = whole
        file.tensors[name] = .init(shape: [1, 2], .float32([1, 2]))
        found = fault { _ = try ForecastCheckpoint.forecaster(file) }
        #expect(found?.code == .checkpoint && found?.message.contains(name) == true)
        let tensor = try #require(whole.tensors[name])
        let broken: TensorFile.Elements =
            if case .float64(let numbers) = tensor.elements {
                .float64(numbers.map { _ in .nan })
            } else {
                .float32([Float](repeating: .nan, count: tensor.elements.count))
            }
        file.tensors[name] = .init(shape: tensor.shape, broken)
        found = fault { _ = try ForecastCheckpoint.forecaster(file) }
        #expect(found?.code == .notFinite && found?.message.contains(name) == true)
    }

    @Test(
        "Settings that are absent or wrong are named",
        arguments: [
            ("forecast.version", "9"), ("features.names", "price"), ("model.kind", "cnn"), ("model.hidden", "0"),
            ("model.hidden", "17"), ("model.layers", "3"), ("model.window", "x"), ("model.levels", "0.9 0.5"),
            ("model.base", "tree"), ("session.segments", "5-3"), ("session.stamp", "middle"), ("features.horizon", "0"),
            ("features.indicators", "weather"), ("model.dropout", "1"),
        ])
    func metadata(key: String, value: String) throws {
        var file = ForecastCheckpoint.file(try Self.shared.get())
        file.metadata[key] = value
        #expect(fault { _ = try ForecastCheckpoint.forecaster(file) } != nil)
        file.metadata[key] = nil
        #expect(fault { _ = try ForecastCheckpoint.forecaster(file) }?.message.contains(key) == true)
    }

    @Test("A plain forecaster holds no state to resume from") func noState() throws {
        try withFile { path in
            let forecaster = try Self.shared.get()
            try ForecastCheckpoint.write(forecaster, to: path)
            let trainer = try NetworkTests.trainer(
                forecaster.configuration, try NetworkTests.table(), NetworkTests.settings(epochs: 1))
            #expect(fault { try trainer.resume(from: path) }?.message.contains("no state") == true)
        }
    }
}
