internal import Engine

/// A condition on the figures with what was measured, as reports show it.
public struct JudgedCondition: Sendable, Equatable {
    /// The condition as written.
    public var expression: String
    /// What is measured, for people: `response time p99 of order.new requests`.
    public var subject: String
    /// `<`, `<=`, `>`, `>=`, `==`, `!=`.
    public var comparison: String
    /// Nanoseconds, a ratio or a number.
    public var limit: Double
    /// As `limit`; nil without data.
    public var actual: Double?
    /// Whether it holds; never without data.
    public var isMet: Bool
    /// What the numbers are.
    public var unit: Unit

    /// Kinds of numbers.
    public enum Unit: String, Sendable, CaseIterable {
        /// Nanoseconds; microseconds in summaries.
        case duration = "us"
        /// 0...1.
        case ratio
        /// Anything else.
        case number = ""

        /// A value of this kind as people read it.
        public func format(_ value: Double) -> String {
            switch self {
            case .duration: Readable.duration(value)
            case .ratio: Readable.percent(value)
            case .number: Readable.number(value)
            }
        }
    }

    /// A value as people read it.
    public func format(_ value: Double) -> String { unit.format(value) }

    /// The measured value as people read it.
    public var readableActual: String { actual.map(format) ?? "no data" }
    /// The limit with its comparison.
    public var readableLimit: String { "\(comparison) \(format(limit))" }
}

extension JudgedCondition {
    /// A judged threshold.
    init(_ result: ThresholdResult) {
        let threshold = result.threshold
        self.init(
            expression: threshold.text, subject: threshold.readableName, comparison: threshold.comparison.rawValue,
            limit: threshold.limit, actual: result.actual, isMet: result.isMet, unit: threshold.unit)
    }
}
