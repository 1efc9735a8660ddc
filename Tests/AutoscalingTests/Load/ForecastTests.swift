import Autoscaling
import Foundation
import TestData
import Testing

@Suite struct ForecastTests {
    /// Errors of a forecaster over a day as the simulator would feed it: samples of 10 s, `noise` noisy, 15 s old.
    static func errors(
        of forecaster: any LoadForecasting, on load: LoadTrace, noise: Double = 0.02, from start: Int = 300,
        until end: Int = .max
    ) -> (relative: [Double], coverage: [Double]) {
        var forecaster = forecaster
        var random = SplitMix64(seed: 8)
        var observed: [Double] = []
        var sums = [Double](repeating: 0, count: RateForecast.horizons.count)
        var hits = sums
        var count = 0.0
        for time in stride(from: 20, to: min(end, load.duration - 130), by: 10) {
            let normal = (0..<12).reduce(-6) { sum, _ in sum + Double(random.below(1 << 30)) / Double(1 << 30) }
            observed.append(load.mean(time - 20..<time - 10) * (1 + noise * normal))
            let view = LoadView(
                time: Double(time), market: load.market(at: Double(time)), observed: observed, age: 15, period: 10,
                truth: load)
            guard let forecast = forecaster.forecast(view), time >= start else { continue }
            count += 1
            for (index, point) in forecast.points.enumerated() {
                let truth = load.mean(time + Int(point.ahead) - 5..<time + Int(point.ahead) + 5)
                sums[index] += abs(point.q50 - truth) / truth
                hits[index] += truth <= point.q90 ? 1 : 0
            }
        }
        return (sums.map { $0 / count }, hits.map { $0 / count })
    }

    @Test("The yardstick is the truth; with an error it has that error and a q90 that holds 90 %") func perfect() throws
    {
        let load = try TradingDayLoad.bursty.load(seed: 3)
        let truth = Self.errors(of: PerfectForecast(), on: load)
        #expect(truth.relative.allSatisfy { $0 < 1e-12 })
        let noisy = Self.errors(of: PerfectForecast(logError: 0.2, seed: 5), on: load)
        // E|e^(0.2 z) - 1| = 0.16; half of the mass above the truth at q50, 90 % at q90.
        #expect(noisy.relative.allSatisfy { abs($0 - 0.16) < 0.015 })
        #expect(noisy.coverage.allSatisfy { abs($0 - 0.9) < 0.03 })
    }

    @Test("Persistence repeats the newest rate and covers 90 %") func persistence() throws {
        let load = try TradingDayLoad.mild.load(seed: 3)
        var forecaster = PersistenceForecast()
        let view = LoadView(time: 0, market: nil, observed: [3, 7], age: 15, period: 10, truth: load)
        let found = forecaster.forecast(view)
        let forecast = try #require(found)
        #expect(forecast.points.map(\.q50) == [7, 7, 7, 7, 7, 7] && forecast.isSound)
        #expect(forecast.points.map(\.ahead) == RateForecast.horizons)
        var empty = view
        empty.observed = []
        let nothing = forecaster.forecast(empty)
        #expect(nothing == nil)
        let errors = Self.errors(of: PersistenceForecast(), on: load, from: 2_400)
        #expect(errors.coverage.allSatisfy { $0 > 0.82 && $0 < 0.96 }, "\(errors.coverage)")
    }

    @Test("Fitted on other days, it knows the open and beats persistence", arguments: [0.25, 0.6])
    func trained(deviation: Double) throws {
        var day = TradingDayLoad()
        day.deviation = deviation
        let forecaster = try TrainedForecast(days: try (0..<18).map { try day.load(seed: UInt64($0)) })
        var relative = [[Double]]()
        var coverage = [[Double]]()
        var opens: [(own: Double, naive: Double)] = []
        for seed in 200..<205 {
            let load = try day.load(seed: UInt64(seed))
            let own = Self.errors(of: forecaster, on: load)
            let naive = Self.errors(of: PersistenceForecast(), on: load)
            relative.append(zip(own.relative, naive.relative).map { $0 / $1 })
            coverage.append(own.coverage)
            // From 110 s before the open to 20 s after it, the day's jump lies within reach.
            let open = Self.errors(of: forecaster, on: load, from: 490, until: 620)
            let late = Self.errors(of: PersistenceForecast(), on: load, from: 490, until: 620)
            opens.append((open.relative[5], late.relative[5]))
        }
        #expect(opens.reduce(0) { $0 + $1.own } < 0.75 * opens.reduce(0) { $0 + $1.naive }, "\(opens)")
        for index in 0..<6 {
            #expect(relative.map { $0[index] }.reduce(0, +) / 5 < 1, "\(relative)")
            #expect(abs(coverage.map { $0[index] }.reduce(0, +) / 5 - 0.9) < 0.05, "\(coverage)")
        }
    }

