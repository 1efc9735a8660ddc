internal import Glibc

/// Wall time in the unit of event times: microseconds since 1970 UTC.
public enum EventClock {
    /// The system's clock now. Read once a batch; the sequencer never lets event time go back.
    public static func now() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
