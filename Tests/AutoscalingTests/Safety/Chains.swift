import Autoscaling
import TestData

/// Chains and observations of the rules' tests.
enum Chains {
    /// One service of 100 requests a second and replica, 1...50 replicas, ready after exactly 20 s.
    static let single = ChainProfile(services: [
        ServiceProfile(
            name: "risk", bounds: 1...50, serviceTime: 0.01, latencyBudget: 0.05, startup: .init(range: 20...20))
    ])

    /// Three services of different capacities and visits under a budget of processors.
    static let three = ChainProfile(
        classes: ["order", "query"], mix: [0.5, 0.5],
        services: [
            ServiceProfile(name: "a", bounds: 1...40, serviceTime: 0.01, visits: [1, 1], latencyBudget: 0.02),
            ServiceProfile(
                name: "b", bounds: 0...30, processors: 2, workers: 2, serviceTime: 0.02, visits: [1, 0],
                latencyBudget: 0.03),
            ServiceProfile(name: "c", bounds: 2...20, serviceTime: 0.005, visits: [2, 1], latencyBudget: 0.02),
        ], processorBudget: 70)

    /// An observation of `single`.
    static func observe(
        _ time: Double, rate: Double?, ready: Int, pending: Int = 0, draining: Int = 0, age: Double = 0,
        utilisation: Double? = nil, forecast: Double? = nil, market: MarketClock? = MarketClock(sinceOpen: 7_200)
    ) -> Observation {
        Observation(
            time: time, market: market, rate: rate,
            forecast: forecast.map {
                RateForecast(points: [.init(ahead: 0, q50: $0, q90: $0), .init(ahead: 60, q50: $0, q90: $0)])
            },
            services: [
                ServiceObservation(
                    ready: ready, pending: Array(repeating: 5, count: pending), draining: draining, rate: rate,
                    utilisation: utilisation, age: age)
            ])
    }
}

extension SplitMix64 {
    /// A double of 0..<1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number that a metric should not be, now and then; else one of 0..<scale.
    mutating func metric(_ scale: Double) -> Double? {
        switch below(14) {
        case 0: nil
        case 1: .nan
        case 2: .infinity
        case 3: -.infinity
        case 4: -unit() * scale
        case 5: .greatestFiniteMagnitude
        default: unit() * scale
        }
    }
}
