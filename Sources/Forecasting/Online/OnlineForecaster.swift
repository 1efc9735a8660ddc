internal import Glibc
internal import Learning

/// Forecasts live: takes one sample a bin, keeps profile, window and weights, and answers median and quantiles of the
/// next bins, or says why it cannot.
///
/// After the same bins its state is that of evaluation: both run `FeatureStream` and `ForecastCombiner`. Bins without a
/// sample follow the profile at the last ratio, so that a hole does not distort the days' profile; after more than
/// `gapBinsMax` of them the rules answer until the window holds measured bins only. Samples that cannot be true (not
/// finite, negative, not later than the last) are refused and counted. A model that does not fit is refused, and the
/// old one stays. The network answers whole windows from the zero state, as it was trained: `RecurrentRollingPredictor`
/// has all but a last step of each window done before its sample comes, if `prepare` is called between samples. Not for
/// use from several threads at once.
public final class OnlineForecaster {
    /// Settings of a live forecaster.
    public struct Configuration: Sendable, Equatable {
        /// Bins in a row that may lack a sample.
        public var gapBinsMax = 3
        /// Deviations from the training mean beyond which a feature is out of range.
        public var deviationsMax: Float = 12

        /// The defaults above.
        public init() {}
    }

    /// Settings.
    public let configuration: Configuration
    /// The model in force.
    public private(set) var model: NetworkForecaster
    /// Bins without a sample so far.
    public private(set) var binsFilled = 0
    /// Samples refused so far.
    public private(set) var samplesRefused = 0
    /// Watches the errors one bin ahead, if it is set; its owner knows what errors to expect.
    public var drift: DriftDetector?
    /// Whether errors have grown for good since this model came into force: time to retrain.
    public private(set) var needsRetraining = false
    /// What the newest sample led to.
    public private(set) var lastAnswer: ForecastAnswer

    private var stream: FeatureStream
    private var combiner: ForecastCombiner
    private var rolling: RecurrentRollingPredictor
    /// Scaled features of the last bins, the newest last.
    private var window: [Float] = []
    /// Measured bins in a row, up to the window.
    private var measured = 0
    private var ewma = 0.0
    private var spread: [Double]
    private var lastSample: LoadSample?

    /// A forecaster without history: feed it the last whole days first, from the first bin of a day on.
    public init(_ model: NetworkForecaster, _ configuration: Configuration = Configuration()) {
        self.model = model
        self.configuration = configuration
        stream = FeatureStream(model.features)
        combiner = Self.combiner(model)
        rolling = RecurrentRollingPredictor(model.network.copy(), steps: model.configuration.window)
        spread = [Double](repeating: 0, count: model.features.horizon * combiner.levels.count)
        lastAnswer = .unavailable(.warmingUp(daysLeft: model.features.warmUpDays))
    }

    private static func combiner(_ model: NetworkForecaster) -> ForecastCombiner {
        ForecastCombiner(
            experts: model.joined.members.count, horizon: model.features.horizon,
            levels: NetworkForecaster.Configuration.defaultLevels)
    }

    private var bins: Int { model.features.session.binsPerDay }

    /// The last answer if it is recent: `.stale` if more than `gapBinsMax` bins of the session have passed since.
    public func answer(now: CivilTime) -> ForecastAnswer {
        guard let place = model.features.session.place(now) else { return .unavailable(.closed) }
        guard stream.bin >= 0 else { return lastAnswer }
        let age =
            place.day == stream.day ? place.bin - stream.bin : bins - stream.bin + place.bin + missingBins(place.day)
        return age > configuration.gapBinsMax + 1 ? .unavailable(.stale(bins: age)) : lastAnswer
    }

    /// Bins of whole days without a sample before `day`; in a session with nights, up to two weeks may be a holiday.
    private func missingBins(_ day: Int) -> Int {
        let free = model.features.session.isContinuous ? 1 : Self.holidayDaysMax
        return max(0, day - stream.day - free) * bins
    }

    /// Longest pause of a market that is taken for a holiday, in days.
    private static let holidayDaysMax = 14

    /// Takes the sample of a bin and returns what is expected after it.
    @discardableResult
    public func take(_ sample: LoadSample) -> ForecastAnswer {
        guard let (day, bin) = model.features.session.place(sample.time) else { return .unavailable(.closed) }
        let isLater = stream.bin < 0 || day > stream.day || (day == stream.day && bin > stream.bin)
        guard sample.load.isFinite, sample.load >= 0, sample.indicators.allSatisfy(\.isFinite), isLater,
            sample.indicators.count == model.features.indicators.count
        else {
            samplesRefused += 1
            return answer(now: sample.time)
        }
        if stream.bin < 0, bin != 0 { return lastAnswer }
        let daysMissing = stream.bin < 0 ? 0 : missingBins(day)
        let filledBefore = binsFilled
        if stream.bin >= 0, day != stream.day { fill(before: bins, day: stream.day) }
        fill(before: bin, day: day)
        let gap = binsFilled - filledBefore + daysMissing
        if gap > 0 { combiner.forgetPending() }
        if gap > configuration.gapBinsMax { measured = 0 }
        lastSample = sample
        append(sample.load, sample.indicators, day: day, bin: bin)
        measured = min(measured + 1, model.configuration.window)
        if gap == 0, let forecast = lastAnswer.forecast,
            drift?.observe(error: forecast.logMiddle[0] - stream.logLoad) == true
        {
            needsRetraining = true
        }
        lastAnswer = stream.isReady ? expected() : warmingUp
        return lastAnswer
    }

