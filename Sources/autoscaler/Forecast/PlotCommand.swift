internal import ArgumentParser
internal import Forecasting

/// `autoscaler forecast plot`: a page with truth, median and band, and errors by time of day.
struct PlotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Draw what a model forecasts on days it has not seen.",
        discussion: """
            Example:
              autoscaler forecast plot --model model.safetensors --from 2017-06-01 --days 2 --out forecast.html \\
                --data sse_index_000001_1min_2015-2017.csv.zst --time-column dt --value-column vol \\
                --extra-columns open high low close
            """)

    @OptionGroup var series: SeriesOptions
    @Option(help: "File of the model.")
    var model: String
    @Option(help: "First day; the last quarter of the days without it.")
    var from: String?
    @Option(help: "Days drawn; the errors are of all days from the first on.")
    var days = 2
    @Option(help: "Bins ahead; the model's horizon without it.")
    var ahead: Int?
    @Option(help: "File of the page; - for standard output.")
    var out: String

    func run() throws {
        try InputFile.requireWritable([out])
        let start = try from.map { try day($0) }
        guard days > 0 else { throw UserError("--days must be at least 1") }
        let page = try asUserError { () throws -> String in
            let forecaster = try ForecastCheckpoint.read(model)
            let loaded = try series.read(forecaster.features.session)
            let testDay = start.map { loaded.index(ofDay: $0) } ?? loaded.days.count * 3 / 4
            return try draw(forecaster, loaded, testDay: testDay)
        }
        try InputFile.write(page, to: out)
    }

    private func draw(_ forecaster: NetworkForecaster, _ loaded: LoadSeries, testDay: Int) throws -> String {
        let table = try FeatureTable(loaded, forecaster.features)
        let ahead = ahead ?? table.horizon
        guard (1...table.horizon).contains(ahead) else {
            throw UserError("--ahead must be 1 to \(table.horizon), the model's horizon")
        }
        let split = try DaySplit(table, testDay: testDay, window: forecaster.configuration.window)
        guard !split.test.isEmpty else { throw UserError("no day to draw: the series ends before --from") }
        let join = forecaster.joined
        let others: [any Forecaster] = [try RidgeForecaster(table, rows: split.fit), ProfileEWMA(), Persistence()]
        return ForecastPage(title: "Forecast of \(series.valueColumn)", ahead: ahead, daysDrawn: days).html(
            table, main: (join.name, join.predict(table, origins: split.test)),
            others: others.map { ($0.name, $0.predict(table, origins: split.test)) })
    }
}
