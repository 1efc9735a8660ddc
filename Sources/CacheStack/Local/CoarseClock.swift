internal import Glibc

extension MonotonicTime {
    /// The time at the kernel's last tick and two ticks more, in a few nanoseconds; for reads of L1 in great numbers.
    ///
    /// CLOCK_MONOTONIC_COARSE stands still between ticks of 1 to 10 ms. Two of them are added, so that as a rule what
    /// is judged by it is taken for a little older than it is. It is no bound: a tick that comes late, as on a virtual
    /// machine that was not running, leaves it behind by as much. A birth needs `TimeSource.now`.
    public static func coarse() -> MonotonicTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) + 2 * tick)
    }

    /// Nanoseconds between two ticks.
    private static let tick: Int64 = {
        var time = timespec()
        unsafe clock_getres(CLOCK_MONOTONIC_COARSE, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }()
}