    /// Does what the next forecast needs and is known already, so that `take` has one step of the network left: to be
    /// called once an answer is in use. Without it `take` does the same first.
    public func prepare() { rolling.advance() }

    /// The 18 features of the newest bin, not scaled; nil while the profile has not its first days.
    public var features: [Float]? { stream.isReady ? stream.features : nil }

    private var warmingUp: ForecastAnswer {
        .unavailable(.warmingUp(daysLeft: max(1, model.features.warmUpDays - stream.wholeDays)))
    }

    /// Bins without a sample, up to and without `bin`.
    private func fill(before bin: Int, day: Int) {
        guard let lastSample else { return }
        var next = day == stream.day ? stream.bin + 1 : 0
        while next < bin {
            let load = stream.isReady && next > 0 ? max(0, exp(stream.followed(bin: next)) - 1) : lastSample.load
            append(load, lastSample.indicators, day: day, bin: next)
            binsFilled += 1
            next += 1
        }
    }

    private func append(_ load: Double, _ indicators: [Double], day: Int, bin: Int) {
        stream.append(load, indicators: indicators, day: day, bin: bin)
        guard stream.isReady else { return }
        ewma = 0.5 * (stream.ratios.last ?? 0) + 0.5 * ewma
        let scaled = model.scaler.scaled(stream.features)
        rolling.step(scaled.span)
        window += scaled
        let length = model.configuration.window * Feature.count
        if window.count > length { window.removeFirst(window.count - length) }
    }

    /// Why the network cannot be asked now; nil if it can.
    private var obstacle: ForecastAnswer.Reason? {
        let missing = max(
            model.configuration.window - measured, model.configuration.window - window.count / Feature.count)
        if missing > 0 { return .filling(binsLeft: missing) }
        if let worst = model.scaler.outlier(stream.features, deviationsMax: configuration.deviationsMax) {
            return .outOfRange(worst.feature, deviations: worst.deviations)
        }
        return nil
    }

    /// One step of the join; without the network its place, and that of the regression, is taken by the rules.
    private func expected() -> ForecastAnswer {
        let obstacle = obstacle
        var outputs: [Float] = []
        if obstacle == nil {
            outputs = rolling.withOutputs { $0.array }
        }
        let horizon = model.features.horizon
        var forecasts: [Double] = []
        for ahead in 1...horizon {
            let profile = stream.profile(ahead: ahead)
            let weighted = profile + ewma
            let last = stream.ratios.count - 1
            if obstacle == nil {
                let base =
                    model.ridge?.ratio(
                        ratios: stream.ratios, row: last, features: stream.features[...], ahead: ahead, bins: bins) ?? 0
                forecasts.append(profile + base + read(outputs, ahead))
                if model.ridge != nil { forecasts.append(profile + base) }
            } else {
                forecasts.append(weighted)
                if model.ridge != nil { forecasts.append(weighted) }
            }
            forecasts += [stream.logLoad, weighted]
        }
        let forecast = combiner.step(truth: stream.logLoad, forecasts: forecasts, spread: spread)
        return obstacle.map { .rules(forecast, $0) } ?? .forecast(forecast)
    }

    /// The network's middle for a bin ahead; keeps its spread.
    private func read(_ outputs: [Float], _ ahead: Int) -> Double {
        let scale = Double(model.targetScales[ahead - 1])
        let width = max(model.levels.count, 1)
        let first = (ahead - 1) * width
        let middle = outputs[first + (model.levels.firstIndex(of: 0.5) ?? 0)]
        if model.levels == combiner.levels {
            for level in 0..<width {
                spread[(ahead - 1) * width + level] = scale * Double(outputs[first + level] - middle)
            }
        }
        return scale * Double(middle)
    }

    /// Puts another model in force; throws, and changes nothing, if it reads other features or is not finite.
    ///
    /// Weights and corrections stay where the number of forecasters joined is the same.
    public func replace(_ newModel: NetworkForecaster) throws(ForecastError) {
        guard newModel.features == model.features else {
            throw ForecastError(.checkpoint, "model '\(newModel.name)' is for other sessions, horizons or columns")
        }
        guard newModel.network.parameters.allSatisfy(\.isFinite) else {
            throw ForecastError(.notFinite, "model '\(newModel.name)' holds weights that are not finite")
        }
        if newModel.joined.members.count != model.joined.members.count { combiner = Self.combiner(newModel) }
        if newModel.scaler != model.scaler {
            window.removeAll()
            measured = 0
        }
        model = newModel
        needsRetraining = false
        rolling = RecurrentRollingPredictor(newModel.network.copy(), steps: newModel.configuration.window)
        // A local, because a span of a property would outlive the access to it.
        let kept = window
        for start in stride(from: 0, to: kept.count, by: Feature.count) {
            rolling.step(kept.span.extracting(start..<start + Feature.count))
        }
    }

    /// Reads a model from a file and puts it in force; on any error the model in force stays.
    public func replace(from path: String) throws(ForecastError) { try replace(try ForecastCheckpoint.read(path)) }
}
