internal import CLinux
internal import Glibc

/// One epoll instance: readiness of sockets and a wait that ends at a nanosecond, in one system call.
///
/// Plain `epoll_wait` counts in milliseconds, which is 15 arrivals at 15,000 a second; `epoll_pwait2` (Linux 5.11)
/// does not. The thread that waits sets its timer slack, 50 us by default, to what the plan says.
@safe
final class Poller {
    /// A connection that is ready.
    struct Event {
        var key: Int
        var isReadable: Bool
        var isWritable: Bool
        /// Closed or failed.
        var isBroken: Bool
    }

    private static let eventsMax = 256
    private let descriptor: Int32
    private var events = unsafe [epoll_event](repeating: epoll_event(), count: Poller.eventsMax)

    /// A poller that watches nothing yet.
    init() throws(LoadError) {
        descriptor = epoll_create1(Int32(O_CLOEXEC))
        guard descriptor >= 0 else { throw LoadError(.system, "epoll_create1: \(errnoText())") }
    }

    deinit { close(descriptor) }

    /// Sets the calling thread's timer slack; 0 restores the default of 50 us.
    static func setTimerSlack(_ nanoseconds: Int) { _ = clinux_set_timer_slack(UInt(nanoseconds)) }

    func add(_ socket: Int32, key: Int, wantsWrite: Bool) {
        control(EPOLL_CTL_ADD, socket, key, wantsWrite)
    }

    func change(_ socket: Int32, key: Int, wantsWrite: Bool) {
        control(EPOLL_CTL_MOD, socket, key, wantsWrite)
    }

    func remove(_ socket: Int32) { control(EPOLL_CTL_DEL, socket, 0, false) }

    private func control(_ operation: Int32, _ socket: Int32, _ key: Int, _ wantsWrite: Bool) {
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue | (wantsWrite ? EPOLLOUT.rawValue : 0)
        unsafe event.data.u64 = UInt64(key)
        unsafe epoll_ctl(descriptor, operation, socket, &event)
    }

    /// Waits until `deadline` (monotonic nanoseconds) or until something is ready; gives the number of events.
    func wait(until deadline: UInt64, now: UInt64) -> Int {
        let nanoseconds = deadline > now ? deadline - now : 0
        var timeout = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        return Int(max(0, unsafe epoll_pwait2(descriptor, &events, Int32(Self.eventsMax), &timeout, nil)))
    }

    /// An event of the last wait.
    func event(_ index: Int) -> Event {
        let flags = unsafe events[index].events
        return unsafe Event(
            key: Int(events[index].data.u64), isReadable: flags & EPOLLIN.rawValue != 0,
            isWritable: flags & EPOLLOUT.rawValue != 0,
            isBroken: flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0)
    }
}

/// The text of `errno` now.
func errnoText() -> String { errorText(errno) }

/// The text of an error number.
func errorText(_ number: Int32) -> String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text)
}
