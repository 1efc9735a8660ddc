import Forecasting
import Foundation
import TestData
import Testing

@Suite struct EvaluationTests {
    private static func plan(threads: Int) -> Benchmark.Plan {
        var plan = Benchmark.Plan()
        plan.validationDays = 5
        plan.calibrationDays = 5
        plan.models = [.compact]
        plan.compactEpochs = 1
        plan.compactWindows = 640
        plan.trees = 3
        plan.forestRows = 500
        plan.seeds = [1, 2]
        plan.threads = threads
        return plan
    }

    private static func benchmark(threads: Int, seed: UInt64 = 3) throws -> Benchmark {
        let series = try SyntheticLoad.series(days: 60, seed: seed, persistence: 0.7)
        let features = try FeatureStream.Configuration(session: series.session, horizon: 3, profileDays: 8)
        return try Benchmark("test \(seed)", series, features, testDay: 40, plan: plan(threads: threads)) { _ in }
    }

    @Test("A benchmark gives the same bytes with one thread and with two, and covers shifted days too")
    func benchmark() throws {
        let one = try Self.benchmark(threads: 1).run()
        let two = try Self.benchmark(threads: 2).run()
        #expect(one.evaluation.json == two.evaluation.json)
        #expect(one.shifted.json == two.shifted.json)
        #expect(
            one.evaluation.text(baselines: Benchmark.baselines) == two.evaluation.text(baselines: Benchmark.baselines))
        let parsed = try JSONSerialization.jsonObject(with: Data(one.evaluation.json.utf8)) as? [String: Any]
        #expect((parsed?["entries"] as? [Any])?.count == 8 + 2 * 2)
        #expect(one.evaluation.names.count == 10)
        for ahead in 1...3 {
            let coverage = try #require(
                one.evaluation.quantileSpread("ridge + LSTM 1x48, joined", .all, ahead: ahead, \.coverage))
            #expect(coverage.least > 0.9 && coverage.greatest < 0.99)
            let shifted = try #require(
                one.shifted.quantileSpread("ridge + LSTM 1x48, joined", .all, ahead: ahead, \.coverage))
            #expect(shifted.least > 0.85)
        }
    }

    @Test("Benchmarks run together give the bytes of each alone, in their order") func together() throws {
        let together = try Benchmark.run(
            [try Self.benchmark(threads: 1, seed: 3), try Self.benchmark(threads: 1, seed: 4)], threads: 2)
        for (seed, outcome) in zip([3, 4] as [UInt64], together) {
            let alone = try Self.benchmark(threads: 1, seed: seed).run()
            #expect(outcome.evaluation.json == alone.evaluation.json)
            #expect(outcome.shifted.json == alone.shifted.json)
        }
        #expect(together.map(\.evaluation.series) == ["test 3", "test 4"])
        #expect(together[1].shifted.series == "test 4, load x 1.5")
    }

    @Test("The shift begins in the middle of the test and multiplies what comes after") func shift() throws {
        let series = try SyntheticLoad.series(days: 60, seed: 3)
        let features = try FeatureStream.Configuration(session: series.session, horizon: 3, profileDays: 8)
        let table = try FeatureTable(series, features)
        let shift = try ShiftedTest(series, features, testDay: 40, end: table.rows - 3)
        #expect(shift.origins == table.firstRow(ofDay: 50)..<table.rows - 3)
        for row in [0, shift.origins.lowerBound - 1] { #expect(shift.table.loads[row] == table.loads[row]) }
        for row in [shift.origins.lowerBound, table.rows - 1] {
            #expect(shift.table.loads[row] == 1.5 * table.loads[row])
        }
        #expect(fault { _ = try ShiftedTest(series, features, testDay: 60, end: table.rows - 3) } != nil)
    }

    @Test("Too few days and settings that make no sense are errors") func limits() throws {
        let series = try SyntheticLoad.series(days: 60, seed: 3)
        let features = try FeatureStream.Configuration(session: series.session, horizon: 3, profileDays: 8)
        for testDay in [57, 12, 61] {
            #expect(
                fault {
                    _ = try Benchmark("t", series, features, testDay: testDay, plan: Self.plan(threads: 1)) { _ in }
                } != nil)
        }
        var plan = Self.plan(threads: 3)
        #expect(
            fault { _ = try Benchmark("t", series, features, testDay: 40, plan: plan) { _ in } }?.code == .configuration
        )
        plan = Self.plan(threads: 1)
        plan.seeds = []
        #expect(
            fault { _ = try Benchmark("t", series, features, testDay: 40, plan: plan) { _ in } }?.code == .configuration
        )
    }

    @Test("Regimes count each forecast where its bin lies") func regimes() throws {
        let series = try SyntheticLoad.series(days: 30, bins: 80, seed: 4)
        let table = try FeatureTable(series, try .init(session: series.session, horizon: 2, profileDays: 8))
        let test = table.firstRow(ofDay: 20)..<table.rows - 2
        let evaluation = Evaluation("t", table, test: test, train: 0..<400)
        let entry = evaluation.entry("p", seed: nil, Persistence().predict(table, origins: test))
        func counts(_ regime: Regime) -> [Int] { entry.scores[regime]?.map(\.count) ?? [] }
        // Ten days of 80 bins; origins from bin 9 on, targets of the same day; the last two bins are no origins.
        #expect(counts(.all) == [10 * 70 - 1, 10 * 69])
        // Bins 0 to 9 of nine days and what origins of the first test day reach.
        #expect(counts(.opening) == [9 * 10 + 9, 9 * 10 + 8])
        #expect(counts(.open) == [10 * 20, 10 * 19])
        // Bins 30 to 49 lie within ten of the break.
        #expect(counts(.breaks) == [10 * 20, 10 * 20])
        #expect(counts(.close) == [10 * 15 - 1, 10 * 15])
        #expect(Regime.cases(try TradingSession("24x7")) == [.all, .busiest])
    }

    @Test("Numbers are written with fixed decimals") func decimals() {
        let cases: [(Double, Int, String)] = [
            (0, 0, "0"), (0.00005, 4, "0.0001"), (-0.00004, 4, "0.0000"), (-1.25, 1, "-1.3"), (12.345, 2, "12.35"),
            (1e9, 1, "1000000000.0"), (.nan, 2, "-"), (.infinity, 2, "-"), (0.5, 0, "1"), (99.999, 2, "100.00"),
        ]
        for (value, places, text) in cases { #expect(FixedText.decimals(value, places) == text) }
        #expect(FixedText.padded("ab", 4) == "ab  " && FixedText.padded("ab", 4, right: true) == "  ab")
        for text in ["plain", "a\"b\\c", "line\nend\u{1}", "负载"] {
            let parsed = try? JSONSerialization.jsonObject(with: Data("[\(FixedText.quoted(text))]".utf8)) as? [String]
            #expect(parsed == [text])
        }
        #expect(FixedText.padded("abcde", 4) == "abcde")
    }

    @Test("The page holds each line once, escapes names, and stands alone") func page() throws {
        let series = try SyntheticLoad.series(days: 20, seed: 5)
        let table = try FeatureTable(series, try .init(session: series.session, horizon: 3, profileDays: 8))
        let origins = 400..<500
        let join = CombinedForecaster(
            "join", [Persistence(), ProfileEWMA()], levels: NetworkForecaster.Configuration.defaultLevels, warmUp: 200)
        let page = ForecastPage(title: "a <b> & c", ahead: 2, daysDrawn: 1).html(
            table, main: ("join", join.predict(table, origins: origins)),
            others: [("persistence", Persistence().predict(table, origins: origins))])
        #expect(page.contains("a &lt;b&gt; &amp; c") && !page.contains("<b>"))
        #expect(page.components(separatedBy: "<svg").count == 3)
        #expect(!page.contains("nan") && !page.contains("inf "))
        #expect(!page.contains("http"))
    }

    static let minutes = RecordedData.folder("a_minute_bars")

    @Test(
        "The recorded Shanghai minutes give the published figures of persistence and ridge regression",
        .enabled(if: minutes != nil, "SPRINGTIDE_DATA does not name a data folder with minute bars"))
    func shanghai() throws {
        let file = try #require(Self.minutes).appendingPathComponent("sse_index_000001_1min_2015-2017.csv.zst")
        let session = try TradingSession("a-share")
        let reader = SeriesReader(timeColumn: "dt", valueColumn: "vol", session: session)
        let series = try reader.read([UInt8](try RecordedData.unpacked(file)), name: file.lastPathComponent)
        #expect(series.days.count == 730 && series.repairs.daysDropped.count == 2 && series.repairs.binsFilled == 14)
        let table = try FeatureTable(series, try .init(session: session, horizon: 5, profileDays: 60))
        let testDay = series.index(ofDay: CivilTime.days(year: 2017, month: 1, day: 1))
        let split = try DaySplit(table, testDay: testDay, validationDays: 25, calibrationDays: 25, window: 30)
        let evaluation = Evaluation("SSE", table, test: split.test, train: split.fit)
        // The rows of the data description: WAPE and RMSE of logs at 1 and 5 minutes, to three digits.
        let expected: [(any Forecaster, Double, Double, Double, Double)] = [
            (Persistence(), 0.101, 0.159, 0.202, 0.265), (SeasonalNaive(), 0.266, 0.346, 0.268, 0.347),
            (ProfileLevel(), 0.134, 0.178, 0.164, 0.215),
            (try RidgeForecaster(table, rows: split.fit), 0.086, 0.119, 0.151, 0.201),
        ]
        for (forecaster, wape1, error1, wape5, error5) in expected {
            let entry = evaluation.entry(forecaster.name, seed: nil, forecaster.predict(table, origins: split.test))
            let scores = try #require(entry.scores[.all])
            for (value, figure) in [
                (scores[0].wape, wape1), (scores[0].logRMSE, error1), (scores[4].wape, wape5),
                (scores[4].logRMSE, error5),
            ] { #expect(abs(value - figure) < 0.0011, "\(forecaster.name): \(value) against \(figure)") }
        }
    }
}
