/// Tells when errors have grown for good: Page-Hinkley's test on errors relative to those of the validation days.
///
/// z = |error| / expected |error|; the sum of z - 1 - `slack` above its least value so far is the evidence, and passing
/// `threshold` raises the alarm. Errors that are twice the expected raise it after threshold / (1 - slack) bins; errors
/// as expected never build up evidence for long. z is cut at 10, so that one outlier is not an alarm.
public struct DriftDetector: Sendable, Equatable {
    /// Mean |error| of logs expected.
    public let expected: Double
    /// Growth that is tolerated, as a share.
    public let slack: Double
    /// Evidence that raises the alarm.
    public let threshold: Double
    /// Evidence so far.
    public private(set) var evidence = 0.0
    /// Alarms so far.
    public private(set) var alarms = 0

    /// A detector without evidence.
    public init(expected: Double, slack: Double = 0.3, threshold: Double = 100) {
        precondition(expected > 0 && slack > 0 && threshold > 0, "settings of drift detection")
        self.expected = expected
        self.slack = slack
        self.threshold = threshold
    }

    /// Takes an error of ln(load + 1); true raises the alarm and starts anew. Errors that are not finite count as 10.
    public mutating func observe(error: Double) -> Bool {
        let ratio = error.isFinite ? min(abs(error) / expected, 10) : 10
        evidence = max(0, evidence + ratio - 1 - slack)
        guard evidence > threshold else { return false }
        evidence = 0
        alarms += 1
        return true
    }
}
