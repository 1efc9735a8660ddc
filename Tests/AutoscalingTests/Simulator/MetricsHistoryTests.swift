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
}
