public import Forecasting
internal import Glibc
internal import Learning

/// The trained load forecaster on a sidecar's numbers: gathers rates into the model's bins, gives it one sample a bin,
/// and tells its answer as a forecast of the rate.
///
/// No clock and no files: times are arguments, the caller keeps the bins it is given back. A model's load is a count a
/// bin; a rate is that over the bin's seconds. A bin counts by the mean of its rates where at least half of its
/// control periods had one and they span half of it at least; one with fewer is left to the forecaster, which fills
/// it. A point of the forecast is the middle of a bin ahead: its q90 lies between the levels 0.75 and 0.95, along a
/// line over the quantiles of the normal distribution in ln(load + 1). Bins after the session's end are not told. What
/// errors are to be expected is given, or measured on the bins remembered at the start: `DriftDetector` watches
/// against it, and drift lasts until another model comes or no alarm has come for as many bins as twice the expected
/// error needs to raise one.
public final class LiveForecast {
    /// What is expected, and what came of the rates.
    public struct Answer: Sendable, Equatable {
        /// The rate expected; nil where the forecaster says nothing.
        public var forecast: RateForecast?
        /// Why it is not the model's; nil where it is.
        public var note: Reason?
        /// The bin that ended with this rate; nil where none did, or where it had too few rates.
        public var ended: LoadSample?

        /// An answer.
        public init(forecast: RateForecast? = nil, note: Reason? = nil, ended: LoadSample? = nil) {
            self.forecast = forecast
            self.note = note
            self.ended = ended
        }
    }

    /// Seconds from a rate to the next.
    public let period: Double
    /// Seconds that local time is ahead of UTC.
    public let offset: Double
    private let online: OnlineForecaster
    private var gathering: Gathering?

    /// The rates of a bin so far.
    private struct Gathering {
        var day: Int
        var bin: Int
        var sum = 0.0
        /// Rates, and periods with or without one.
        var count = 0
        var periods = 0
        /// Local time of the first and of the last rate.
        var first = Double.infinity
        var last = -Double.infinity
    }

    /// Day and bin of the newest sample taken.
    private var newest: (day: Int, bin: Int)?
    /// Sum and number of absolute errors one bin ahead.
    private var errors = (sum: 0.0, count: 0)
    private var alarms = 0
    private var binsSinceAlarm: Int?

    /// Errors from which on their mean is what to expect.
    static let errorsMin = 200
    /// Least error to expect: below it a share of nothing would be drift.
    private static let errorLeast = 0.005

    /// A forecaster that remembers nothing.
    ///
    /// - Parameter error: mean |error| of logs to expect one bin ahead; nil measures it.
    /// - Throws: `PolicyFault` `ForecastModelRefused` where the model needs what a sidecar does not measure.
    public init(
        _ model: NetworkForecaster, period: Double, offset: Double = 0, error: Double? = nil
    ) throws(PolicyFault) {
        if let fault = Self.fault(of: model, period: period) { throw fault }
        self.period = period
        self.offset = offset
        online = OnlineForecaster(model)
        if let error { online.drift = DriftDetector(expected: max(error, Self.errorLeast)) }
    }

    /// Why a model cannot be served once a period; nil where it can.
    private static func fault(of model: NetworkForecaster, period: Double) -> PolicyFault? {
        let interval = Double(model.features.session.intervalSeconds)
        let text: String
        if !model.features.indicators.isEmpty {
            let names = model.features.indicators.map(\.rawValue).joined(separator: ", ")
            text = "it reads the columns \(names), which metrics of services do not have"
        } else if interval < period {
            text = "its bins of \(interval) s are shorter than the period of \(period) s"
        } else if !model.network.parameters.allSatisfy(\.isFinite) {
            text = "it holds weights that are not finite"
        } else {
            return nil
        }
        return PolicyFault(ForecastNote.refused.rawValue, "model '\(model.name)': \(text)")
    }

    /// The model in force.
    public var model: NetworkForecaster { online.model }

    /// Whether errors have grown for good since this model came into force.
    public var needsRetraining: Bool { online.needsRetraining }

