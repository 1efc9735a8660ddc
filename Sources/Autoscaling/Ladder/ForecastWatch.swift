/// Compares forecasts with what came: mean absolute percentage error of the last ones, against that of the training.
struct ForecastWatch {
    private struct Issued {
        var due: Double
        var q50: Double
    }

    private let period: Double
    private let limit: Double?
    private let window: Int
    private var pending: [Issued] = []
    private var errors: [Double] = []
    private var oldest = 0
    /// Forecasts that may wait for their time; a period's worth each for an hour.
    private static let pendingMax = 3_600

    init(_ settings: LadderSettings) {
        period = settings.period
        limit = settings.forecastError.map { $0 * settings.driftFactor }
        window = settings.driftWindow
    }

    /// Mean absolute percentage error of the forecasts compared, as a share; nil before the window is half full.
    var meanError: Double? {
        guard errors.count * 2 >= window else { return nil }
        return errors.reduce(0, +) / Double(errors.count)
    }

    /// Whether the forecast is worse than allowed; false where the training's error is not known.
    var hasDrifted: Bool {
        guard let limit, let meanError else { return false }
        return meanError > limit
    }

    /// Takes an observation: judges the forecasts that are due, keeps the new one.
    ///
    /// Judged is the point nearest to one period ahead or more. An error is cut at 10, so that one outlier is no drift;
    /// loads below 1 a second count as 1, as a share of nothing says nothing.
    mutating func take(_ observation: Observation) {
        let time = observation.time
        let due = pending.prefix { $0.due <= time + period / 2 }
        if let rate = observation.rate {
            for issued in due where issued.due >= time - period / 2 {
                record(min(abs(issued.q50 - rate) / max(rate, 1), 10))
            }
        }
        pending.removeFirst(due.count)
        guard let forecast = observation.forecast, limit != nil, pending.count < Self.pendingMax,
            let point = forecast.points.first(where: { $0.ahead >= period }) ?? forecast.points.last, point.ahead > 0,
            pending.last.map({ $0.due < time + point.ahead }) ?? true
        else { return }
        pending.append(Issued(due: time + point.ahead, q50: point.q50))
    }

    private mutating func record(_ error: Double) {
        if errors.count < window {
            errors.append(error)
        } else {
            errors[oldest] = error
            oldest = (oldest + 1) % window
        }
    }
}
