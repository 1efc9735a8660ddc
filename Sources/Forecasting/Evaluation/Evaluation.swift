/// Scores of forecasters over the test days of one series, by horizon and regime, for each seed.
public struct Evaluation: Sendable {
    /// Scores of one forecaster with one seed.
    public struct Entry: Sendable {
        /// Name of the forecaster.
        public let name: String
        /// Seed of its training; nil for rules that have none.
        public let seed: UInt64?
        /// By regime, horizon after horizon.
        public let scores: [Regime: [ForecastScore]]
        /// By regime, horizon after horizon; empty for forecasters without quantiles.
        public let quantiles: [Regime: [QuantileScore]]
    }

    /// Name of the series.
    public let series: String
    /// Regimes scored.
    public let regimes: [Regime]
    /// Bins ahead.
    public let horizon: Int
    /// Days of the test, first and last.
    public let testDays: ClosedRange<Int>
    /// Forecasts scored at horizon 1.
    public private(set) var count = 0
    /// In the order they were added.
    public private(set) var entries: [Entry] = []

    private let table: FeatureTable
    private let test: Range<Int>
    private let scope: Regime.Scope
    private let seasonalChange: Double

    /// An evaluation of nothing yet on the origins `test`; `train` are the rows of MASE's denominator.
    public init(_ series: String, _ table: FeatureTable, test: Range<Int>, train: Range<Int>) {
        precondition(!test.isEmpty, "no origin to test")
        self.series = series
        self.table = table
        self.test = test
        regimes = Regime.cases(table.configuration.session)
        horizon = table.horizon
        scope = Regime.Scope(table, test: test)
        seasonalChange = ForecastScore.seasonalChange(table, rows: train)
        testDays =
            table.days[table.dayNumber(test.lowerBound)]...table.days[table.dayNumber(test.upperBound - 1 + horizon)]
    }

    /// Scores `predictions`, which hold the test's origins.
    public func entry(_ name: String, seed: UInt64?, _ predictions: Predictions) -> Entry {
        let levels = predictions.levels
        let band = levels.count > 1 ? (levels.firstIndex(of: 0.025), levels.firstIndex(of: 0.975)) : (nil, nil)
        var scores: [Regime: [ForecastScore]] = [:]
        var quantiles: [Regime: [QuantileScore]] = [:]
        for regime in regimes {
            var regimeScores: [ForecastScore] = []
            var regimeQuantiles: [QuantileScore] = []
            for ahead in 1...horizon {
                var score = ForecastScore(seasonalChange: seasonalChange)
                var quantile = QuantileScore(levels: levels)
                for origin in test where scope.contains(table, regime, origin: origin, ahead: ahead) {
                    let truth = table.logLoad(origin + ahead)
                    score.add(forecast: predictions[origin, ahead: ahead], truth: truth)
                    guard let low = band.0, let high = band.1 else { continue }
                    let place = predictions.place(origin, ahead) * levels.count
                    let all = predictions.quantiles[place..<place + levels.count]
                    quantile.add(quantiles: all, band: all[place + low]...all[place + high], truth: truth)
                }
                regimeScores.append(score)
                regimeQuantiles.append(quantile)
            }
            scores[regime] = regimeScores
            if band.0 != nil { quantiles[regime] = regimeQuantiles }
        }
        return Entry(name: name, seed: seed, scores: scores, quantiles: quantiles)
    }

    /// Keeps an entry.
    public mutating func add(_ entry: Entry) {
        count = entry.scores[.all]?.first?.count ?? 0
        entries.append(entry)
    }

    /// Mean, least and greatest of a figure over the seeds of a forecaster; nil if it has no entry.
    public func spread(
        _ name: String, _ regime: Regime, ahead: Int, _ figure: (ForecastScore) -> Double
    ) -> (mean: Double, least: Double, greatest: Double)? {
        let values = entries.filter { $0.name == name }.compactMap { $0.scores[regime].map { figure($0[ahead - 1]) } }
        guard let least = values.min(), let greatest = values.max() else { return nil }
        return (values.reduce(0, +) / Double(values.count), least, greatest)
    }

    /// The same of a figure of the quantiles.
    public func quantileSpread(
        _ name: String, _ regime: Regime, ahead: Int, _ figure: (QuantileScore) -> Double
    ) -> (mean: Double, least: Double, greatest: Double)? {
        let values = entries.filter { $0.name == name }
            .compactMap { $0.quantiles[regime].map { figure($0[ahead - 1]) } }
        guard let least = values.min(), let greatest = values.max() else { return nil }
        return (values.reduce(0, +) / Double(values.count), least, greatest)
    }

    /// Names in the order they came.
    public var names: [String] {
        var names: [String] = []
        for entry in entries where !names.contains(entry.name) { names.append(entry.name) }
        return names
    }
}
