import Forecasting
import Foundation
import Learning
import Testing

@Suite struct OnlineTests {
    /// A forecaster with quantiles and a base, its series, and its table.
    private struct Fixture {
        let series: LoadSeries
        let table: FeatureTable
        let forecaster: NetworkForecaster

        init(hasRidgeBase: Bool = true, levels: [Float]? = NetworkForecaster.Configuration.defaultLevels) throws {
            series = try SyntheticLoad.series(days: 60, seed: 1, persistence: 0.7)
            table = try FeatureTable(series, try .init(session: series.session, horizon: 3, profileDays: 8))
            let trainer = try NetworkTests.trainer(
                NetworkTests.small(hasRidgeBase: hasRidgeBase, levels: levels), table, NetworkTests.settings(epochs: 1))
            _ = try trainer.runEpoch()
            forecaster = trainer.forecaster
        }

        func sample(_ index: Int, load: Double? = nil) -> LoadSample {
            let time = SyntheticLoad.stamp(series.session, day: series.days[index / 40], bin: index % 40)
            return LoadSample(time: time, load: load ?? series.values[index])
        }

        /// Fed with the bins before `end`.
        func online(until end: Int) -> OnlineForecaster {
            let online = OnlineForecaster(forecaster)
            for index in 0..<end { online.take(sample(index)) }
            return online
        }
    }

    @Test("Live answers are those of evaluation over the same bins", arguments: [true, false])
    func parity(hasRidgeBase: Bool) throws {
        let fixture = try Fixture(
            hasRidgeBase: hasRidgeBase, levels: hasRidgeBase ? NetworkForecaster.Configuration.defaultLevels : nil)
        let online = fixture.online(until: 200)
        // Evaluation starts its join where live answers of the network start: once the window is whole.
        let origins = 7..<fixture.table.rows - 3
        var join = fixture.forecaster.joined
        join = CombinedForecaster(
            join.name, join.members, levels: NetworkForecaster.Configuration.defaultLevels, warmUp: 0)
        let expected = join.predict(fixture.table, origins: origins)
        var count = 0
        for index in 200..<fixture.series.count - 3 {
            let row = index - 200
            let answer = online.take(fixture.sample(index))
            guard row >= 7 else {
                #expect(answer.forecast != nil)
                continue
            }
            guard case .forecast(let forecast) = answer else {
                Issue.record("no forecast of the model at row \(row): \(answer)")
                return
            }
            // The first steps differ by the rules' answers while the window filled; their weight fades.
            guard row > 1_500 else { continue }
            for ahead in 1...3 {
                let difference = abs(forecast.logMiddle[ahead - 1] - expected[row, ahead: ahead])
                #expect(difference < 5e-3, "row \(row), \(ahead) ahead: \(difference)")
                count += 1
            }
        }
        #expect(count > 1_500)
    }

    @Test("Before the profile is there the answer is how many days are missing") func warmUp() throws {
        let fixture = try Fixture()
        let online = OnlineForecaster(fixture.forecaster)
        #expect(online.take(fixture.sample(7)) == .unavailable(.warmingUp(daysLeft: 5)), "it waits for a first bin")
        for index in 40..<80 { online.take(fixture.sample(index)) }
        #expect(online.take(fixture.sample(80)) == .unavailable(.warmingUp(daysLeft: 4)))
        for index in 81..<240 { online.take(fixture.sample(index)) }
        guard case .rules(_, .filling(let left)) = online.take(fixture.sample(240)) else {
            Issue.record("the window cannot be whole yet")
            return
        }
        #expect(left == 7)
    }

