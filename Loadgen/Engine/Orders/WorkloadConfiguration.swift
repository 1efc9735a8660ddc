public import Arrivals

/// What orders look like; see `Workload` for how the figures are used.
public struct WorkloadConfiguration: Sendable, Equatable {
    /// Number of the first client account (FIX tag 1).
    public var accountFirst = 16
    /// Number of client accounts.
    public var accountCount = 100_000
    /// Zipf exponent of the accounts' popularity; 0 is uniform.
    public var accountExponent = 0.99
    /// Zipf exponent of the instruments' popularity.
    public var instrumentExponent = 0.99
    /// Who holds which shares.
    public var holdings = HoldingsRule()
    /// Share of new orders that cross the previous close, 0...1.
    public var marketableShare = 0.3
    /// How far they cross it, in ticks.
    public var aggressiveTicks: Int64 = 3
    /// Mean distance of the others behind it, in ticks, at least 1.
    public var passiveTicksMean = 5.0
    /// Order quantities.
    public var quantities = LognormalLots()

    /// The defaults.
    public init() {}
}
