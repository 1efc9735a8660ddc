import Autoscaling
import Forecasting
import Foundation
import Learning
import TestData
import Testing

@Suite("A trained forecaster on the rates of a sidecar") struct LiveForecastTests {
    /// Bins of a minute, 10:00 to 11:00 and 13:00 to 14:00, a load that is 600 a second times a shape, and a network.
    struct Fixture {
        let series: LoadSeries
        let model: NetworkForecaster
        static let bins = 120

        /// Load of a bin without its noise: counts a minute.
        static func shape(_ bin: Int) -> Double { 36_000 * exp(0.5 * cos(2 * .pi * Double(bin) / Double(bins))) }

        init(stamp: TradingSession.Stamp = .end, hasIndicator: Bool = false) throws {
            let session = try TradingSession(
                name: "test", segments: [36_000..<39_600, 46_800..<50_400], intervalSeconds: 60, stamp: stamp)
            var random = TestData.SplitMix64(seed: 3)
            var values: [Double] = []
            for _ in 0..<20 {
                for bin in 0..<Self.bins {
                    let noise = 0.04 * (Double(random.next() >> 11) * 0x1p-53 - 0.5)
                    values.append(Self.shape(bin) * exp(noise))
                }
            }
            let indicators: [LoadSeries.Indicator: [Double]] =
                hasIndicator ? [.close: values.map { _ in 10 }] : [:]
            series = try LoadSeries(
                session: session, days: Array(20_000..<20_020), values: values, indicators: indicators)
            let table = try FeatureTable(
                series,
                try .init(session: session, horizon: 3, profileDays: 5, indicators: hasIndicator ? [.close] : []))
            let kind = NetworkForecaster.Configuration(
                name: "small",
                network: .init(
                    kind: .lstm, hidden: 8, layers: 1, dropout: 0, targets: 3,
                    quantiles: QuantileHead(levels: NetworkForecaster.Configuration.defaultLevels)), window: 8,
                hasRidgeBase: true)
            let split = try DaySplit(table, testDay: 18, validationDays: 2, calibrationDays: 0, window: 8)
            var settings = ForecastTrainer.Configuration()
            settings.epochs = 1
            settings.windowsPerEpoch = 320
            settings.threads = 1
            let trainer = try ForecastTrainer(kind, table, split, settings)
            _ = try trainer.runEpoch()
            model = trainer.forecaster
        }

        static let shared = Result { try Fixture() }

        /// A forecaster that remembers all days, in UTC + 8 h.
        func live(period: Double = 10) throws -> LiveForecast {
            let live = try LiveForecast(model, period: period, offset: 28_800)
            #expect(live.remember(series) == series.count)
            return live
        }

        /// UTC of a second of the next day.
        static func utc(_ second: Double, day: Int = 20_020) -> Double { Double(day) * 86_400 + second - 28_800 }

        /// Rates of 10 s as the shape has them, from the first minute of the next day on; the answers.
        static func run(
            _ live: LiveForecast, minutes: Range<Int>, factor: Double = 1, isKnown: (Int) -> Bool = { _ in true }
        ) -> [LiveForecast.Answer] {
            minutes.flatMap { minute in
                (0..<6).map { step in
                    let second = Double(minute < 60 ? 36_000 + minute * 60 : 46_800 + (minute - 60) * 60)
                    let rate = shape(minute) / 60 * factor
                    return live.take(isKnown(minute) ? rate : nil, at: utc(second + Double(step) * 10 + 5))
                }
            }
        }
    }

