/// The time of a run: the machine's monotonic clock, or a simulated one that jumps where the engine would sleep.
///
/// With a simulated clock a plan of hours against an in-process target takes as long as its work does, and every time
/// in the result is exact.
@frozen
package enum RunClock {
    /// The machine's.
    case monotonic
    /// One that only waiting moves.
    case simulated(SimulatedClock)

    /// Nanoseconds since an arbitrary moment; never goes back.
    func now() -> UInt64 {
        switch self {
        case .monotonic: MonotonicClock.now()
        case .simulated(let clock): clock.now
        }
    }

    var isSimulated: Bool {
        if case .simulated = self { return true }
        return false
    }
}

/// Simulated monotonic time; owned by the engine's thread while a run goes.
package final class SimulatedClock {
    /// Nanoseconds.
    package var now: UInt64

    /// A clock that starts at a second, so that times before the start are not negative.
    package init(now: UInt64 = 1_000_000_000) { self.now = now }
}
