/// One load a bin as the live system reports it.
public struct LoadSample: Sendable, Equatable {
    /// End or start of the bin, as the session stamps its rows.
    public var time: CivilTime
    /// Load of the bin; NaN where it could not be measured.
    public var load: Double
    /// Market columns in the order of the model's settings.
    public var indicators: [Double]

    /// A sample.
    public init(time: CivilTime, load: Double, indicators: [Double] = []) {
        self.time = time
        self.load = load
        self.indicators = indicators
    }
}

/// What a live forecaster says about the next bins.
public enum ForecastAnswer: Sendable, Equatable {
    /// Forecast of the model, joined with its baselines.
    case forecast(LoadForecast)
    /// Forecast of the rules alone, because the model's input cannot be used.
    case rules(LoadForecast, Reason)
    /// No forecast.
    case unavailable(Reason)

    /// Why the model, or anything at all, is silent.
    public enum Reason: Sendable, Equatable {
        /// The profile needs this many more whole days.
        case warmingUp(daysLeft: Int)
        /// The window needs this many more bins since a gap or a new model.
        case filling(binsLeft: Int)
        /// A feature is this many deviations from its mean in training.
        case outOfRange(Feature, deviations: Float)
        /// The newest sample is this many bins old.
        case stale(bins: Int)
        /// Outside the session.
        case closed
    }

    /// The forecast, whoever made it.
    public var forecast: LoadForecast? {
        switch self {
        case .forecast(let forecast), .rules(let forecast, _): forecast
        case .unavailable: nil
        }
    }
}
