internal import Dispatch

/// The monotonic clock of a replica's busy time.
enum ReplicaClock {
    /// Nanoseconds since the machine started.
    static func nanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
