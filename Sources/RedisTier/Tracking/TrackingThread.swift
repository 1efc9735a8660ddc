internal import CHiredis
internal import Glibc

/// A thread that runs one closure and can be waited for.
struct TrackingThread: @unchecked Sendable {  // a pthread_t is a number that any thread may join with
    private let thread: pthread_t

    /// Starts it.
    init(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body))
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        precondition(code == 0, "out of threads")
        self.thread = thread
    }

    /// Waits until the closure has returned; at most once.
    func join() { pthread_join(thread, nil) }

    private final class Box {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}

/// Ends the waits of one thread, from any other; once raised it stays so until it is lowered.
final class WakeUp: Sendable {
    private let event: Int32

    /// Traps where the process is out of descriptors.
    init() {
        event = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        precondition(event >= 0, "out of file descriptors")
    }

    deinit { close(event) }

    func raise() { eventfd_write(event, 1) }

    /// Forgets what was raised.
    func lower() {
        var count: eventfd_t = 0
        eventfd_read(event, &count)
    }

    /// Waits until `descriptor` can be read, or it is raised, or `end` has come.
    func wait(_ descriptor: Int32?, until end: ContinuousClock.Instant) {
        let rest = end - .now
        guard rest > .zero else { return }
        let (seconds, attoseconds) = rest.components
        let milliseconds = Int32(min(seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1, 60_000))
        var entries = [pollfd(fd: event, events: Int16(POLLIN), revents: 0)]
        if let descriptor { entries.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        poll(&entries, nfds_t(entries.count), milliseconds)
    }
}
