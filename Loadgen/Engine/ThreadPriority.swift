internal import Glibc

/// The scheduling class of the calling thread.
enum ThreadPriority {
    /// Real time, first in first out, lowest level; false where it is not permitted.
    ///
    /// The loop sleeps between arrivals and never spins, so it leaves the processor to others.
    static func raise() -> Bool { set(SCHED_FIFO, 1) }

    /// The ordinary class again.
    static func restore() { _ = set(SCHED_OTHER, 0) }

    private static func set(_ policy: Int32, _ level: Int32) -> Bool {
        var parameters = sched_param()
        parameters.sched_priority = level
        return unsafe pthread_setschedparam(pthread_self(), policy, &parameters) == 0
    }
}