    @Test("Each minute ends with its mean as a count, and the next minutes are forecast as rates with their times")
    func wholeMinutes() throws {
        let live = try Fixture.shared.get().live()
        let answers = Fixture.run(live, minutes: 0..<30)
        let ended = answers.compactMap(\.ended)
        #expect(ended.count == 29)
        for (minute, sample) in ended.enumerated() {
            #expect(abs(sample.load - Fixture.shape(minute)) < 1e-6 * sample.load)
            #expect(sample.time == CivilTime(day: 20_020, second: 36_000 + (minute + 1) * 60), "stamped at its end")
        }
        // After the window's 8 bins all answers are the network's.
        #expect(answers.dropFirst(60).allSatisfy { $0.note == nil && $0.forecast != nil })
        // At 10:29:05 the newest bin ended at 10:29; three bins are ahead, the first one's middle in 25 s.
        let forecast = try #require(answers[29 * 6].forecast)
        #expect(forecast.points.map(\.ahead) == [25, 85, 145])
        for (ahead, point) in forecast.points.enumerated() {
            let truth = Fixture.shape(29 + ahead) / 60
            #expect(abs(point.q50 / truth - 1) < 0.05, "\(point) of \(truth)")
            #expect(point.q90 >= point.q50 && point.q90 < truth * 1.2)
        }
        #expect(live.counts.refused == 0 && live.counts.filled == 0)
    }

