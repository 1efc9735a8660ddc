/// One test of a schedule: a figure, what it should be, and whether it is within its bound.
public struct ArrivalTest: Sendable, Equatable {
    /// `count`, `dispersion_1ms`, `ks_exponential`, `anderson_darling`, `lag1_correlation`, `spearman`, `even_gaps`,
    /// `replayed_counts`, `replayed_times`.
    public let name: String
    /// The figure measured.
    public let value: Double
    /// What the process predicts, where that is a single figure.
    public let expected: Double?
    /// The figure that is judged: the distance from the prediction in the unit of the bound.
    public let score: Double?
    /// The score passes up to this, either sign; at 0.1 % two-sided where it is a significance level.
    public let bound: Double?
    /// Whether the score is within the bound; nil where it cannot be judged, see the note.
    public let passed: Bool?
    /// What score and bound are, or why there is no judgement.
    public let note: String

    /// A test that is judged.
    init(_ name: String, value: Double, expected: Double?, score: Double, bound: Double, note: String) {
        (self.name, self.value, self.expected, self.note) = (name, value, expected, note)
        (self.score, self.bound, passed) = (score, bound, abs(score) <= bound)
    }

    /// A figure without judgement.
    init(_ name: String, value: Double, expected: Double?, unjudged note: String) {
        (self.name, self.value, self.expected, self.note) = (name, value, expected, note)
        (score, bound, passed) = (nil, nil, nil)
    }
}

/// What `ArrivalCheck` found.
public struct ArrivalSummary: Sendable, Equatable {
    /// Arrivals seen.
    public let count: Int
    /// Arrivals the process expects over the profile.
    public let expected: Double
    /// Length of the profile in seconds.
    public let seconds: Double
    /// First and last arrival, nanoseconds; nil without arrivals.
    public let first: UInt64?
    /// Last arrival.
    public let last: UInt64?
    /// The most arrivals in one window of 1 ms, and of 1 s.
    public let busiestMillisecond: Int
    /// The most arrivals in one window of 1 s.
    public let busiestSecond: Int
    /// FNV-1a over the times as little-endian 64-bit words taken whole: the same seed has the same on every machine.
    public let checksum: UInt64
    /// The tests in a fixed order.
    public let tests: [ArrivalTest]

    /// Whether no test failed.
    public var passed: Bool { tests.allSatisfy { $0.passed != false } }
}
