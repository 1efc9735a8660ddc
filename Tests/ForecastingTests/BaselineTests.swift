import Forecasting
import Foundation
import Testing

@Suite struct BaselineTests {
    private func table(_ series: LoadSeries, horizon: Int = 3) throws -> FeatureTable {
        try FeatureTable(series, try .init(session: series.session, horizon: horizon, profileDays: 8))
    }

    private func logRMSE(_ predictions: Predictions, _ table: FeatureTable, ahead: Int) -> Double {
        var score = ForecastScore()
        for origin in predictions.origins {
            score.add(forecast: predictions[origin, ahead: ahead], truth: table.logLoad(origin + ahead))
        }
        return score.logRMSE
    }

    @Test("The rules say what their definitions say") func rules() throws {
        let table = try table(try SyntheticLoad.series(days: 16, seed: 1))
        let origins = 100..<200
        let last = Persistence().predict(table, origins: origins)
        let seasonal = SeasonalNaive().predict(table, origins: origins)
        let level = ProfileLevel().predict(table, origins: origins)
        let weighted = ProfileEWMA().predict(table, origins: origins)
        for row in origins {
            for ahead in 1...3 {
                #expect(last[row, ahead: ahead] == table.logLoad(row))
                #expect(seasonal[row, ahead: ahead] == table.logLoad(row + ahead - 40))
                let mean = table.ratios[row - 9...row].reduce(0, +) / 10
                #expect(abs(level[row, ahead: ahead] - table.profiles[row + ahead] - mean) < 1e-12)
                let sum = (0..<60).reduce(0.0) { $0 + pow(0.5, Double($1 + 1)) * table.ratios[row - $1] }
                #expect(abs(weighted[row, ahead: ahead] - table.profiles[row + ahead] - sum) < 1e-12)
            }
        }
    }

    @Test("Seasonal naive is exact on a load that repeats each day") func seasonal() throws {
        let series = try SyntheticLoad.series(days: 12, seed: 2, noise: 0)
        let table = try table(series)
        #expect(logRMSE(SeasonalNaive().predict(table, origins: 100..<200), table, ahead: 3) < 1e-12)
        #expect(logRMSE(ProfileEWMA().predict(table, origins: 100..<200), table, ahead: 3) < 1e-12)
    }

    @Test(
        "A ridge regression finds the best forecast of an AR(1): its error is σ √(1 + φ² + ...)",
        arguments: RidgeInputs.allCases)
    func ridge(inputs: RidgeInputs) throws {
        let table = try table(try SyntheticLoad.series(days: 400, seed: 3, persistence: 0.7, noise: 0.1))
        let fit = 100..<11_000
        let ridge = try RidgeForecaster(table, rows: fit, inputs: inputs)
        let predictions = ridge.predict(table, origins: 11_000..<15_000)
        // The profile is a mean of 8 days: its own error adds 1/8 of the ratio's variance, part of which is seen.
        for ahead in 1...3 {
            let best = 0.1 * (0..<ahead).reduce(0.0) { $0 + pow(0.49, Double($1)) }.squareRoot()
            let error = logRMSE(predictions, table, ahead: ahead)
            // Differences do not see how far the newest ratio is from 0, only how far it is from the level.
            let most = inputs == .autoregressive ? 1.10 : 1.25
            #expect(error > 0.95 * best && error < most * best, "\(ahead): \(error) against \(best)")
        }
    }

    @Test("Forecasts read nothing after their origin") func causal() throws {
        let series = try SyntheticLoad.series(days: 40, seed: 4)
        let before = try table(series)
        let cut = 30 * 40 + 11
        let after = try table(series.scaled(by: 3, from: cut))
        let origins = 700..<cut - before.daysBefore * 40
        let forest = try ForestForecaster(before, rows: 100..<600, trees: 3, seed: 1)
        let ridge = try RidgeForecaster(before, rows: 100..<600)
        let rules: [any Forecaster] = [
            Persistence(), SeasonalNaive(), ProfileLevel(), ProfileEWMA(), forest, ridge,
            RollingRidge(everyDays: 2, memoryDays: 10),
        ]
        for rule in rules {
            let a = rule.predict(before, origins: origins)
            let b = rule.predict(after, origins: origins)
            for row in origins {
                // Profiles ahead may hold later bins of the origin's day only where they lie in the next day.
                for ahead in 1...3 where before.bin(row) + ahead < 40 {
                    #expect(a[row, ahead: ahead] == b[row, ahead: ahead], "\(rule.name) at \(row)")
                }
            }
        }
    }

    @Test("A forest learns what its features say") func forest() throws {
        let table = try table(try SyntheticLoad.series(days: 120, seed: 5, persistence: 0.8))
        let forest = try ForestForecaster(table, rows: 100..<3_500, trees: 20, seed: 1)
        let origins = 3_600..<4_500
        let error = logRMSE(forest.predict(table, origins: origins), table, ahead: 1)
        #expect(error < 0.95 * logRMSE(Persistence().predict(table, origins: origins), table, ahead: 1))
        #expect(fault { _ = try ForestForecaster(table, rows: 5..<5, seed: 1) }?.code == .tooFewDays)
    }

    @Test("Scores are those of a calculation by hand") func scores() {
        // Loads 100, 200 forecast as 110, 170.
        var score = ForecastScore(seasonalChange: 40)
        score.add(forecast: log(111), truth: log(101))
        score.add(forecast: log(171), truth: log(201))
        #expect(abs(score.wape - 40.0 / 300) < 1e-12)
        #expect(abs(score.mape - (0.1 + 0.15) / 2) < 1e-12)
        #expect(abs(score.rmse - (500.0).squareRoot()) < 1e-9)
        #expect(abs(score.mase - 20.0 / 40) < 1e-12)
        #expect(abs(score.bias + 20.0 / 300) < 1e-12)
        let logs = (pow(log(111.0 / 101), 2) + pow(log(171.0 / 201), 2)) / 2
        #expect(abs(score.logRMSE - logs.squareRoot()) < 1e-12)
        var worse = ForecastScore()
        worse.add(forecast: log(181), truth: log(101))
        worse.add(forecast: log(201), truth: log(201))
        #expect(abs(score.skill(against: worse) - 0.5) < 1e-12)
        #expect(ForecastScore().wape.isNaN && ForecastScore().mase.isNaN)
    }

    @Test("Pinball loss and coverage are those of a calculation by hand") func quantileScores() {
        var score = QuantileScore(levels: [0.1, 0.5, 0.9])
        score.add(quantiles: [0, 1, 2], band: 0...2, truth: 1.5)
        score.add(quantiles: [0, 1, 2], band: 0...2, truth: 3)
        score.add(quantiles: [0, 1, 2], band: 0...2, truth: -1)
        let expected = [(0.15 + 0.3 + 0.9) / 3, (0.25 + 1 + 1) / 3, (0.05 + 0.9 + 0.3) / 3]
        for (loss, value) in zip(score.pinball, expected) { #expect(abs(loss - value) < 1e-6) }
        #expect(abs(score.coverage - 1.0 / 3) < 1e-12)
        #expect(abs(score.upperCoverage - 2.0 / 3) < 1e-12)
        #expect(score.width == 2)
    }
}
