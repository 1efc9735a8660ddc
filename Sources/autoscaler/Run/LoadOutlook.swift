internal import Autoscaling
internal import Foundation
internal import Telemetry

/// Keeps the offered rates seen so far and tells what is expected next.
struct LoadOutlook {
    private var forecaster: (any LoadForecasting)?
    /// The trained forecaster; nil where the configuration names none.
    private let network: NetworkOutlook?
    private let period: Double
    private let staleTime: Double
    private var observed: [Double] = []
    private var knownAt: Double?
    /// Samples kept before the older half is forgotten.
    private static let samplesMax = 17_280

    /// The forecaster of a configuration; `folder` is where relative names of its files begin.
    ///
    /// - Throws: `UserError` where a history cannot be read or does not determine a forecast.
    init(_ configuration: RunConfiguration, folder: URL, metrics: MetricsRegistry) throws {
        period = configuration.ladder.period
        staleTime = configuration.ladder.period * configuration.ladder.stalePeriods
        var network: NetworkOutlook?
        switch configuration.forecast {
        case .none: forecaster = nil
        case .persistence: forecaster = PersistenceForecast()
        case .ridge(let history, let from): forecaster = try Self.ridge(history, from: from, configuration, folder)
        case .network(let settings):
            // What answers where the model cannot.
            forecaster = PersistenceForecast()
            network = try NetworkOutlook(
                settings, period: period, error: configuration.ladder.forecastError, folder: folder, metrics: metrics)
        }
        self.network = network
    }

    private static func ridge(
        _ history: [String], from: Double, _ configuration: RunConfiguration, _ folder: URL
    ) throws -> TrainedForecast {
        var days: [LoadTrace] = []
        for file in history {
            let path = URL(fileURLWithPath: file, relativeTo: folder).path
            let text = String(decoding: try InputFile.read(path), as: UTF8.self)
            do {
                var day = try LoadReader().read(text, name: file)
                if let calendar = configuration.calendar {
                    day.market = calendar.clock(sinceOpen: from)
                }
                days.append(day)
            } catch { throw UserError("\(file): \(error)") }
        }
        do {
            return try TrainedForecast(days: days, period: Int(configuration.ladder.period))
        } catch { throw UserError("forecast.history: \(error)") }
    }

    /// Takes the rate of a period, nil where it is missing, and forecasts; nil without a rate for the stale time.
    ///
    /// - Parameters:
    ///   - wall: seconds since 1970 UTC.
    ///   - isTrading: whether the calendar knows this for a day of trading.
    /// - Returns: the forecast, and why it is not the trained model's.
    mutating func take(
        _ rate: Double?, age: Double, at time: Double, wall: Double, isTrading: Bool, _ market: MarketClock?
    ) -> (forecast: RateForecast?, note: Reason?) {
        let answer = network?.take(rate, age: age, at: wall, isTrading: isTrading)
        let isGood = rate.map { $0 >= 0 && $0.isFinite } ?? false
        if let rate, isGood {
            observed.append(rate)
            knownAt = time - (age.isFinite ? max(0, age) : 0)
        } else if let last = observed.last {
            observed.append(last)
        }
        if observed.count > Self.samplesMax { observed.removeFirst(Self.samplesMax / 2) }
        guard let knownAt, time - knownAt <= staleTime else { return (nil, answer?.note) }
        // A rate is that of the period before it was known: its middle lies half a period back.
        let view = LoadView(
            time: time, market: market, observed: observed, age: time - knownAt + 0.5 * period, period: period,
            truth: LoadTrace(name: "", rates: []))
        let simple = forecaster?.forecast(view)
        return (answer?.forecast ?? simple, answer?.note)
    }

    /// Does what may wait until a decision is carried out.
    func settle() { network?.settle() }

    /// Reads the trained forecaster's file anew.
    func reload() { network?.reload() }

    /// What happened since the last call: models read or refused, retrained, bins that could not be written.
    func news() -> [Reason] { network?.takeNews() ?? [] }

    /// Ends what runs beside.
    func end() async { await network?.end() }
}
