extension ChainProfile {
    /// The eight services of SealOS+ (arXiv 2505.23258, section 1.1 of the paper notes) with assumed figures.
    ///
    /// The paper names the services and the peak of 15,000 requests a second; times, workers and visits are ours, chosen
    /// so that serving that peak at utilisation 0.8 takes 81 replicas, 526.5 replica-hours in a session of 6.5 hours.
    /// Measured services take the place of these figures by `autoscaler calibrate`.
    ///
    /// Classes: an order passes everything; a cancel skips clearing; a query reads account and market data only.
    public static let tradingChain = ChainProfile(
        classes: ["order", "cancel", "query"], mix: [0.5, 0.3, 0.2],
        services: [
            .assumed("account", milliseconds: 0.9, visits: [1, 1, 1], budget: 6),
            .assumed("market-data", milliseconds: 0.8, visits: [1, 1, 1], budget: 5),
            .assumed("commission", milliseconds: 1.2, visits: [1, 1, 0], budget: 7),
            .assumed("risk", milliseconds: 2.0, visits: [1, 1, 0], budget: 11, variation: 0.7),
            .assumed("matching", workers: 1, milliseconds: 0.5, visits: [1, 1, 0], budget: 4, variation: 0.5),
            .assumed("clearing", milliseconds: 2.5, visits: [1, 0, 0], budget: 14),
            .assumed("ledger", milliseconds: 1.6, visits: [1, 1, 0], budget: 9),
            .assumed("notification", milliseconds: 1.0, visits: [1, 1, 0], budget: 6),
        ],
        latencyTarget: 0.05)
}

extension ServiceProfile {
    /// A service of the assumed chain: 1 to 24 replicas of one processor that start in 5 to 30 s.
    fileprivate static func assumed(
        _ name: String, workers: Int = 2, milliseconds: Double, visits: [Double], budget: Double, variation: Double = 1
    ) -> ServiceProfile {
        ServiceProfile(
            name: name, bounds: 1...24, workers: workers, serviceTime: milliseconds / 1_000,
            serviceVariation: variation, visits: visits, latencyBudget: budget / 1_000)
    }
}
