/// A load a bin over whole days of a session, without holes.
///
/// Bin b of day d is element d · binsPerDay + b: trading time, in which the first bin of a day follows the last of the
/// day before.
public struct LoadSeries: Sendable, Equatable {
    /// A market column that gives the features 14 to 18; without one they are computed from the load.
    public enum Indicator: String, Sendable, CaseIterable {
        case open, high, low, close
        /// Relative bid-ask spread.
        case spread
        /// (bid - ask) / (bid + ask) of the quantities in the book, -1 to 1.
        case imbalance
        /// Cancels per order.
        case cancels
    }

    /// What was done to the rows to get whole days.
    public struct Repairs: Sendable, Equatable {
        /// Rows outside the session, left out.
        public var rowsOutside = 0
        /// Bins without a row that carry the value of the bin before.
        public var binsFilled = 0
        /// Days with too few bins, left out: half days, suspensions, the ends of the file.
        public var daysDropped: [Int] = []

        /// Nothing was done.
        public init() {}
    }

    /// Segments and interval.
    public let session: TradingSession
    /// Days since 1970 of each day, rising.
    public let days: [Int]
    /// Load of each bin, finite and not negative.
    public internal(set) var values: [Double]
    /// Columns of indicators, each as long as `values`.
    public let indicators: [Indicator: [Double]]
    /// What reading changed.
    public let repairs: Repairs

    /// A series of whole days; throws for values that are not finite, negative, or all the same.
    public init(
        session: TradingSession, days: [Int], values: [Double], indicators: [Indicator: [Double]] = [:],
        repairs: Repairs = Repairs()
    ) throws(ForecastError) {
        precondition(values.count == days.count * session.binsPerDay, "\(values.count) values for \(days.count) days")
        precondition(indicators.values.allSatisfy { $0.count == values.count }, "columns of different lengths")
        for (index, value) in values.enumerated() {
            guard value.isFinite else { throw ForecastError(.notFinite, "bin \(index) is \(value)") }
            guard value >= 0 else { throw ForecastError(.negative, "bin \(index) is \(value)") }
        }
        guard zip(days, days.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw ForecastError(.unordered, "days do not rise")
        }
        guard let first = values.first else { throw ForecastError(.tooFewDays, "no whole day of the session") }
        guard values.contains(where: { $0 != first }) else {
            throw ForecastError(.constant, "every value is \(first)")
        }
        self.session = session
        self.days = days
        self.values = values
        self.indicators = indicators
        self.repairs = repairs
    }

    /// Bins of the whole series.
    public var count: Int { values.count }

    /// Number of the first day on or after `day` (days since 1970); the number of days if there is none.
    public func index(ofDay day: Int) -> Int { days.firstIndex { $0 >= day } ?? days.count }

    /// The same series with the load times `factor` from bin `start` on.
    public func scaled(by factor: Double, from start: Int) -> LoadSeries {
        precondition(factor > 0 && factor.isFinite, "a factor of \(factor)")
        var copy = self
        for index in start..<max(start, count) { copy.values[index] *= factor }
        return copy
    }

    /// The first days of the series.
    public func prefix(days count: Int) throws(ForecastError) -> LoadSeries {
        let bins = count * session.binsPerDay
        return try LoadSeries(
            session: session, days: Array(days.prefix(count)), values: Array(values.prefix(bins)),
            indicators: indicators.mapValues { Array($0.prefix(bins)) }, repairs: repairs)
    }
}
