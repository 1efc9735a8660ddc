internal import Glibc

/// Turns one load a bin into the 18 features of that bin, the profile of the bins ahead, and the history that linear
/// models read: the one place where features are computed, for training, evaluation and live use.
///
/// A bin's features depend on that bin and earlier ones only. The first days fill the profile and give no sample.
public struct FeatureStream: Sendable {
    /// Settings that a trained model depends on.
    public struct Configuration: Sendable, Equatable {
        /// Session of the series.
        public var session: TradingSession
        /// Bins ahead that are forecast: 1...horizon.
        public var horizon: Int
        /// Days in the mean of the profile, once there are so many.
        public var profileDays: Int
        /// Columns that come with each load, in this order.
        public var indicators: [LoadSeries.Indicator]

        /// Settings; throws for a horizon outside 1...60 or of a day and more, and for a profile outside 5...250 days.
        public init(
            session: TradingSession, horizon: Int = 5, profileDays: Int = 60, indicators: [LoadSeries.Indicator] = []
        ) throws(ForecastError) {
            guard (1...60).contains(horizon), horizon < session.binsPerDay else {
                throw ForecastError(.configuration, "a horizon of \(horizon) bins; 1 to 60 and less than a day")
            }
            guard (5...250).contains(profileDays) else {
                throw ForecastError(.configuration, "a profile of \(profileDays) days; 5 to 250")
            }
            self.session = session
            self.horizon = horizon
            self.profileDays = profileDays
            self.indicators = indicators
        }

        /// Days before the first sample.
        public var warmUpDays: Int { max(5, session.daysPerWeek) }
    }

    /// Settings.
    public let configuration: Configuration
    /// Profile of the current day.
    public private(set) var profile: [Double] = []
    /// Ratios of the last whole days and of today, the newest last; at least `historyDays` days once there are so many.
    public private(set) var ratios: [Double] = []
    /// The 18 features of the newest bin; meaningful while `isReady`.
    public private(set) var features = [Float](repeating: 0, count: Feature.count)
    /// ln(load + 1) of the newest bin.
    public private(set) var logLoad = 0.0
    /// Day and bin of the newest load.
    public private(set) var day = 0
    public private(set) var bin = -1

    private var recentProfile: [Double] = []
    private var logDays: [[Double]] = []
    private var today: [Double] = []
    private var excess = 0.0
    private var pause = 0.0
    private var market = MarketState()

    /// Weight of the newest ratio: 1 - 2^(-1/60).
    private static let excessWeight = 0.011_485_979_648
    /// Whole days of ratios that are kept.
    static let historyDays = 8

    /// A stream before its first load.
    public init(_ configuration: Configuration) { self.configuration = configuration }

    /// Whether `features` holds a sample: the profile has its first days.
    public var isReady: Bool { logDays.count >= configuration.warmUpDays && bin >= 0 }

    /// Takes the load of the next bin in trading time.
    ///
    /// The first bin of a day starts it. `indicators` are in the order of the configuration.
    public mutating func append(_ load: Double, indicators: [Double] = [], day: Int, bin: Int) {
        precondition(indicators.count == configuration.indicators.count, "\(indicators.count) indicators")
        precondition(load >= 0 && load.isFinite, "a load of \(load)")
        if bin == 0 { startDay(day) }
        precondition(day == self.day && bin == self.bin + 1, "bin \(bin) of day \(day) is not the next one")
        self.bin = bin
        logLoad = log(load + 1)
        today.append(logLoad)
        let ratio = logDays.isEmpty ? 0 : logLoad - profile[bin]
        ratios.append(ratio)
        excess += Self.excessWeight * (ratio - excess)
        market.append(configuration.indicators, indicators)
        if isReady { computeFeatures() }
    }

    private mutating func startDay(_ day: Int) {
        let bins = configuration.session.binsPerDay
        precondition(today.isEmpty || today.count == bins, "day \(self.day) ended after \(today.count) bins")
        if !today.isEmpty { logDays.append(today) }
        pause = today.isEmpty ? 0 : log(Double(max(1, day - self.day)))
        today.removeAll(keepingCapacity: true)
        if logDays.count > configuration.profileDays { logDays.removeFirst(logDays.count - configuration.profileDays) }
        profile = Self.mean(logDays[...], bins)
        recentProfile = Self.mean(logDays.suffix(5), bins)
        if ratios.count > Self.historyDays * bins { ratios.removeFirst(ratios.count - Self.historyDays * bins) }
        self.day = day
        bin = -1
    }