    /// Samples that could not be true, and bins that were filled, so far.
    public var counts: (refused: Int, filled: Int) { (online.samplesRefused, online.binsFilled) }

    /// Takes bins of the past, the oldest first; returns how many the forecaster took.
    @discardableResult
    public func remember(_ samples: some Sequence<LoadSample>) -> Int {
        var taken = 0
        for sample in samples where take(sample) { taken += 1 }
        if online.drift == nil, errors.count >= Self.errorsMin {
            online.drift = DriftDetector(expected: max(errors.sum / Double(errors.count), Self.errorLeast))
        }
        return taken
    }

    /// Takes the whole days of a series, the oldest first.
    @discardableResult
    public func remember(_ series: LoadSeries) -> Int {
        let bins = series.session.binsPerDay
        return remember(
            series.values.indices.lazy.map { index in
                LoadSample(
                    time: series.session.stamp(day: series.days[index / bins], bin: index % bins),
                    load: series.values[index])
            })
    }

    /// One bin; whether the forecaster took it.
    private func take(_ sample: LoadSample) -> Bool {
        let (refused, filled) = counts
        let before = online.lastAnswer
        let answer = online.take(sample)
        guard online.samplesRefused == refused, answer != .unavailable(.closed) else { return false }
        newest = model.features.session.place(sample.time)
        if online.drift == nil, case .forecast(let forecast) = before, online.binsFilled == filled {
            errors.sum += abs(forecast.logMiddle[0] - log(sample.load + 1))
            errors.count += 1
        }
        watchAlarms()
        return true
    }

    private func watchAlarms() {
        guard let drift = online.drift else { return }
        if drift.alarms > alarms {
            alarms = drift.alarms
            binsSinceAlarm = 0
        } else if let bins = binsSinceAlarm {
            let needed = Int((drift.threshold / (1 - drift.slack)).rounded(.up))
            binsSinceAlarm = bins < needed ? bins + 1 : nil
        }
    }

    /// Whether errors are larger than those to expect.
    public var hasDrifted: Bool { binsSinceAlarm != nil }

    /// Takes the rate of a control period and answers what is expected.
    ///
    /// - Parameters:
    ///   - rate: requests a second; nil where it is missing.
    ///   - age: seconds since it was measured.
    ///   - utc: seconds since 1970 UTC, now.
    ///   - isTrading: whether the calendar knows this for a day of trading.
    public func take(_ rate: Double?, age: Double = 0, at utc: Double, isTrading: Bool = true) -> Answer {
        let measured = utc + offset - (age.isFinite ? max(0, age) : 0)
        let place = isTrading ? self.place(measured) : nil
        var ended: LoadSample?
        if let open = gathering, place.map({ $0 != (open.day, open.bin) }) ?? true {
            gathering = nil
            ended = end(open)
        }
        if let place {
            var open = gathering ?? Gathering(day: place.day, bin: place.bin)
            open.periods += 1
            if let rate, rate >= 0, rate.isFinite {
                open.sum += rate
                open.count += 1
                open.first = min(open.first, measured)
                open.last = measured
            }
            gathering = open
        }
        guard isTrading else { return Answer(note: ForecastNote.closed.reason("no day of trading"), ended: ended) }
        var answer = self.answer(local: utc + offset)
        answer.ended = ended
        if answer.forecast != nil, hasDrifted {
            answer.note = ForecastNote.drift.reason("errors one bin ahead have grown for good")
        }
        return answer
    }

    /// Does what the next answer needs and is known already: to be called once an answer is in use.
    public func prepare() { online.prepare() }

    private func place(_ local: Double) -> (day: Int, bin: Int)? {
        guard let time = Self.time(local) else { return nil }
        return model.features.session.bin(at: time.second).map { (time.day, $0) }
    }

    private static func time(_ local: Double) -> CivilTime? {
        guard local >= 0, local < 1e12 else { return nil }
        return CivilTime(day: Int(local) / 86_400, second: Int(local) % 86_400)
    }

