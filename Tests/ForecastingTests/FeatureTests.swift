import Forecasting
import Foundation
import TestData
import Testing

@Suite struct FeatureTests {
    private func settings(_ series: LoadSeries, horizon: Int = 3) throws -> FeatureStream.Configuration {
        try FeatureStream.Configuration(session: series.session, horizon: horizon, profileDays: 8)
    }

    @Test("There are 18 features with different names") func names() {
        #expect(Feature.allCases.count == 18 && Feature.count == 18)
        #expect(Set(Feature.names).count == 18)
    }

    @Test("The profile is the mean of the same bin over the days before") func profile() throws {
        let series = try SyntheticLoad.series(days: 20, seed: 1)
        let table = try FeatureTable(series, try settings(series))
        for row in stride(from: 0, to: table.rows, by: 7) {
            let day = table.dayNumber(row)
            let past = (max(0, day - 8)..<day).map { log(series.values[$0 * 40 + table.bin(row)] + 1) }
            #expect(abs(table.profiles[row] - past.reduce(0, +) / Double(past.count)) < 1e-12)
            #expect(abs(table.logLoad(row) - log(series.values[day * 40 + table.bin(row)] + 1)) < 1e-12)
        }
    }

    @Test("The features agree with their definitions, computed anew from the ratios") func definitions() throws {
        let series = try SyntheticLoad.series(days: 20, seed: 2)
        let table = try FeatureTable(series, try settings(series))
        let r = table.ratios
        func mean(_ range: Range<Int>) -> Double { r[range].reduce(0, +) / Double(range.count) }
        var level = 0.0
        // The level of the rows before the table is not known: by the 1,500th bin it does not matter.
        for row in 0..<table.rows { if row < 400 { level += (1 - pow(2, -1.0 / 60)) * (r[row] - level) } }
        for row in 400..<table.rows {
            level += (1 - pow(2, -1.0 / 60)) * (r[row] - level)
            let f = Array(table.features[row * 18..<row * 18 + 18]).map(Double.init)
            let bin = table.bin(row)
            let segment = bin % 20
            let expected: [(Feature, Double, Double)] = [
                (.ratio, r[row] - level, 2e-2), (.ratio3, r[row - 3] - level, 2e-2), (.excess, level, 2e-2),
                (.yesterday, mean(row - 39..<row - 36) - mean(row - 51..<row - 39), 1e-6),
                (.lastWeek, mean(row - 199..<row - 196) - mean(row - 211..<row - 199), 1e-6),
                (.sine, sin(2 * .pi * Double(bin) / 40), 1e-6), (.cosine, cos(2 * .pi * Double(bin) / 40), 1e-6),
                (.edge, exp(-Double(segment) / 10) - exp(-Double(19 - segment) / 10), 1e-6),
                (.absoluteReturn, abs(r[row] - r[row - 1]), 1e-6), (.imbalance, r[row] - r[row - 10], 1e-6),
                (.shock, mean(row - 4..<row + 1) - mean(row - 29..<row + 1), 1e-6),
                (.pause, table.dayNumber(row) % 5 == 0 ? log(3) : 0, 1e-6),
            ]
            for (feature, value, tolerance) in expected {
                #expect(abs(f[feature.rawValue] - value) < tolerance, "\(feature) of row \(row)")
            }
        }
    }

    @Test("What comes later changes no feature of a row", arguments: [1, 2, 3] as [UInt64])
    func noLeak(seed: UInt64) throws {
        let series = try SyntheticLoad.series(days: 16, seed: seed)
        var random = SplitMix64(seed: seed)
        let settings = try settings(series)
        let table = try FeatureTable(series, settings)
        let cut = 10 * 40 + random.below(200)
        let changed = try FeatureTable(series.scaled(by: 7, from: cut), settings)
        let rows = cut - table.daysBefore * 40
        #expect(table.features[..<(rows * 18)] == changed.features[..<(rows * 18)])
        #expect(table.ratios[..<rows] == changed.ratios[..<rows])
        #expect(table.features[(rows * 18)..<(rows * 18 + 18)] != changed.features[(rows * 18)..<(rows * 18 + 18)])
    }

