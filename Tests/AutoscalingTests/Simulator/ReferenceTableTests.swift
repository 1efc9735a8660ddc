import Autoscaling
import Foundation
import Testing

/// The order of the rows of the reference run (autoscaling.md section 13): the same day, peak, start-up and metric lag;
/// its prototype had no noise, no drops and one unnamed chain, so orders are compared and not figures.
@Suite struct ReferenceTableTests {
    struct Row {
        var violations = 0.0
        var hours = 0.0
    }

    /// Means over three days from the open to the close, peak 15,000 a second; `isSlow` is metrics of 30 s read 15 s
    /// late, which the reference gave to HPA alone.
    static func run(
        _ make: () throws -> any ScalingPolicy, deviation: Double, isSlow: Bool,
        forecaster: (any LoadForecasting)? = nil
    ) throws -> Row {
        var day = TradingDayLoad()
        day.deviation = deviation
        day.leadIn = 0
        var (row, violations, ended) = (Row(), 0.0, 0.0)
        for seed in 300..<303 {
            var options = SimulatorOptions.exact(seed: UInt64(seed))
            if isSlow {
                options.metricLag = 15...15
                options.samplingPeriod = 30
            }
            options.forecaster = forecaster
            var simulator = try ChainSimulator(.tradingChain, try day.load(seed: UInt64(seed)), options)
            var policy = try make()
            while !simulator.isOver {
                let observation = simulator.observation
                let decision =
                    (try? policy.decide(observation))
                    ?? Decision(services: simulator.targets.map { ServiceDecision(replicas: $0) })
                policy.applied(decision, at: observation.time)
                let outcome = simulator.step(decision)
                violations += outcome.violations
                ended += outcome.completed + outcome.dropped
                row.hours += outcome.replicaSeconds / 3_600 / 3
            }
        }
        row.violations = 100 * violations / ended
        return row
    }

    static func hpa(_ percent: Int, stabilisation: Double? = nil) throws -> any ScalingPolicy {
        var configuration = HPAConfiguration(metrics: [.cpu(percent: percent)])
        if let stabilisation {
            var rules = ScalingRules.downDefault
            rules.stabilisation = stabilisation
            configuration.behavior = HPABehavior(down: rules)
        }
        return try HPAPolicy(.tradingChain, configuration)
    }

    static func forecastRule(utilisation: Double) throws -> any ScalingPolicy {
        var settings = ForecastRule.Settings()
        settings.rule = RateRule.Settings(utilisation: utilisation, downWindow: 120)
        settings.latencyShare = nil
        settings.quantile = 0.95
        settings.lookahead = 15
        return try ForecastRule(.tradingChain, settings)
    }

    @Test("Static, HPA, reactive and forecast rules stand in the reference's order", arguments: [0.25, 0.6])
    func order(deviation: Double) throws {
        func row(
            _ forecaster: (any LoadForecasting)? = nil, isSlow: Bool = false, _ make: () throws -> any ScalingPolicy
        ) throws -> Row {
            try Self.run(make, deviation: deviation, isSlow: isSlow, forecaster: forecaster)
        }
        let still = try row { try StaticPolicy(.tradingChain, peak: 15_000) }
        let usual = try row(isSlow: true) { try Self.hpa(70) }
        let careful = try row(isSlow: true) { try Self.hpa(50) }
        let hasty = try row(isSlow: true) { try Self.hpa(70, stabilisation: 60) }
        let reactive = try row { try ReactiveRule(.tradingChain, RateRule.Settings(utilisation: 0.7, downWindow: 120)) }
        let forecast = try row(PerfectForecast(logError: 0.1)) { try Self.forecastRule(utilisation: 0.7) }
        let perfect = try row(PerfectForecast()) { try Self.forecastRule(utilisation: 0.8) }
        let table =
            "static \(still) hpa70 \(usual) hpa50 \(careful) hpa70/60s \(hasty) reactive \(reactive) "
            + "forecast \(forecast) perfect \(perfect)"
        #expect(still.violations == 0 && abs(still.hours - 526.5) < 0.1, "\(table)")
        #expect(hasty.violations > usual.violations && usual.violations > careful.violations, "\(table)")
        #expect(careful.hours > usual.hours && usual.hours > hasty.hours, "\(table)")
        #expect(still.hours > careful.hours, "\(table)")
        #expect(reactive.violations < usual.violations, "\(table)")
        #expect(forecast.violations < 0.1 && forecast.violations < reactive.violations, "\(table)")
        #expect(forecast.hours < careful.hours && forecast.hours < 0.45 * still.hours, "\(table)")
        #expect(perfect.violations < careful.violations + 0.1 && perfect.hours < forecast.hours, "\(table)")
    }
}
