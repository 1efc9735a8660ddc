import Autoscaling
import Synchronization
import Testing

/// What a forecaster is shown of the past.
@Suite struct MetricsHistoryTests {
    /// Remembers the rates it was shown.
    private final class Witness: LoadForecasting {
        let name = "witness"
        let views = Mutex<[[Double]]>([])

        func forecast(_ view: LoadView) -> RateForecast? {
            views.withLock { $0.append(view.observed) }
            return nil
        }
    }

    @Test("Samples that come together are both kept, in order", arguments: [UInt64(1), 2, 3]) func together(
        seed: UInt64
    ) throws {
        let witness = Witness()
        var options = SimulatorOptions.exact(seed: seed)
        // Lags of 0 to 9.9 and 10 to 19.9 s by turns of chance: two samples at one decision, none at the next.
        options.metricLag = 5...15
        options.forecaster = witness
        // The mean of the ten seconds that end at 10 k is 1,000 + 10 k - 5.5.
        let load = LoadTrace(name: "ramp", rates: (0..<1_200).map { 1_000 + Double($0) })
        var simulator = try ChainSimulator(.tradingChain, load, options)
        let still = Decision(services: simulator.targets.map { ServiceDecision(replicas: $0) })
        while !simulator.isOver { _ = simulator.step(still) }
        let views = witness.views.withLock { $0 }
        let last = try #require(views.last)
        let ramp = last.filter { $0 > 1_000.5 }
        #expect(ramp.count > 100)
        for (index, rate) in ramp.enumerated() { #expect(abs(rate - (1_004.5 + 10 * Double(index))) < 1e-6) }
        #expect(zip(views, views.dropFirst()).contains { $1.count - $0.count == 2 }, "two came together")
        for (one, next) in zip(views, views.dropFirst()) { #expect(Array(next.prefix(one.count)) == one) }
    }

    @Test("Measured rates have the noise of counting beside that of metrics", arguments: MetricsPath.allCases)
    func counting(path: MetricsPath) throws {
        for rate in [50.0, 5_000] {
            let witness = Witness()
            var options = SimulatorOptions(seed: 7).reading(path)
            options.forecaster = witness
            var simulator = try ChainSimulator(.tradingChain, .steady(rate: rate, seconds: 20_000), options)
            let still = Decision(services: simulator.targets.map { ServiceDecision(replicas: $0) })
            while !simulator.isOver { _ = simulator.step(still) }
            let seen = try #require(witness.views.withLock { $0 }.last)
            #expect(abs(Double(seen.count) - 20_000 / path.samplingPeriod) < 20)
            // A Poisson count of n has the variance n: 1 / n relative to it.
            let expected = 0.02 * 0.02 + 1 / (rate * path.samplingPeriod)
            let variance = seen.reduce(0) { $0 + ($1 / rate - 1) * ($1 / rate - 1) } / Double(seen.count)
            // The variance of n normal draws is known to sqrt(2 / n); repeated lost samples count for a little.
            #expect(abs(variance / expected - 1) < 5 * (2 / Double(seen.count)).squareRoot(), "\(path) at \(rate)/s")
        }
    }
}
