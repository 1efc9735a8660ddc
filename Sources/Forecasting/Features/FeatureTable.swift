internal import Glibc

/// Features, ratios and profiles of a whole series, row i for bin `start` + i of the series.
///
/// Rows are contiguous in trading time, so that a window is a run of rows and the target of row i at horizon h is
/// `ratios[i + h]` over `profiles[i + h]`.
public struct FeatureTable: Sendable {
    /// Settings of the features.
    public let configuration: FeatureStream.Configuration
    /// Days of the series.
    public let days: [Int]
    /// Days of the series before the first row.
    public let daysBefore: Int
    /// 18 numbers a row, not scaled.
    public let features: [Float]
    /// ln(load + 1) minus the profile, one a row.
    public let ratios: [Double]
    /// Profile, one a row.
    public let profiles: [Double]
    /// Load, one a row.
    public let loads: [Double]

    /// Computes the features of every bin after the days that fill the profile.
    public init(_ series: LoadSeries, _ configuration: FeatureStream.Configuration) throws(ForecastError) {
        precondition(series.session == configuration.session, "another session")
        let bins = series.session.binsPerDay
        let before = configuration.warmUpDays
        guard series.days.count > before else {
            throw ForecastError(
                .tooFewDays,
                "\(series.days.count) whole days; the profile alone needs \(before) before the first forecast")
        }
        var columns: [[Double]] = []
        for indicator in configuration.indicators {
            guard let column = series.indicators[indicator] else {
                throw ForecastError(.column, "the series has no column for '\(indicator.rawValue)'")
            }
            columns.append(column)
        }
        var stream = FeatureStream(configuration)
        let rows = series.count - before * bins
        var features: [Float] = []
        var ratios: [Double] = []
        var profiles: [Double] = []
        features.reserveCapacity(rows * Feature.count)
        ratios.reserveCapacity(rows)
        profiles.reserveCapacity(rows)
        for index in 0..<series.count {
            stream.append(
                series.values[index], indicators: columns.map { $0[index] }, day: series.days[index / bins],
                bin: index % bins)
            guard stream.isReady else { continue }
            features += stream.features
            ratios.append(stream.ratios[stream.ratios.count - 1])
            profiles.append(stream.profile[index % bins])
        }
        self.configuration = configuration
        days = series.days
        daysBefore = before
        self.features = features
        self.ratios = ratios
        self.profiles = profiles
        loads = Array(series.values[(before * bins)...])
    }

    /// Number of rows.
    public var rows: Int { ratios.count }

    /// Bins of a day.
    public var bins: Int { configuration.session.binsPerDay }

    /// Bins ahead.
    public var horizon: Int { configuration.horizon }

    /// ln(load + 1) of a row.
    public func logLoad(_ row: Int) -> Double { ratios[row] + profiles[row] }

    /// Bin of the day of a row.
    public func bin(_ row: Int) -> Int { row % bins }

    /// Number of the day of a row in `days`.
    public func dayNumber(_ row: Int) -> Int { daysBefore + row / bins }

    /// First row of a day of the series, at least 0.
    public func firstRow(ofDay number: Int) -> Int { max(0, number - daysBefore) * bins }
}
