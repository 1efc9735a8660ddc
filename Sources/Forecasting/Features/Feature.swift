/// The 18 inputs of a step, all known when its bin ends: past load, time, market.
///
/// "Ratio" is ln(load + 1) minus its profile, the mean of ln(load + 1) in the same bin over the last days; bins "ahead"
/// are those the forecast is for; "level" is the exponentially weighted ratio with a half-life of 60 bins. All features
/// but `excess` are differences, so a lasting shift of the load moves that one alone. Where the series has no column for
/// a market feature, it is computed from the ratio.
public enum Feature: Int, Sendable, CaseIterable {
    /// Ratio of this bin and of the three bins before it, less the level.
    case ratio, ratio1, ratio2, ratio3
    /// Mean ratio of the bins ahead a day and a week ago, less that of the 12 bins up to now then.
    case yesterday, lastWeek
    /// Mean profile of the bins ahead over the last five days, less the long one.
    case recentProfile
    /// Mean ratio of the last 12 bins, less the level.
    case mean12
    /// The level: how far the load has lately been above its profile.
    case excess
    /// Sine and cosine of the time of day.
    case sine, cosine
    /// e^(-bins since the segment opened / 10) - e^(-bins until it closes / 10); on 24x7 1 on a weekend day.
    case edge
    /// ln of the days since the last day of load: 0 after a normal night.
    case pause
    /// ln(|log return| + 1e-5); else |change of the ratio|.
    case absoluteReturn
    /// ln of the realised volatility of 15 bins; else the deviation of the ratio over 15 bins.
    case volatility
    /// Relative spread; else ln(high / low), logged; else the mean ratio of 60 bins, less the level.
    case spread
    /// Book imbalance; else (close - open) / (high - low); else the change of the ratio over 10 bins.
    case imbalance
    /// Cancels per order; else the range of the last 10 bins over that of the last hours; else the mean ratio of 5 bins
    /// less that of 30.
    case shock

    /// How many there are.
    public static let count = 18

    /// The names in order, as checkpoints store them.
    public static var names: [String] { allCases.map { "\($0)" } }
}