    @Test("Live features are those of the table, bit for bit, and the profile ahead is that of the bin when it comes")
    func stream() throws {
        let series = try SyntheticLoad.series(days: 14, seed: 4)
        let settings = try settings(series)
        let table = try FeatureTable(series, settings)
        var stream = FeatureStream(settings)
        for index in 0..<series.count {
            stream.append(series.values[index], day: series.days[index / 40], bin: index % 40)
            let row = index - table.daysBefore * 40
            #expect(stream.isReady == (row >= 0))
            guard row >= 0 else { continue }
            #expect(stream.features == Array(table.features[row * 18..<row * 18 + 18]))
            guard row + 3 < table.rows else { continue }
            for ahead in 1...3 { #expect(stream.profile(ahead: ahead) == table.profiles[row + ahead]) }
        }
    }

    @Test("A lasting factor on the load moves no feature but the level") func levelFree() throws {
        let series = try SyntheticLoad.series(days: 30, seed: 5, level: 1e6)
        let settings = try settings(series)
        let shifted = try FeatureTable(series.scaled(by: 2, from: 18 * 40), settings)
        let table = try FeatureTable(series, settings)
        // Two days after the shift the level has followed; the profile has not yet.
        let row = table.firstRow(ofDay: 21) + 20
        for feature in Feature.allCases where ![.excess, .recentProfile, .lastWeek, .yesterday].contains(feature) {
            let place = row * 18 + feature.rawValue
            #expect(abs(table.features[place] - shifted.features[place]) < 0.25, "\(feature)")
        }
        let level = row * 18 + Feature.excess.rawValue
        #expect(shifted.features[level] - table.features[level] > 0.3)
    }

    @Test("Prices, ranges and the book replace what is computed from the load") func market() throws {
        let plain = try SyntheticLoad.series(days: 12, seed: 6)
        var columns: [LoadSeries.Indicator: [Double]] = [:]
        let count = plain.count
        columns[.open] = (0..<count).map { 100 + Double($0 % 5) }
        columns[.close] = (0..<count).map { 100 + Double(($0 + 1) % 5) }
        columns[.high] = [Double](repeating: 106, count: count)
        columns[.low] = [Double](repeating: 98, count: count)
        columns[.cancels] = [Double](repeating: 0.25, count: count)
        let series = try LoadSeries(
            session: plain.session, days: plain.days, values: plain.values, indicators: columns)
        let table = try FeatureTable(
            series,
            try .init(
                session: series.session, horizon: 3, profileDays: 8, indicators: [.open, .high, .low, .close, .cancels])
        )
        let row = 100
        let index = row + table.daysBefore * 40
        let features = Array(table.features[row * 18..<row * 18 + 18])
        let close = columns[.close]![index]
        let change = abs(log(close / columns[.close]![index - 1]))
        #expect(abs(Double(features[Feature.absoluteReturn.rawValue]) - log(change + 1e-5)) < 1e-5)
        #expect(abs(Double(features[Feature.spread.rawValue]) - log(log(106.0 / 98) + 1e-5)) < 1e-5)
        #expect(abs(Double(features[Feature.imbalance.rawValue]) - (close - columns[.open]![index]) / 8) < 1e-5)
        #expect(features[Feature.shock.rawValue] == 0.25)
        let missing = try FeatureStream.Configuration(
            session: series.session, horizon: 3, profileDays: 8, indicators: [.spread])
        #expect(fault { _ = try FeatureTable(series, missing) }?.code == .column)
    }

    @Test("Too few days, horizons and profiles outside their limits are errors") func limits() throws {
        let series = try SyntheticLoad.series(days: 5, seed: 7)
        #expect(fault { _ = try FeatureTable(series, try settings(series)) }?.code == .tooFewDays)
        let six = try SyntheticLoad.series(days: 6, seed: 7)
        #expect(try FeatureTable(six, try settings(six)).rows == 40)
        let session = series.session
        for horizon in [0, 40, 61] {
            #expect(fault { _ = try FeatureStream.Configuration(session: session, horizon: horizon) } != nil)
        }
        for days in [4, 251] {
            #expect(fault { _ = try FeatureStream.Configuration(session: session, profileDays: days) } != nil)
        }
        #expect(try FeatureStream.Configuration(session: session, horizon: 39, profileDays: 250).horizon == 39)
    }

    @Test("The scaler gives its rows mean 0 and deviation 1 and finds what is far outside") func scaler() throws {
        let series = try SyntheticLoad.series(days: 20, seed: 8)
        let table = try FeatureTable(series, try settings(series))
        let rows = 50..<450
        let scaler = FeatureScaler(table, rows: rows)
        let scaled = scaler.scaled(table)
        for feature in 0..<18 where feature != Feature.pause.rawValue {
            let values = rows.map { Double(scaled[$0 * 18 + feature]) }
            let mean = values.reduce(0, +) / 400
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 400
            #expect(abs(mean) < 1e-3 && abs(variance - 1) < 2e-2, "feature \(feature): \(mean), \(variance)")
        }
        var row = Array(table.features[900..<918])
        #expect(scaler.outlier(row, deviationsMax: 100) == nil)
        row[4] = .nan
        #expect(scaler.outlier(row, deviationsMax: 100)?.feature == .yesterday)
        row[4] = scaler.means[4] + 101 * scaler.deviations[4]
        #expect(scaler.outlier(row, deviationsMax: 100)?.feature == .yesterday)
        #expect(FeatureScaler(means: [0], deviations: [1]) == nil)
        let ones = [Float](repeating: 1, count: 18)
        #expect(FeatureScaler(means: ones, deviations: [Float](repeating: 0, count: 18)) == nil)
        #expect(FeatureScaler(means: ones, deviations: ones) != nil)
    }

    @Test("Parts of a split share neither targets nor windows, and the test begins where it should") func split() throws
    {
        let series = try SyntheticLoad.series(days: 30, seed: 9)
        let table = try FeatureTable(series, try settings(series))
        let split = try DaySplit(table, testDay: 25, validationDays: 3, calibrationDays: 2, window: 10)
        #expect(split.train == 9..<(15 * 40 - 3))
        #expect(split.validation == (15 * 40 + 10)..<(18 * 40 - 3))
        #expect(split.calibration == (18 * 40 + 10)..<(20 * 40 - 3))
        #expect(split.test == (20 * 40)..<(25 * 40 - 3))
        #expect(try DaySplit(table, testDay: 30, validationDays: 3, calibrationDays: 0, window: 10).test.isEmpty)
        #expect(try DaySplit(table, testDay: 25, window: 70).test == split.test)
        for (day, validation) in [(31, 3), (8, 3), (25, 0), (25, 21)] {
            #expect(
                fault {
                    _ = try DaySplit(
                        table, testDay: day, validationDays: validation, calibrationDays: 0, window: 10)
                } != nil)
        }
        #expect(
            fault { _ = try DaySplit(table, testDay: 10, validationDays: 2, calibrationDays: 1, window: 200) }?.code
                == .tooFewDays)
    }
}