    @Test("Three missing bins are bridged; after four the rules answer until the window is measured again")
    func gaps() throws {
        let fixture = try Fixture()
        let online = fixture.online(until: 1_005)
        guard case .forecast = online.take(fixture.sample(1_008)) else {
            Issue.record("a gap of three bins is bridged")
            return
        }
        #expect(online.binsFilled == 3)
        #expect(online.take(fixture.sample(1_013)).reason == .filling(binsLeft: 7))
        for index in 1_014..<1_020 { #expect(online.take(fixture.sample(index)).reason != nil) }
        #expect(online.take(fixture.sample(1_020)).reason == nil)
        #expect(online.binsFilled == 7)
    }

    @Test("A half day and a pause of weeks are survived") func halfDay() throws {
        let fixture = try Fixture()
        let online = fixture.online(until: 1_000)
        // Day 25 ends after 15 bins; days 26 to 35 do not come.
        for index in 1_000..<1_015 { online.take(fixture.sample(index)) }
        var answer = online.take(fixture.sample(36 * 40))
        #expect(answer.forecast != nil && answer.reason == .filling(binsLeft: 7))
        for index in 36 * 40 + 1..<36 * 40 + 8 { answer = online.take(fixture.sample(index)) }
        #expect(answer.reason == nil)
        let truth = fixture.series.values[36 * 40 + 8]
        let load = try #require(answer.forecast?.load(ahead: 1))
        #expect(load > truth / 2 && load < truth * 2)
    }

    @Test("Samples that cannot be true are refused and change nothing") func refused() throws {
        let fixture = try Fixture()
        let online = fixture.online(until: 1_010)
        let twin = fixture.online(until: 1_010)
        for load in [Double.nan, .infinity, -1] { online.take(fixture.sample(1_010, load: load)) }
        online.take(fixture.sample(1_009))
        online.take(fixture.sample(900))
        var extra = fixture.sample(1_010)
        extra.indicators = [1]
        online.take(extra)
        #expect(online.samplesRefused == 6)
        let outside = LoadSample(time: CivilTime(day: fixture.series.days[25], second: 3), load: 1)
        #expect(online.take(outside) == .unavailable(.closed))
        #expect(online.take(fixture.sample(1_010)) == twin.take(fixture.sample(1_010)))
    }

    @Test("An answer goes stale with the clock, over the break and the night, and says by how much") func stale() throws
    {
        let fixture = try Fixture()
        let online = fixture.online(until: 1_019)
        func now(_ index: Int) -> CivilTime { fixture.sample(index).time }
        #expect(online.answer(now: now(1_019)) == online.lastAnswer)
        #expect(online.answer(now: now(1_022)) == online.lastAnswer, "four bins later, over the break")
        #expect(online.answer(now: now(1_023)) == .unavailable(.stale(bins: 5)))
        #expect(online.answer(now: now(1_040)) == .unavailable(.stale(bins: 22)))
        func later(_ days: Int) -> CivilTime {
            CivilTime(day: now(1_018).day + days, second: fixture.sample(40).time.second)
        }
        let end = fixture.online(until: 1_040)
        #expect(end.answer(now: later(14)) == end.lastAnswer, "a holiday")
        #expect(end.answer(now: later(15)) == .unavailable(.stale(bins: 41)))
        #expect(online.answer(now: CivilTime(day: fixture.series.days[25], second: 0)) == .unavailable(.closed))
    }

    @Test("Where a feature is far outside its range the rules answer, and the feature is named") func outOfRange()
        throws
    {
        let fixture = try Fixture()
        let online = fixture.online(until: 1_020)
        let answer = online.take(fixture.sample(1_020, load: 1e12))
        guard case .rules(let forecast, .outOfRange(let feature, let deviations)) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(deviations > 12 && [.ratio, .absoluteReturn, .imbalance].contains(feature))
        #expect(forecast.load(ahead: 1).isFinite)
    }

    @Test("A model that does not fit or cannot be read is refused, and the last good one goes on") func replace() throws
    {
        let fixture = try Fixture()
        let online = fixture.online(until: 1_020)
        let twin = fixture.online(until: 1_020)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let bytes = ForecastCheckpoint.file(fixture.forecaster).bytes
        try Data(bytes.dropLast(5)).write(to: URL(fileURLWithPath: path))
        #expect(fault { try online.replace(from: path) }?.code == .checkpoint)
        let other = fixture.forecaster
        let wide = NetworkForecaster(
            other.configuration,
            features: try .init(session: fixture.series.session, horizon: 3, profileDays: 9),
            network: other.network, scaler: other.scaler, targetScales: other.targetScales, ridge: other.ridge)
        #expect(fault { try online.replace(wide) }?.code == .checkpoint)
        #expect(online.take(fixture.sample(1_020)) == twin.take(fixture.sample(1_020)))
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try online.replace(from: path)
        #expect(online.take(fixture.sample(1_021)) == twin.take(fixture.sample(1_021)))
    }

    @Test("Errors that stay twice as large ask for retraining, and a new model starts with a clean slate")
    func drifting() throws {
        let fixture = try Fixture()
        let online = fixture.online(until: 400)
        // Noise of 0.1: the mean error one bin ahead is about 0.1 · 0.8.
        online.drift = DriftDetector(expected: 0.09)
        for index in 400..<1_200 { online.take(fixture.sample(index)) }
        #expect(!online.needsRetraining)
        for index in 1_200..<2_000 {
            let factor = index % 2 == 0 ? 1.25 : 0.8
            online.take(fixture.sample(index, load: fixture.series.values[index] * factor))
        }
        #expect(online.needsRetraining)
        try online.replace(fixture.forecaster)
        #expect(!online.needsRetraining)
    }

    @Test("A challenger replaces the champion only if it is better on days neither was fitted on") func retraining()
        throws
    {
        let fixture = try Fixture()
        var retraining = Retraining()
        retraining.judgeDays = 5
        retraining.windowsPerEpoch = 640
        retraining.learningRate = 3e-3
        let verdict = try retraining.run(fixture.forecaster, on: fixture.series)
        #expect(verdict.champion.isFinite && verdict.challenger.isFinite && verdict.rule.isFinite)
        #expect(
            (verdict.successor != nil) == (verdict.challenger <= verdict.champion && verdict.challenger < verdict.rule))
        // A huge step ruins the weights: the challenger must lose, or training must say that it diverged.
        retraining.learningRate = 10
        retraining.epochs = 1
        do {
            let ruined = try retraining.run(fixture.forecaster, on: fixture.series)
            #expect(ruined.successor == nil && ruined.champion == verdict.champion)
        } catch {
            #expect(error.code == .diverged)
        }
        #expect(try retraining.run(fixture.forecaster, on: fixture.series, shouldStop: { true }).successor == nil)
        let short = try fixture.series.prefix(days: 8)
        #expect(fault { _ = try retraining.run(fixture.forecaster, on: short) }?.code == .tooFewDays)
    }
}

extension ForecastAnswer {
    /// Why the model is silent; nil if it is not.
    fileprivate var reason: Reason? {
        switch self {
        case .forecast: nil
        case .rules(_, let reason), .unavailable(let reason): reason
        }
    }
}
