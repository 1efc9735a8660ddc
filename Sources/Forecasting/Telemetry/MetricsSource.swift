/// Turns two readings of a service's metrics into the sample of the bin between them: the load as the growth of a
/// counter, and the market columns that the model reads.
///
/// A pure function of its arguments: who fetches the page, and when, is the caller's. The 18 features follow from the
/// samples of several days, so they are computed where these are kept: `OnlineForecaster.take` makes them from this
/// sample, by the `FeatureStream` that training used.
public struct MetricsSource: Sendable, Equatable {
    /// Some series of a page.
    public struct Selection: Sendable, Equatable {
        /// Name of the metric.
        public var name: String
        /// Labels that a series must have, such as `direction="in"`; the series that have them are summed.
        public var labels: [String]

        /// The series of `name` with `labels`.
        public init(_ name: String, _ labels: [String] = []) {
            self.name = name
            self.labels = labels
        }

        /// The metric as in a query: `name{a="x"}`.
        public var text: String { labels.isEmpty ? name : "\(name){\(labels.joined(separator: ","))}" }
    }

    /// How a market column comes from a page.
    public enum Column: Sendable, Equatable {
        /// The value as it stands, of a gauge such as a last price, a relative spread or a book imbalance.
        case gauge(Selection)
        /// Growth of one counter over that of another within the bin, as cancels per order; 0 where the other stood
        /// still.
        case ratio(Selection, per: Selection)
    }

    /// A page and when it was read.
    public struct Reading: Sendable, Equatable {
        /// The page.
        public var page: MetricsText
        /// Seconds of a clock that does not jump.
        public var seconds: Double

        /// A page read at `seconds`.
        public init(_ page: MetricsText, seconds: Double) {
            self.page = page
            self.seconds = seconds
        }
    }

    /// The counter whose growth is the load.
    public var load: Selection
    /// Market columns by what they are.
    public var columns: [LoadSeries.Indicator: Column]
    /// How far the time between two readings may be from the length of a bin, as a share of it.
    public var toleranceMax: Double

    /// A source of the load `load` and the market columns `columns`.
    public init(
        load: Selection, columns: [LoadSeries.Indicator: Column] = [:], toleranceMax: Double = 0.2
    ) throws(ForecastError) {
        guard toleranceMax >= 0, toleranceMax < 1 else {
            throw ForecastError(.configuration, "a tolerance of \(toleranceMax); 0 to 1")
        }
        self.load = load
        self.columns = columns
        self.toleranceMax = toleranceMax
    }

    /// The gateway's load: FIX messages that came in.
    public static func gateway() throws(ForecastError) -> MetricsSource {
        try MetricsSource(load: Selection("fix_messages_total", ["direction=\"in\""]))
    }

    /// The sample of the bin that ends with `reading`.
    ///
    /// The growth is scaled to the length of a bin, so readings that come a little early or late give the same load.
    ///
    /// - Throws: `.metric` where a page lacks a metric, a counter went back (the service began anew) or a value is not
    ///   finite; `.unordered` where the readings are not in order; `.configuration` where a column of the model has no
    ///   source; `.stale` where the time between the readings is not that of a bin.
    public func sample(
        _ reading: Reading, after previous: Reading, time: CivilTime, features: FeatureStream.Configuration
    ) throws(ForecastError) -> LoadSample {
        let interval = Double(features.session.intervalSeconds)
        let elapsed = reading.seconds - previous.seconds
        guard elapsed > 0 else { throw ForecastError(.unordered, "readings \(elapsed) seconds apart") }
        guard abs(elapsed - interval) <= toleranceMax * interval else {
            throw ForecastError(.stale, "readings \(elapsed) seconds apart; a bin has \(interval)")
        }
        var indicators: [Double] = []
        for indicator in features.indicators {
            guard let column = columns[indicator] else {
                throw ForecastError(.configuration, "no metric for the model's column '\(indicator.rawValue)'")
            }
            switch column {
            case .gauge(let gauge): indicators.append(try value(gauge, reading.page))
            case .ratio(let part, let whole):
                let total = try growth(whole, reading.page, previous.page)
                let share = try growth(part, reading.page, previous.page)
                indicators.append(total > 0 ? share / total : 0)
            }
        }
        let growth = try growth(load, reading.page, previous.page)
        return LoadSample(time: time, load: growth * interval / elapsed, indicators: indicators)
    }

    private func growth(
        _ counter: Selection, _ page: MetricsText, _ previous: MetricsText
    ) throws(ForecastError) -> Double {
        let now = try value(counter, page)
        let before = try value(counter, previous)
        guard now >= before else {
            throw ForecastError(.metric, "counter \(counter.text) fell from \(before) to \(now)")
        }
        return now - before
    }

    private func value(_ selection: Selection, _ page: MetricsText) throws(ForecastError) -> Double {
        guard let value = page.sum(selection.name, selection.labels) else {
            throw ForecastError(.metric, "no metric \(selection.text)")
        }
        guard value.isFinite else { throw ForecastError(.metric, "metric \(selection.text) is \(value)") }
        return value
    }
}
