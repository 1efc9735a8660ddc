internal import Autoscaling
internal import Foundation

/// Keeps the offered rates seen so far and tells what is expected next.
struct LoadOutlook {
    private var forecaster: (any LoadForecasting)?
    private let period: Double
    private let staleTime: Double
    private var observed: [Double] = []
    private var knownAt: Double?
    /// Samples kept before the older half is forgotten.
    private static let samplesMax = 17_280

    /// The forecaster of a configuration; `folder` is where relative names of history files begin.
    ///
    /// - Throws: `UserError` where a history cannot be read or does not determine a forecast.
    init(_ configuration: RunConfiguration, folder: URL) throws {
        period = configuration.ladder.period
        staleTime = configuration.ladder.period * configuration.ladder.stalePeriods
        switch configuration.forecast {
        case .none: forecaster = nil
        case .persistence: forecaster = PersistenceForecast()
        case .ridge(let history, let from):
            var days: [LoadTrace] = []
            for file in history {
                let path = URL(fileURLWithPath: file, relativeTo: folder).path
                let text = String(decoding: try InputFile.read(path), as: UTF8.self)
                do {
                    var day = try LoadReader().read(text, name: file)
                    if let calendar = configuration.calendar {
                        day.market = MarketClock(sinceOpen: from, length: calendar.length)
                    }
                    days.append(day)
                } catch { throw UserError("\(file): \(error)") }
            }
            do {
                forecaster = try TrainedForecast(days: days, period: max(1, Int(period.rounded())))
            } catch { throw UserError("forecast.history: \(error)") }
        }
    }

    /// Takes the rate of a period, nil where it is missing, and forecasts; nil without a rate for the stale time.
    mutating func take(_ rate: Double?, age: Double, at time: Double, _ market: MarketClock?) -> RateForecast? {
        let isGood = rate.map { $0 >= 0 && $0.isFinite } ?? false
        if let rate, isGood {
            observed.append(rate)
            knownAt = time - (age.isFinite ? max(0, age) : 0)
        } else if let last = observed.last {
            observed.append(last)
        }
        if observed.count > Self.samplesMax { observed.removeFirst(Self.samplesMax / 2) }
        guard let knownAt, time - knownAt <= staleTime else { return nil }
        let view = LoadView(
            time: time, market: market, observed: observed, age: time - knownAt, period: period,
            truth: LoadTrace(name: "", rates: []))
        return forecaster?.forecast(view)
    }
}