    private static func mean(_ days: ArraySlice<[Double]>, _ bins: Int) -> [Double] {
        var sum = [Double](repeating: 0, count: bins)
        for day in days { for bin in 0..<bins { sum[bin] += day[bin] } }
        return days.isEmpty ? sum : sum.map { $0 / Double(days.count) }
    }

    /// Whole days seen.
    public var wholeDays: Int { logDays.count }

    /// ln(load + 1) of a bin of the current day if the newest ratio lasts.
    func followed(bin: Int) -> Double { profile[bin] + (ratios.last ?? 0) }

    /// Profile of the bin `ahead` bins after the newest; in the next day as that day will have it.
    public func profile(ahead: Int) -> Double { profile(ahead: ahead, days: configuration.profileDays, profile) }

    private func profile(ahead: Int, days: Int, _ current: [Double]) -> Double {
        let bins = configuration.session.binsPerDay
        let target = bin + ahead
        if target < bins { return current[target] }
        let last = logDays.suffix(days - 1)
        return (last.reduce(0) { $0 + $1[target - bins] } + today[target - bins]) / Double(last.count + 1)
    }

    private mutating func computeFeatures() {
        let session = configuration.session
        let horizon = configuration.horizon
        let last = ratios.count - 1
        set(.ratio, ratios[last] - excess)
        set(.ratio1, ratios[last - 1] - excess)
        set(.ratio2, ratios[last - 2] - excess)
        set(.ratio3, ratios[last - 3] - excess)
        let bins = session.binsPerDay
        set(.yesterday, change(after: last - bins))
        set(.lastWeek, change(after: last - bins * session.daysPerWeek))
        let change = (1...horizon).reduce(0.0) {
            $0 + profile(ahead: $1, days: 5, recentProfile) - profile(ahead: $1)
        }
        set(.recentProfile, change / Double(horizon))
        set(.mean12, mean(last: 12) - excess)
        set(.excess, excess)
        let angle = 2 * Double.pi * Double(bin) / Double(bins)
        set(.sine, sin(angle))
        set(.cosine, cos(angle))
        if session.isContinuous {
            set(.edge, [0, 6].contains(((day + 4) % 7 + 7) % 7) ? 1 : 0)
        } else {
            let edges = session.edges(ofBin: bin)
            set(.edge, exp(-Double(edges.sinceOpen) / 10) - exp(-Double(edges.toClose) / 10))
        }
        set(.pause, pause)
        computeMarket(last)
    }

    private mutating func computeMarket(_ last: Int) {
        set(.absoluteReturn, market.absoluteReturn ?? abs(ratios[last] - ratios[last - 1]))
        set(.volatility, market.volatility ?? deviation(last: 15))
        set(.spread, market.spread ?? mean(last: 60) - excess)
        set(.imbalance, market.imbalance ?? ratios[last] - ratios[max(last - 10, 0)])
        set(.shock, market.shock ?? mean(last: 5) - mean(last: 30))
    }

    private mutating func set(_ feature: Feature, _ value: Double) { features[feature.rawValue] = Float(value) }

    /// Mean ratio of the bins ahead of a past bin, less that of the 12 bins up to it.
    private func change(after row: Int) -> Double {
        mean(from: row + 1, count: configuration.horizon) - mean(from: row - 11, count: 12)
    }

    private func mean(last count: Int) -> Double { mean(from: ratios.count - count, count: count) }

    private func mean(from start: Int, count: Int) -> Double {
        let end = min(max(start + count, 1), ratios.count)
        let range = min(max(start, 0), end - 1)..<end
        return ratios[range].reduce(0, +) / Double(max(range.count, 1))
    }

    private func deviation(last count: Int) -> Double {
        let center = mean(last: count)
        let range = max(ratios.count - count, 0)..<ratios.count
        return (ratios[range].reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(range.count)).squareRoot()
    }
}