    @Test("Without a calendar it follows the course alone; wrong samples and few days are told") func limits() throws {
        let shape = (0..<7_200).map { 1_000 * (2 + sin(Double($0) / 600)) }
        let days = (0..<4).map { LoadTrace(name: "d\($0)", rates: Array(shape[($0 * 500)...])) }
        var forecaster = try TrainedForecast(days: days)
        let errors = Self.errors(of: forecaster, on: LoadTrace(name: "x", rates: shape), noise: 0)
        let naive = Self.errors(of: PersistenceForecast(), on: LoadTrace(name: "x", rates: shape), noise: 0)
        #expect(errors.relative[5] < 0.6 * naive.relative[5])
        let view = LoadView(time: 0, market: nil, observed: [5], age: 15, period: 30, truth: days[0])
        let other = forecaster.forecast(view)
        #expect(other == nil, "samples of another length")
        var dated = try TrainedForecast(days: try (0..<4).map { try TradingDayLoad.mild.load(seed: UInt64($0)) })
        let timeless = dated.forecast(
            LoadView(time: 0, market: nil, observed: [5], age: 15, period: 10, truth: days[0]))
        #expect(timeless == nil, "a profile of the day without a clock")
        #expect(throws: SimulationFault.self) { try TrainedForecast(days: Array(days.prefix(2))) }
        #expect(throws: SimulationFault.self) {
            try TrainedForecast(days: days + [LoadTrace(name: "short", rates: [1, 2])])
        }
        #expect(throws: SimulationFault.self) {
            try TrainedForecast(days: days + [LoadTrace(name: "bad", rates: [Double](repeating: .nan, count: 4_000))])
        }
    }

    @Test(
        "Days count by the samples that they give to fit and errors: at the limit they do, one sample less is refused",
        arguments: [
            // Eight days of n samples give 6 and 2 times ceil((n - 22) / 2) rows; 140 for 14 inputs and 36 are needed, so
            // 24 a day: n = 69.
            (days: 8, samples: 69, period: 1), (8, 69, 10),
            // Samples of ten minutes are looked one ahead: 38 give ceil((38 - 7) / 2) = 16 rows a day, 144 in 9 days.
            (13, 38, 600),
        ])
    func minimum(days: Int, samples: Int, period: Int) throws {
        func loads(_ days: Int, _ samples: Int) -> [LoadTrace] {
            (0..<days).map { day in
                LoadTrace(
                    name: "day \(day)",
                    rates: (0..<samples * period).map { 500 + 100 * sin(Double(($0 / period * 37 + day * 11) % 101)) })
            }
        }
        _ = try TrainedForecast(days: loads(days, samples), period: period)
        let fewer = samples - 2 + samples % 2
        let shorter = #expect(throws: SimulationFault.self) {
            try TrainedForecast(days: loads(days, fewer), period: period)
        }
        #expect("\(try #require(shorter))".contains("too few samples of \(period) s"))
        #expect(throws: SimulationFault.self) { try TrainedForecast(days: loads(days - 2, samples), period: period) }
        var torn = loads(days, samples)
        torn[1].rates.removeLast(torn[1].rates.count - 7 * period)
        let fault = #expect(throws: SimulationFault.self) { try TrainedForecast(days: torn, period: period) }
        #expect("\(try #require(fault))".contains("load 'day 1' is too short"))
        let odd = #expect(throws: SimulationFault.self) { try TrainedForecast(days: loads(3, 99), period: 601) }
        #expect("\(try #require(odd))".contains("samples of 601 s"))
    }

    @Test("In the simulator a forecast comes from metrics, not from the load") func seam() throws {
        let day = TradingDayLoad.mild
        let days = try (0..<6).map { try day.load(seed: UInt64($0)) }
        let load = try day.load(seed: 50)
        var changed = load
        for second in 1_000..<changed.rates.count { changed.rates[second] = 1 }
        var options = SimulatorOptions(seed: 1)
        options.forecaster = try TrainedForecast(days: days)
        var (a, b) = (
            try ChainSimulator(.tradingChain, load, options), try ChainSimulator(.tradingChain, changed, options)
        )
        let decision = Decision(services: (0..<8).map { _ in ServiceDecision(replicas: 12) })
        for _ in 0..<100 {
            #expect(a.observation.forecast == b.observation.forecast)
            #expect(a.observation.forecast?.isSound == true)
            _ = a.step(decision)
            _ = b.step(decision)
        }
    }
}
