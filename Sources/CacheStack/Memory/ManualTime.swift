internal import Synchronization

/// A clock that moves only when told to, for tests: sleeping moves it by the time slept, and waits for nothing.
public final class ManualTime: Sendable {
    private let nanoseconds: Atomic<Int64>

    /// A clock that shows `start` after its own beginning.
    public init(start: Duration = .seconds(1_000)) { nanoseconds = Atomic(start.nanoseconds) }

    /// What the clock shows.
    public var now: MonotonicTime { MonotonicTime(nanoseconds: nanoseconds.load(ordering: .relaxed)) }

    /// Moves the clock.
    public func advance(by duration: Duration) { nanoseconds.wrappingAdd(duration.nanoseconds, ordering: .relaxed) }

    /// This clock as the stack's source of time.
    public var source: TimeSource {
        TimeSource {
            self.now
        } sleep: { duration in
            try Task.checkCancellation()
            self.advance(by: duration)
            await Task.yield()
        }
    }

    /// This clock as microseconds since 1970, as an L3 would read it.
    public var microseconds: Int64 { 1_700_000_000_000_000 + now.nanoseconds / 1_000 }
}