    @Test("The 90th percentile lies between those of the levels around it, as a normal distribution of logs has it")
    func quantile() throws {
        let fixture = try Fixture.shared.get()
        let live = try fixture.live()
        let twin = OnlineForecaster(fixture.model)
        for (index, load) in fixture.series.values.enumerated() {
            twin.take(
                LoadSample(
                    time: fixture.series.session.stamp(day: fixture.series.days[index / 120], bin: index % 120),
                    load: load))
        }
        let answers = Fixture.run(live, minutes: 0..<12)
        for sample in answers.compactMap(\.ended) { twin.take(sample) }
        let expected = try #require(twin.lastAnswer.forecast)
        let point = try #require(answers.last?.forecast?.points.first)
        // Five seconds before a minute ends its middle is past: the first point is the second bin ahead.
        let q50 = try #require(expected.load(ahead: 2, level: 0.5))
        let logs = try [0.75, 0.95].map { log(try #require(expected.load(ahead: 2, level: $0)) + 1) }
        // z is 1.2816 at 0.9, 0.6745 at 0.75, 1.6449 at 0.95.
        let q90 = exp(logs[0] + (1.2816 - 0.6745) / (1.6449 - 0.6745) * (logs[1] - logs[0])) - 1
        #expect(abs(point.q50 * 60 - q50) < 1e-6 * q50)
        #expect(abs(point.q90 * 60 - q90) < 1e-4 * q90)
    }

    @Test("Breaks, nights and holidays are closed; a bin with too few rates is filled, and a gap is told")
    func gaps() throws {
        let live = try Fixture.shared.get().live()
        #expect(live.take(600, at: Fixture.utc(30_000)).note?.code == "ForecastClosed")
        #expect(live.take(600, at: Fixture.utc(36_005), isTrading: false).note?.code == "ForecastClosed")
        _ = Fixture.run(live, minutes: 0..<60)
        let noon = live.take(600, at: Fixture.utc(43_000))
        #expect(noon.note?.code == "ForecastClosed" && noon.forecast == nil, "the last bin before the break has ended")
        #expect(noon.ended?.time == CivilTime(day: 20_020, second: 39_600))
        // Two minutes without rates are bridged; six are not: the rules answer until the window is measured again.
        let bridged = Fixture.run(live, minutes: 60..<80) { $0 != 70 && $0 != 71 }
        #expect(bridged.suffix(6).allSatisfy { $0.note == nil } && live.counts.filled == 2)
        let lost = Fixture.run(live, minutes: 80..<90) { $0 < 82 || $0 > 87 }
        #expect(lost.contains { $0.note?.code == "ForecastStale" && $0.forecast == nil })
        #expect(lost.last?.note?.code == "ForecastFilling" && lost.last?.forecast != nil)
        let close = Fixture.run(live, minutes: 90..<120)
        let points = try #require(close.dropLast(6).last?.forecast?.points)
        #expect(points.count == 1, "of three bins ahead one is left before the close")
        #expect(close.last?.forecast == nil && close.last?.note?.code == "ForecastClosed")
    }

    @Test("Rates that cannot be, and clocks that go back, never become samples") func badInput() throws {
        let live = try Fixture.shared.get().live()
        for rate in [Double.nan, .infinity, -1] {
            for step in 0..<6 { _ = live.take(rate, at: Fixture.utc(36_005 + Double(step) * 10)) }
        }
        #expect(live.take(600, at: Fixture.utc(36_065)).ended == nil)
        _ = Fixture.run(live, minutes: 1..<20)
        let refused = live.counts.refused
        _ = Fixture.run(live, minutes: 5..<7)
        #expect(live.counts.refused > refused)
        #expect(live.take(600, at: .nan).note?.code == "ForecastClosed")
        #expect(live.take(600, at: -1e20).note?.code == "ForecastClosed")
        #expect(live.take(600, age: .infinity, at: Fixture.utc(38_000)).note != nil)
    }

    @Test("A load far from training is told as out of range, and the rules answer with what is there")
    func outOfRange() throws {
        let live = try Fixture.shared.get().live()
        _ = Fixture.run(live, minutes: 0..<20)
        let flash = Fixture.run(live, minutes: 20..<24, factor: 50)
        #expect(flash.last?.note?.code == "ForecastOutOfRange", "\(String(describing: flash.last?.note))")
        let q50 = try #require(flash.last?.forecast?.points.first?.q50)
        #expect(q50 > 5 * Fixture.shape(24) / 60)
    }

    @Test("Errors that have grown for good are drift until another model comes") func drift() throws {
        let fixture = try Fixture.shared.get()
        let live = try LiveForecast(fixture.model, period: 10, offset: 28_800, error: 0.005)
        live.remember(fixture.series)
        var random = TestData.SplitMix64(seed: 9)
        var answers: [LiveForecast.Answer] = []
        for minute in 0..<60 {
            // Noise of ±40 % where training had 2 %.
            let factor = exp(0.8 * (Double(random.next() >> 11) * 0x1p-53 - 0.5))
            answers += Fixture.run(live, minutes: minute..<minute + 1, factor: factor)
        }
        #expect(live.needsRetraining && live.hasDrifted)
        #expect(answers.last?.note?.code == "ForecastDrift" && answers.last?.forecast != nil)
        try live.replace(fixture.model)
        #expect(!live.needsRetraining && !live.hasDrifted)
    }

    @Test("A model that needs what is not measured, or other bins, is refused; the one in force stays") func refused()
        throws
    {
        let fixture = try Fixture.shared.get()
        func refusal(_ body: () throws -> Void) -> String? {
            do {
                try body()
                return nil
            } catch { return (error as? PolicyFault)?.description }
        }
        let priced = try Fixture(hasIndicator: true).model
        #expect(refusal { _ = try LiveForecast(priced, period: 10) }?.contains("reads the columns close") == true)
        #expect(
            refusal { _ = try LiveForecast(fixture.model, period: 61) }?.contains("shorter than the period") == true)
        var file = ForecastCheckpoint.file(fixture.model)
        for (name, tensor) in file.tensors where name.hasPrefix("head.") {
            guard case .float32(let values) = tensor.elements else { continue }
            file.tensors[name] = .init(shape: tensor.shape, .float32(values.map { _ in .nan }))
        }
        if let wild = try? ForecastCheckpoint.forecaster(file) {
            #expect(refusal { _ = try LiveForecast(wild, period: 10) }?.contains("not finite") == true)
        }
        let live = try fixture.live()
        let other = try Fixture(stamp: .start).model
        #expect(refusal { try live.replace(other) }?.contains("other sessions") == true)
        #expect(live.model.features == fixture.model.features)
        #expect(Fixture.run(live, minutes: 0..<12).last?.note == nil, "it goes on as before")
    }
}
