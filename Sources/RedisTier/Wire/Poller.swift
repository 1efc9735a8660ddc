internal import CHiredis
internal import Glibc

/// epoll with a wake-up: one thread waits, any thread may wake it.
///
/// The wake-up is an edge-triggered eventfd that is never read: each write is a new edge, so waking costs one system
/// call and being woken none beyond the wait itself.
///
/// `@unchecked Sendable` is true because `wakeUp` only writes to a descriptor and all else is called by one thread.
struct Poller: ~Copyable, @unchecked Sendable {
    /// A descriptor that is ready; errors and hang-ups count as both, so that the next call meets them.
    struct Event {
        let tag: UInt32
        let isReadable: Bool
        let isWritable: Bool
    }

    /// The tag of the wake-up.
    private static let wakeTag = UInt32.max
    private static let eventsMax = 64

    private let epoll: Int32
    private let wake: Int32
    private let buffer: UnsafeMutablePointer<epoll_event>

    /// Traps where the process is out of descriptors: nothing could be done without it.
    init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wake = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        precondition(epoll >= 0 && wake >= 0, "out of file descriptors")
        buffer = .allocate(capacity: Self.eventsMax)
        control(EPOLL_CTL_ADD, wake, EPOLLIN.rawValue | EPOLLET.rawValue, Self.wakeTag)
    }

    deinit {
        buffer.deallocate()
        close(wake)
        close(epoll)
    }

    /// Makes the current or the next `wait` return.
    func wakeUp() { eventfd_write(wake, 1) }

    /// Watches a descriptor for input, and for output where asked.
    func add(_ descriptor: Int32, tag: UInt32, output: Bool) {
        control(EPOLL_CTL_ADD, descriptor, Self.interest(output), tag)
    }

    /// Changes whether output is watched.
    func change(_ descriptor: Int32, tag: UInt32, output: Bool) {
        control(EPOLL_CTL_MOD, descriptor, Self.interest(output), tag)
    }

    /// Waits until something is ready, for `milliseconds` at most (-1: without limit); returns how many `event`s.
    func wait(milliseconds: Int32) -> Int {
        max(0, Int(epoll_wait(epoll, buffer, Int32(Self.eventsMax), milliseconds)))
    }

    /// One of those that the last `wait` counted; nil for the wake-up.
    func event(_ index: Int) -> Event? {
        let event = buffer[index]
        let tag = event.data.u32
        guard tag != Self.wakeTag else { return nil }
        let isBroken = event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        return Event(
            tag: tag, isReadable: isBroken || event.events & EPOLLIN.rawValue != 0,
            isWritable: isBroken || event.events & EPOLLOUT.rawValue != 0)
    }

    private static func interest(_ output: Bool) -> UInt32 {
        output ? EPOLLIN.rawValue | EPOLLOUT.rawValue : EPOLLIN.rawValue
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: UInt32, _ tag: UInt32) {
        var event = epoll_event()
        event.events = events
        event.data.u32 = tag
        let code = epoll_ctl(epoll, operation, descriptor, &event)
        precondition(code == 0, "epoll_ctl on an open descriptor")
    }
}
