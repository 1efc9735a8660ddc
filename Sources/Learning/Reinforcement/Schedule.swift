/// A setting that changes linearly from `start` to `end` over the first `fraction` of the budget and then stays.
public struct Schedule: Sendable, Equatable {
    /// Value at the start.
    public let start: Float
    /// Value at the end.
    public let end: Float
    /// Part of the budget after which `end` is reached, above 0 and at most 1.
    public let fraction: Double

    /// From `start` to `end`.
    public static func linear(_ start: Float, _ end: Float, over fraction: Double = 1) -> Schedule {
        precondition(fraction > 0 && fraction <= 1, "fraction \(fraction) of the budget")
        return Schedule(start: start, end: end, fraction: fraction)
    }

    /// One value throughout.
    public static func constant(_ value: Float) -> Schedule { Schedule(start: value, end: value, fraction: 1) }

    /// The value after `progress`, 0...1, of the budget.
    public func value(at progress: Double) -> Float {
        let part = Float(min(max(progress / fraction, 0), 1))
        return start + (end - start) * part
    }
}
