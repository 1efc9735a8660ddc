internal import ArgumentParser
internal import Forecasting

/// Where a series is and how it is read.
struct SeriesOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: "CSV files that follow each other in time, plain or packed (.zst, .xz, .gz).")
    var data: [String]
    @Option(help: "Column of the time: 2015-01-05 09:31:00, or seconds or milliseconds since 1970.")
    var timeColumn = "time"
    @Option(help: "Column of the load.")
    var valueColumn = "value"
    @Option(
        parsing: .upToNextOption,
        help: """
            Market columns: open, high, low, close, spread, imbalance, cancels, as NAME or NAME=COLUMN. Without them the \
            market features are computed from the load.
            """)
    var extraColumns: [String] = []
    @Option(help: "Share of its bins that a day must have.")
    var dayShareMin = 0.95

    func validate() throws {
        guard !data.isEmpty else { throw ValidationError("--data needs at least one file") }
        guard (0.01...1).contains(dayShareMin) else { throw ValidationError("--day-share-min must be 0.01 to 1") }
    }

    /// Market columns by what they are.
    func indicatorColumns() throws -> [LoadSeries.Indicator: String] {
        var columns: [LoadSeries.Indicator: String] = [:]
        for text in extraColumns.flatMap({ $0.split(separator: ",") }) {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard let first = parts.first, let indicator = LoadSeries.Indicator(rawValue: first) else {
                let names = LoadSeries.Indicator.allCases.map(\.rawValue).joined(separator: ", ")
                throw UserError("--extra-columns: '\(text)' is none of \(names)")
            }
            columns[indicator] = parts.count == 2 ? parts[1] : first
        }
        return columns
    }

    /// The indicators given, in the order of their declaration.
    func indicators() throws -> [LoadSeries.Indicator] {
        let columns = try indicatorColumns()
        return LoadSeries.Indicator.allCases.filter { columns[$0] != nil }
    }

    /// Reads the files; says on standard error what was left out or filled.
    func read(_ session: TradingSession) throws -> LoadSeries {
        var reader = SeriesReader(timeColumn: timeColumn, valueColumn: valueColumn, session: session)
        reader.indicatorColumns = try indicatorColumns()
        reader.dayShareMin = dayShareMin
        do {
            let series = try reader.read(try data.map { (try InputFile.read($0), $0) })
            Self.announce(series)
            return series
        } catch let error as ForecastError {
            throw UserError("\(error)")
        }
    }

    /// Says what a series is made of.
    static func announce(_ series: LoadSeries) {
        let repairs = series.repairs
        var text = "forecast: \(series.days.count) days of \(series.session.binsPerDay) bins"
        if let first = series.days.first, let last = series.days.last {
            text += ", \(CivilTime.text(day: first)) to \(CivilTime.text(day: last))"
        }
        if !repairs.daysDropped.isEmpty {
            let names = repairs.daysDropped.prefix(5).map { CivilTime.text(day: $0) }.joined(separator: ", ")
            text += "; \(repairs.daysDropped.count) days with too few rows left out (\(names))"
        }
        if repairs.binsFilled > 0 { text += "; \(repairs.binsFilled) bins without a row filled" }
        if repairs.rowsOutside > 0 { text += "; \(repairs.rowsOutside) rows outside the session left out" }
        Terminal.complain(text)
    }
}

/// The day that `text` (2017-01-01) names.
func day(_ text: String) throws -> Int {
    guard text.utf8.count >= 8, let time = CivilTime(Array(text.utf8)[...]), text.contains("-") else {
        throw UserError("'\(text)' is no date such as 2017-01-01")
    }
    return time.day
}

/// Runs `body`; what data, settings and files are at fault for becomes a `UserError`.
func asUserError<Value>(_ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch let error as ForecastError where error.code != .diverged {
        throw UserError("\(error)")
    }
}
