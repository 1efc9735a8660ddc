internal import ArgumentParser
internal import Forecasting

/// `autoscaler forecast evaluate`: a trained model beside rules and regressions on days it has not seen.
struct EvaluateCommand: ParsableCommand {
    /// What is fitted anew during the test.
    enum Refit: String, CaseIterable, ExpressibleByArgument {
        case none, ridge
    }

    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Judge a model on days it has not seen.",
        discussion: """
            Prints, by part of the day, the errors of the rules, of ridge regression, of the model alone, and of the model
            joined with its baselines by their recent errors, which is what is served; then the errors and the coverage \
            of the join on the later half of the test with its load times 1.5. Give the day after the last that the model \
            was trained on as --from.

            Example:
              autoscaler forecast evaluate --model model.safetensors --from 2017-01-01 --json report.json \\
                --data sse_index_000001_1min_2015-2017.csv.zst --time-column dt --value-column vol \\
                --extra-columns open high low close
            """)

    @OptionGroup var series: SeriesOptions
    @Option(help: "File of the model.")
    var model: String
    @Option(help: "First day of the test; the last quarter of the days without it.")
    var from: String?
    @Option(help: "none, or ridge: a regression fitted anew every ten days joins the others.")
    var refit = Refit.none
    @Option(help: "Write all figures here as JSON, two tables; - for standard output instead of the text.")
    var json: String?

    func run() throws {
        try InputFile.requireWritable([json])
        let start = try from.map { try day($0) }
        let (plain, shifted) = try asUserError { () throws -> (Evaluation, Evaluation) in
            let forecaster = try ForecastCheckpoint.read(model)
            let loaded = try series.read(forecaster.features.session)
            let testDay = start.map { loaded.index(ofDay: $0) } ?? loaded.days.count * 3 / 4
            return try evaluate(forecaster, loaded, testDay: testDay)
        }
        if let json { try InputFile.write("[\(plain.json),\n\(shifted.json)]\n", to: json) }
        if json != "-" { Terminal.say(plain.text(baselines: Benchmark.baselines) + "\n" + shifted.text(baselines: [])) }
    }

    private func evaluate(
        _ forecaster: NetworkForecaster, _ loaded: LoadSeries, testDay: Int
    ) throws -> (plain: Evaluation, shifted: Evaluation) {
        let table = try FeatureTable(loaded, forecaster.features)
        let split = try DaySplit(table, testDay: testDay, window: forecaster.configuration.window)
        guard !split.test.isEmpty else { throw UserError("no day to test: the series ends before --from") }
        var result = Evaluation(model, table, test: split.test, train: split.fit)
        let rules: [any Forecaster] = [
            Persistence(), SeasonalNaive(), ProfileLevel(), ProfileEWMA(), try RidgeForecaster(table, rows: split.fit),
            forecaster,
        ]
        for rule in rules {
            result.add(result.entry(rule.name, seed: nil, rule.predict(table, origins: split.test)))
        }
        var join = forecaster.joined
        if refit == .ridge {
            let isContinuous = loaded.session.isContinuous
            let rolling = RollingRidge(
                everyDays: isContinuous ? 1 : 10, memoryDays: 2 * forecaster.features.profileDays)
            result.add(result.entry(rolling.name, seed: nil, rolling.predict(table, origins: split.test)))
            join = CombinedForecaster(
                "\(join.name), refit", join.members + [rolling],
                levels: NetworkForecaster.Configuration.defaultLevels, warmUp: join.warmUp)
        }
        result.add(result.entry(join.name, seed: nil, join.predict(table, origins: split.test)))
        let shift = try ShiftedTest(loaded, forecaster.features, testDay: testDay, end: split.test.upperBound)
        var shifted = shift.evaluation(model, train: split.fit)
        shifted.add(shifted.entry(join.name, seed: nil, join.predict(shift.table, origins: shift.origins)))
        return (result, shifted)
    }
}
