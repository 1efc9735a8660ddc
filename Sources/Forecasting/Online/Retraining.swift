/// Fits a challenger to recent days, starting from the champion, and lets the newest days decide between them.
///
/// The challenger must be at least as good as the champion and better than profile x EWMA on days neither was fitted on;
/// else the champion stays. Meant for a background thread: it touches nothing that serves.
public struct Retraining: Sendable, Equatable {
    /// Whole days at the end that decide.
    public var judgeDays = 1
    /// Days before them that choose the epoch.
    public var validationDays = 3
    /// Epochs at most.
    public var epochs = 5
    /// Windows of an epoch.
    public var windowsPerEpoch = 6_400
    /// Step size: small, as the weights are near a good place.
    public var learningRate: Float = 1e-4
    /// Seed of training.
    public var seed: UInt64 = 1

    /// The defaults above.
    public init() {}

    /// What was found on the days that decide: RMSE of logs over all bins ahead.
    public struct Verdict: Sendable {
        /// Of the model in force.
        public let champion: Double
        /// Of the new one.
        public let challenger: Double
        /// Of profile x EWMA.
        public let rule: Double
        /// The new model, if it may replace the old one.
        public let successor: NetworkForecaster?
    }

    /// Trains on `series`, the most recent days, and judges; `shouldStop` ends training early, with the best so far.
    public func run(
        _ champion: NetworkForecaster, on series: LoadSeries, shouldStop: () -> Bool = { false }
    ) throws(ForecastError) -> Verdict {
        let table = try FeatureTable(series, champion.features)
        let testDay = series.days.count - judgeDays
        let split = try DaySplit(
            table, testDay: testDay, validationDays: validationDays, calibrationDays: 0,
            window: champion.configuration.window)
        guard !split.test.isEmpty else { throw ForecastError(.tooFewDays, "no day to judge the challenger on") }
        var settings = ForecastTrainer.Configuration()
        settings.epochs = epochs
        settings.windowsPerEpoch = windowsPerEpoch
        settings.learningRate = learningRate
        settings.seed = seed
        settings.threads = 1
        let trainer = try ForecastTrainer(from: champion, table, split, settings)
        while !trainer.isDone {
            guard try trainer.runEpoch(shouldStop: shouldStop) != nil else { break }
        }
        let challenger = trainer.forecaster
        let errors = [champion, challenger].map { error($0, table, split.test) }
        let rule = error(ProfileEWMA(), table, split.test)
        let isBetter = trainer.epoch > 0 && errors[1].isFinite && errors[1] <= errors[0] && errors[1] < rule
        return Verdict(
            champion: errors[0], challenger: errors[1], rule: rule, successor: isBetter ? challenger : nil)
    }

    private func error(_ forecaster: any Forecaster, _ table: FeatureTable, _ origins: Range<Int>) -> Double {
        let predictions = forecaster.predict(table, origins: origins)
        var sum = 0.0
        for origin in origins {
            for ahead in 1...table.horizon {
                let error = predictions[origin, ahead: ahead] - table.logLoad(origin + ahead)
                sum += error * error
            }
        }
        return (sum / Double(origins.count * table.horizon)).squareRoot()
    }
}
