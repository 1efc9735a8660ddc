/// Whole days in order: training, validation, calibration, test.
///
/// Each part's origins are the rows from which a forecast starts. An origin is in a part only if all its targets are;
/// validation and calibration also leave out the origins whose window would reach back into the part before. So no
/// number that a part is judged by was seen while fitting.
public struct DaySplit: Sendable, Equatable {
    /// Origins by part.
    public let train: Range<Int>
    public let validation: Range<Int>
    public let calibration: Range<Int>
    public let test: Range<Int>

    /// Splits `table` so that the test starts at day number `testDay`; throws where a part has no room.
    ///
    /// The test is empty if `testDay` is the number of days, calibration if it has no days.
    ///
    /// - Parameters:
    ///   - window: steps of a model's window.
    ///   - validationDays, calibrationDays: whole days taken from the end of the days before the test.
    public init(
        _ table: FeatureTable, testDay: Int, validationDays: Int, calibrationDays: Int, window: Int
    ) throws(ForecastError) {
        let calibrationDay = testDay - calibrationDays
        let validationDay = calibrationDay - validationDays
        let trainDays = validationDay - table.daysBefore
        guard testDay <= table.days.count, validationDays > 0, calibrationDays >= 0, window > 0 else {
            throw ForecastError(.configuration, "no day to validate on, or a test past the last day")
        }
        guard trainDays > 0, trainDays * table.bins > window + table.horizon else {
            throw ForecastError(
                .tooFewDays,
                "\(testDay) days before the test; \(table.daysBefore) fill the profile, \(validationDays) "
                    + "validate, \(calibrationDays) calibrate, and training needs a window of \(window) bins more")
        }
        let ends = [validationDay, calibrationDay, testDay, table.days.count].map { table.firstRow(ofDay: $0) }
        let ahead = table.horizon
        train = min(window - 1, ends[0] - ahead)..<(ends[0] - ahead)
        validation = min(ends[0] + window, ends[1] - ahead)..<(ends[1] - ahead)
        calibration = min(ends[1] + window, ends[2] - ahead)..<(ends[2] - ahead)
        test = ends[2]..<max(ends[2], ends[3] - ahead)
        guard !validation.isEmpty, calibrationDays == 0 || !calibration.isEmpty else {
            throw ForecastError(.tooFewDays, "validation or calibration has no whole window of \(window) bins")
        }
    }

    /// Splits `table` for judging what is trained already: a test from day number `testDay` on, and the days before it.
    public init(_ table: FeatureTable, testDay: Int, window: Int) throws(ForecastError) {
        let days = (window + table.horizon) / table.bins + 1
        try self.init(table, testDay: testDay, validationDays: days, calibrationDays: 0, window: window)
    }

    /// Everything before the test: what baselines are fitted on.
    public var fit: Range<Int> { train.lowerBound..<max(validation.upperBound, calibration.upperBound) }
}
