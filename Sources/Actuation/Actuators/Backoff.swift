/// How a call is tried again: pauses that double, and a limit on tries and on the whole time.
public struct Backoff: Sendable, Equatable {
    /// Tries at most, the first included.
    public var triesMax = 5
    /// The first pause, seconds.
    public var first = 0.2
    /// The longest pause, seconds, also where the other side asks for more.
    public var pauseMax = 3.0
    /// No try begins later than this after the first, seconds.
    public var wholeMax = 8.0

    /// The defaults.
    public init() {}

    /// The pause before try `number` (2, 3, ...); nil where no more is allowed after `elapsed` seconds.
    public func pause(before number: Int, after elapsed: Double, asked: Double?) -> Double? {
        guard number <= triesMax else { return nil }
        let doubled = first * Double(1 << min(max(number - 2, 0), 16))
        let pause = min(max(doubled, asked ?? 0), pauseMax)
        return elapsed + pause <= wholeMax ? pause : nil
    }
}
