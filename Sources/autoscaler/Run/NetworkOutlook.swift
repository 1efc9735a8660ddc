internal import Autoscaling
internal import Forecasting
internal import Foundation
internal import Telemetry

/// The trained forecaster of a run with its files: model, past days, measured bins, retraining.
///
/// A model that cannot be read or does not fit is refused and changes nothing: the one before stays, without one
/// persistence answers. Of `model` and the file of retrained ones the newer is read, so that a restart does not undo a
/// retraining. Drift starts one retraining a day at most, on a thread of low priority; its model comes into force where
/// `Retraining` finds it no worse on the newest day.
final class NetworkOutlook {
    private let settings: RunConfiguration.Network
    private let period: Double
    private let error: Double?
    private let folder: URL
    private let metrics: MetricsRegistry
    private var live: LiveForecast?
    private var samples: SampleStore?
    private var retraining: ForecastRetraining?
    private var retrainedAt = -Double.infinity
    private var news: [Reason] = []
    /// Seconds between retrainings.
    private static let retrainingPause = 86_400.0

    /// Reads the model and what it begins with.
    ///
    /// - Parameter error: mean share by which forecasts are wrong in training; nil measures it on the past days.
    /// - Throws: `UserError` where past days or measured bins cannot be read.
    init(
        _ settings: RunConfiguration.Network, period: Double, error: Double?, folder: URL, metrics: MetricsRegistry
    ) throws {
        self.settings = settings
        self.period = period
        self.error = error
        self.folder = folder
        self.metrics = metrics
        metrics.counter("autoscaler_forecast_model_refusals_total", "Forecasters that were refused.").increment(by: 0)
        try begin(path: newestModel)
    }

    private func path(_ name: String) -> String { URL(fileURLWithPath: name, relativeTo: folder).path }

    /// The retrained model where it is newer than the configured one.
    private var newestModel: String {
        func changed(_ path: String) -> Date? {
            (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
        }
        let given = path(settings.model)
        guard !settings.retrained.isEmpty, let own = changed(path(settings.retrained)),
            changed(given).map({ own > $0 }) ?? true
        else { return given }
        return path(settings.retrained)
    }

    /// Makes the forecaster of a file and tells it the past.
    private func begin(path file: String) throws {
        let fresh: LiveForecast
        do {
            let model = try ForecastCheckpoint.read(file)
            fresh = try LiveForecast(model, period: period, offset: settings.offset, error: error)
        } catch {
            return refuse(error)
        }
        let session = fresh.model.features.session
        if let series = try series(session) { fresh.remember(series) }
        if !settings.samples.isEmpty, samples == nil {
            let days = fresh.model.features.profileDays + ForecastRetraining.days
            samples = try SampleStore(path(settings.samples), rowsMax: days * session.binsPerDay)
        }
        if let samples { fresh.remember(samples.rows) }
        if let left = samples?.linesLeftOut, left > 0 {
            news.append(Reason("ForecastSamplesDamaged", "\(left) lines of \(settings.samples) were left out"))
        }
        live = fresh
        news.append(Reason("ForecastModelLoaded", file))
        tellLoaded()
    }

    /// The past days of the configuration; nil where there are none.
    private func series(_ session: TradingSession) throws -> LoadSeries? {
        guard !settings.history.isEmpty else { return nil }
        let files = try settings.history.map { (bytes: try InputFile.read(path($0)), name: $0) }
        do {
            return try SeriesReader(timeColumn: "time", valueColumn: "value", session: session).read(files)
        } catch { throw UserError("forecast.history: \(error)") }
    }

    private func refuse(_ error: any Error) {
        metrics.counter("autoscaler_forecast_model_refusals_total", "Forecasters that were refused.").increment()
        let stands = live == nil ? "the newest rate is forecast" : "the forecaster before stays"
        let text = (error as? PolicyFault)?.description ?? "\(error)"
        news.append(ForecastNote.refused.reason("\(text); \(stands)"))
        tellLoaded()
    }

    private func tellLoaded() {
        metrics.gauge("autoscaler_forecast_model_loaded", "1 while a trained forecaster is loaded.")
            .set(live == nil ? 0 : 1)
    }

    /// What happened since the last call.
    func takeNews() -> [Reason] {
        defer { news = [] }
        return news
    }

    /// Takes the rate of a period at a time of UTC and answers what is expected.
    func take(_ rate: Double?, age: Double, at wall: Double, isTrading: Bool) -> LiveForecast.Answer {
        guard let live else { return count(.init(note: ForecastNote.refused.reason("no forecaster could be read"))) }
        let answer = live.take(rate, age: age, at: wall, isTrading: isTrading)
        if let ended = answer.ended, let samples, !samples.append(ended) {
            news.append(Reason("ForecastSampleLost", "\(settings.samples) cannot be written"))
        }
        let counts = live.counts
        metrics.gauge("autoscaler_forecast_samples_refused", "Bins that the forecaster refused.")
            .set(Double(counts.refused))
        metrics.gauge("autoscaler_forecast_bins_filled", "Bins without a sample that the forecaster filled.")
            .set(Double(counts.filled))
        return count(answer)
    }

    private func count(_ answer: LiveForecast.Answer) -> LiveForecast.Answer {
        if let note = answer.note {
            metrics.counter(
                "autoscaler_forecast_fallbacks_total", "Periods in which the forecast was not the trained model's.",
                [("reason", note.code)]
            ).increment()
        }
        return answer
    }

    /// Prepares the next answer; begins and ends retraining.
    func settle() {
        live?.prepare()
        if let verdict = retraining?.verdict() {
            retraining = nil
            conclude(verdict)
        }
        let now = Outside.now()
        guard let live, live.needsRetraining, let samples, !settings.retrained.isEmpty, retraining == nil,
            now - retrainedAt >= Self.retrainingPause
        else { return }
        retrainedAt = now
        retraining = ForecastRetraining(live.model, samples.rows)
        news.append(Reason("ForecastRetraining", "errors have grown for good; training on \(samples.rows.count) bins"))
    }

    private func conclude(_ verdict: Result<Retraining.Verdict, ForecastError>) {
        var word = "failed"
        do {
            let verdict = try verdict.get()
            let text =
                "error \(FixedText.decimals(verdict.challenger, 4)), of the model in force "
                + "\(FixedText.decimals(verdict.champion, 4)), of the rule \(FixedText.decimals(verdict.rule, 4))"
            if let successor = verdict.successor {
                try live?.replace(successor)
                try ForecastCheckpoint.write(successor, to: path(settings.retrained))
                word = "replaced"
                news.append(Reason("ForecastRetrained", text))
            } else {
                word = "kept"
                news.append(Reason("ForecastKept", text))
            }
        } catch {
            news.append(Reason("ForecastRetrainingFailed", "\(error)"))
        }
        metrics.counter(
            "autoscaler_forecast_retrainings_total", "Retrainings of the forecaster by their end.", [("result", word)]
        ).increment()
    }

    /// Reads the configured model anew; where it is refused all stays.
    func reload() {
        do {
            guard let live else { return try begin(path: path(settings.model)) }
            try live.replace(try ForecastCheckpoint.read(path(settings.model)))
            news.append(Reason("ForecastModelLoaded", path(settings.model)))
        } catch { refuse(error) }
    }

    /// Stops a retraining and waits for its thread.
    func end() async { await retraining?.stop() }
}
