/// The later half of a test with its load times 1.5: what a lasting shift of the mean does to a forecaster.
public struct ShiftedTest: Sendable {
    /// What the load is multiplied by.
    public static let factor = 1.5

    /// The series with the shift.
    public let table: FeatureTable
    /// Origins from the first shifted day on.
    public let origins: Range<Int>

    /// Shifts the later half of the days from day number `testDay` on; `end` is the end of the test's origins.
    public init(
        _ series: LoadSeries, _ features: FeatureStream.Configuration, testDay: Int, end: Int
    ) throws(ForecastError) {
        let middle = testDay + (series.days.count - testDay) / 2
        table = try FeatureTable(
            series.scaled(by: Self.factor, from: middle * series.session.binsPerDay), features)
        origins = min(table.firstRow(ofDay: middle), end)..<end
        guard !origins.isEmpty else { throw ForecastError(.tooFewDays, "no day to shift in the test") }
    }

    /// An evaluation of the shifted days; `train` are the rows of MASE's denominator.
    public func evaluation(_ series: String, train: Range<Int>) -> Evaluation {
        Evaluation("\(series), load x 1.5", table, test: origins, train: train)
    }
}
