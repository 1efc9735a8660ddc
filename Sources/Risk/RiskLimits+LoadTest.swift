extension RiskLimits {
    /// For load tests: hot accounts send far more than a person may, everything else is judged as at a desk.
    ///
    /// Rules that count messages, open orders and the day's sums only warn (70-80, 114-121), and so do those that
    /// compare with a market a test has not made yet (54-60, 63, 64).
    public static let loadTest: RiskLimits = {
        var limits = RiskLimits()
        let softened: [ClosedRange<UInt8>] = [54...60, 63...64, 70...80, 114...116, 118...119, 121...121]
        for number in softened.joined() { limits.soften(number) }
        return limits
    }()
}
