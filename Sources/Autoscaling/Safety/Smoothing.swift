internal import Glibc

/// An exponentially weighted mean for readings that come at any distance in time.
///
/// A reading `dt` seconds after the last has the weight `1 - exp(-dt / timeConstant)`.
public struct ExponentialMean: Sendable, Equatable {
    /// Seconds in which a step is followed to 63 %.
    public let timeConstant: Double
    /// The mean; nil before the first reading.
    public private(set) var value: Double?
    private var time = 0.0

    /// A mean without readings; `timeConstant` is in seconds, 0 keeps the last reading.
    public init(timeConstant: Double) { self.timeConstant = timeConstant }

    /// Takes a finite reading and returns the mean; a time that goes back counts as no time.
    @discardableResult
    public mutating func add(_ reading: Double, at time: Double) -> Double {
        defer { self.time = max(self.time, time) }
        guard let value else {
            self.value = reading
            return reading
        }
        let elapsed = max(0, time - self.time)
        let weight = timeConstant > 0 ? 1 - exp(-elapsed / timeConstant) : 1
        let next = value + weight * (reading - value)
        self.value = next
        return next
    }
}
