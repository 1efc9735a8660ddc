import Forecasting
import Foundation
import Learning
import TestData
import Testing

@Suite struct NetworkTests {
    static func table(seed: UInt64 = 1, days: Int = 60, horizon: Int = 3) throws -> FeatureTable {
        let series = try SyntheticLoad.series(days: days, seed: seed, persistence: 0.7)
        return try FeatureTable(series, try .init(session: series.session, horizon: horizon, profileDays: 8))
    }

    static func small(
        _ kind: RecurrentKind = .lstm, hasRidgeBase: Bool = false, levels: [Float]? = nil, dropout: Float = 0
    ) -> NetworkForecaster.Configuration {
        NetworkForecaster.Configuration(
            name: "small",
            network: .init(
                kind: kind, hidden: 16, layers: 2, dropout: dropout, targets: 3,
                quantiles: levels.flatMap { QuantileHead(levels: $0) }), window: 8, hasRidgeBase: hasRidgeBase)
    }

    static func settings(epochs: Int, threads: Int = 1) -> ForecastTrainer.Configuration {
        var settings = ForecastTrainer.Configuration()
        settings.epochs = epochs
        settings.windowsPerEpoch = 640
        settings.patience = epochs
        settings.threads = threads
        settings.learningRate = 3e-3
        return settings
    }

    static func trainer(
        _ kind: NetworkForecaster.Configuration, _ table: FeatureTable, _ settings: ForecastTrainer.Configuration
    ) throws -> ForecastTrainer {
        let split = try DaySplit(
            table, testDay: table.days.count - 10, validationDays: 5, calibrationDays: 0, window: kind.window)
        return try ForecastTrainer(kind, table, split, settings)
    }

    @Test("The paper's network is 18 inputs, 3 x 128, dropout 0.3, squared error: 340,613 parameters at 5 bins ahead")
    func paper() {
        let paper = NetworkForecaster.Configuration.sealos(horizon: 5)
        let network = RecurrentNetwork(paper.network, seed: 1)
        #expect(paper.network.kind == .lstm && paper.network.inputs == 18 && paper.network.hidden == 128)
        #expect(paper.network.layers == 3 && paper.network.dropout == 0.3 && paper.network.quantiles == nil)
        // 339,968 of the recurrent layers, and 5 x (128 + 1) of the head.
        #expect(network.layout.parameterCount == 339_968 + 645)
        #expect(NetworkForecaster.Configuration.gru(horizon: 5).network.kind == .gru)
    }

    @Test(
        "Training beats profile x level on a load with memory",
        arguments: [RecurrentKind.lstm, .gru], [true, false])
    func learns(kind: RecurrentKind, hasRidgeBase: Bool) throws {
        let trainer = try Self.trainer(
            Self.small(kind, hasRidgeBase: hasRidgeBase), try Self.table(days: 90), Self.settings(epochs: 12))
        var last: ForecastTrainer.Progress?
        while !trainer.isDone { last = try trainer.runEpoch() }
        #expect(last?.epoch == 12)
        #expect((last?.skill ?? 0) > 0.03, "skill \(last?.skill ?? .nan)")
    }

    @Test("One seed gives the same bits with one thread and with two, another seed others")
    func deterministic() throws {
        let table = try Self.table()
        var weights: [[Float]] = []
        for (threads, seed) in [(1, 1), (2, 1), (1, 2)] {
            var settings = Self.settings(epochs: 2, threads: threads)
            settings.seed = UInt64(seed)
            let trainer = try Self.trainer(Self.small(dropout: 0.3), table, settings)
            while !trainer.isDone { _ = try trainer.runEpoch() }
            weights.append(trainer.forecaster.network.parameters)
        }
        #expect(weights[0] == weights[1])
        #expect(weights[0] != weights[2])
    }

    @Test("A run that is interrupted and resumed ends with the bits of one that is not") func resume() throws {
        let table = try Self.table()
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let kind = Self.small(hasRidgeBase: true, levels: [0.1, 0.5, 0.9], dropout: 0.2)
        let whole = try Self.trainer(kind, table, Self.settings(epochs: 4))
        while !whole.isDone { _ = try whole.runEpoch() }
        let first = try Self.trainer(kind, table, Self.settings(epochs: 4))
        for _ in 0..<2 { _ = try first.runEpoch() }
        try first.writeState(to: path)
        // The third epoch is interrupted at its fifth step and must leave no trace.
        var steps = 0
        let stopped = try first.runEpoch {
            steps += 1
            return steps > 5
        }
        #expect(stopped == nil && first.epoch == 2)
        let second = try Self.trainer(kind, table, Self.settings(epochs: 4))
        try second.resume(from: path)
        #expect(second.epoch == 2)
        while !second.isDone { _ = try second.runEpoch() }
        #expect(second.forecaster.network.parameters == whole.forecaster.network.parameters)
        #expect(second.bestValidation == whole.bestValidation)
        for (settings, table) in [
            (Self.settings(epochs: 5), table), (Self.settings(epochs: 4), try Self.table(seed: 2)),
        ] {
            let other = try Self.trainer(kind, table, settings)
            #expect(fault { try other.resume(from: path) }?.code == .checkpoint)
            #expect(other.epoch == 0)
        }
    }

    @Test("Settings outside their limits and too few windows are errors") func limits() throws {
        let table = try Self.table()
        for change: (inout ForecastTrainer.Configuration) -> Void in [
            { $0.epochs = 0 }, { $0.batch = 1 }, { $0.windowsPerEpoch = 63 }, { $0.threads = 3 }, { $0.patience = 0 },
            { $0.learningRate = 0 },
        ] {
            var settings = Self.settings(epochs: 2)
            change(&settings)
            #expect(fault { _ = try Self.trainer(Self.small(), table, settings) }?.code == .configuration)
        }
        var wide = Self.small()
        wide.window = 1_990
        #expect(fault { _ = try Self.trainer(wide, table, Self.settings(epochs: 1)) }?.code == .tooFewDays)
    }

    @Test("Forecasts do not depend on where the run of origins starts, and hold their quantiles in order")
    func windows() throws {
        let table = try Self.table()
        let trainer = try Self.trainer(
            Self.small(.gru, hasRidgeBase: true, levels: [0.1, 0.5, 0.9]), table, Self.settings(epochs: 1))
        _ = try trainer.runEpoch()
        let forecaster = trainer.forecaster
        let all = forecaster.predict(table, origins: 500..<700)
        let part = forecaster.predict(table, origins: 563..<571)
        for origin in 563..<571 {
            for ahead in 1...3 {
                #expect(abs(all[origin, ahead: ahead] - part[origin, ahead: ahead]) < 1e-5)
                #expect(all.quantile(origin, ahead: ahead, 0) <= all[origin, ahead: ahead])
                #expect(all.quantile(origin, ahead: ahead, 1) == all[origin, ahead: ahead])
                #expect(all.quantile(origin, ahead: ahead, 2) >= all[origin, ahead: ahead])
            }
        }
        #expect(forecaster.history == 7)
        let joined = forecaster.joined
        #expect(joined.warmUp > 100 && joined.predict(table, origins: 100..<110).origins == 100..<110)
        #expect(all.slice(563..<571).middle == Array(all.middle[(63 * 3)..<(71 * 3)]))
    }
}
