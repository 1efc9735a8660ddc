/// The rungs of the safety ladder, the most able first; a lower one needs less to be known.
///
/// | rung | needs | decides by |
/// | --- | --- | --- |
/// | learned | all services fresh, a sound forecast, an enabled model | the learned policy, inside the shield |
/// | forecast | a sound forecast that has not drifted | the calibrated forecast rule |
/// | reactive | one service with fresh numbers | the rule on what is offered now |
/// | hold | a decision made on data | that decision, or more where data say so |
/// | floor | nothing | what is there, raised to the schedule's floor |
public enum LadderLevel: Int, Sendable, CaseIterable, Comparable {
    case learned
    case forecast
    case reactive
    case hold
    case floor

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The word of journal and metrics.
    public var word: String {
        switch self {
        case .learned: "learned"
        case .forecast: "forecast"
        case .reactive: "reactive"
        case .hold: "hold"
        case .floor: "floor"
        }
    }

    /// The rung of a word; nil for others.
    public init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }

    /// Whether a policy decides there, from data.
    public var needsData: Bool { self <= .reactive }
}