    /// The sample of a bin that is over; nil where it had too few rates or is not newer than the last.
    private func end(_ bin: Gathering) -> LoadSample? {
        let session = model.features.session
        let interval = Double(session.intervalSeconds)
        guard bin.count > 0, bin.count * 2 >= bin.periods, (bin.last - bin.first + period) * 2 >= interval else {
            return nil
        }
        let sample = LoadSample(
            time: session.stamp(day: bin.day, bin: bin.bin), load: bin.sum / Double(bin.count) * interval)
        return take(sample) ? sample : nil
    }

    private func answer(local: Double) -> Answer {
        guard let now = Self.time(local), place(local) != nil else {
            return Answer(note: ForecastNote.closed.reason("outside the model's session"))
        }
        switch online.answer(now: now) {
        case .forecast(let forecast):
            let points = points(forecast, local: local)
            return Answer(
                forecast: points,
                note: points == nil ? ForecastNote.closed.reason("the session has no bin after this one") : nil)
        case .rules(let forecast, let reason):
            return Answer(forecast: points(forecast, local: local), note: Self.note(reason))
        case .unavailable(let reason):
            return Answer(note: Self.note(reason))
        }
    }

    private static func note(_ reason: ForecastAnswer.Reason) -> Reason {
        switch reason {
        case .warmingUp(let days): ForecastNote.warmingUp.reason("\(days) whole days are missing")
        case .filling(let bins): ForecastNote.filling.reason("\(bins) bins are missing in the window")
        case .outOfRange(let feature, let deviations):
            ForecastNote.outOfRange.reason(
                "input '\(feature)' is \((deviations * 10).rounded() / 10) deviations from its mean in training")
        case .stale(let bins): ForecastNote.stale.reason("the newest bin is \(bins) bins old")
        case .closed: ForecastNote.closed.reason("outside the model's session")
        }
    }

    /// The middles of the bins ahead that are still to come and within this day's session; nil where there are none.
    private func points(_ forecast: LoadForecast, local: Double) -> RateForecast? {
        guard let newest else { return nil }
        let session = model.features.session
        let interval = Double(session.intervalSeconds)
        var points: [RateForecast.Point] = []
        for ahead in 1...forecast.horizon {
            var day = newest.day
            var bin = newest.bin + ahead
            if bin >= session.binsPerDay {
                guard session.isContinuous else { break }
                (day, bin) = (day + 1, bin - session.binsPerDay)
            }
            let middle = Double(day * 86_400 + session.start(ofBin: bin)) + interval / 2
            guard middle > local, let quantiles = Self.quantiles(forecast, ahead) else { continue }
            points.append(
                .init(ahead: middle - local, q50: quantiles.q50 / interval, q90: quantiles.q90 / interval))
        }
        return points.isEmpty ? nil : RateForecast(points: points)
    }

    /// Quantiles of the standard normal distribution at 0.75 and 0.95.
    private static let (normal75, normal95) = (0.6744897501960817, 1.6448536269514722)

    private static func quantiles(_ forecast: LoadForecast, _ ahead: Int) -> (q50: Double, q90: Double)? {
        guard let q50 = forecast.load(ahead: ahead, level: 0.5), let q75 = forecast.load(ahead: ahead, level: 0.75),
            let q95 = forecast.load(ahead: ahead, level: 0.95)
        else { return nil }
        let share = (RateForecast.normal90 - normal75) / (normal95 - normal75)
        let q90 = exp((1 - share) * log(q75 + 1) + share * log(q95 + 1)) - 1
        return (q50, max(q50, q90))
    }

    /// Puts another model in force, and lets drift be found anew; throws, and changes nothing, where it does not fit.
    ///
    /// - Throws: `PolicyFault` `ForecastModelRefused`.
    public func replace(_ model: NetworkForecaster) throws(PolicyFault) {
        if let fault = Self.fault(of: model, period: period) { throw fault }
        do {
            try online.replace(model)
        } catch {
            throw PolicyFault(ForecastNote.refused.rawValue, error.message)
        }
        online.drift = online.drift.map {
            DriftDetector(expected: $0.expected, slack: $0.slack, threshold: $0.threshold)
        }
        alarms = 0
        binsSinceAlarm = nil
    }
}
