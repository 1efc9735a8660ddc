internal import Glibc

/// A point on the process's own monotonic clock (CLOCK_MONOTONIC); only differences mean anything.
@frozen
public struct MonotonicTime: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    /// The point `nanoseconds` after the clock's own start.
    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable
    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }

    /// The point `duration` later.
    public static func + (a: MonotonicTime, duration: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: a.nanoseconds + duration.nanoseconds)
    }

    /// The time from `b` to `a`.
    public static func - (a: MonotonicTime, b: MonotonicTime) -> Duration {
        .nanoseconds(a.nanoseconds - b.nanoseconds)
    }
}

/// Where the stack gets its time from: the clock and the sleeping, so that tests can own both.
public struct TimeSource: Sendable {
    /// Reads the monotonic clock.
    public let now: @Sendable () -> MonotonicTime
    /// Waits; throws `CancellationError` when the task is cancelled.
    public let sleep: @Sendable (Duration) async throws -> Void

    /// A source of those two functions.
    public init(
        now: @escaping @Sendable () -> MonotonicTime, sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    /// The machine's clock.
    public static let system = TimeSource {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    } sleep: { duration in
        try await Task.sleep(for: duration)
    }
}

extension Duration {
    /// Whole nanoseconds, clamped to 64 bits (292 years).
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
    }

    /// Seconds as a floating-point number, for histograms.
    var seconds: Double { Double(nanoseconds) / 1e9 }
}
