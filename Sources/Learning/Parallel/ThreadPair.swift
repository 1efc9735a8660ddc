internal import Glibc

/// Two threads that do the halves of one job again and again: the caller's and one of its own.
///
/// `run` returns when both halves are done and allocates nothing. A thread of its own rather than a task: BLAS calls
/// run for milliseconds without a point to suspend at.
public final class ThreadPair {
    private let shared: Shared
    private let thread: pthread_t

    /// Starts the second thread; `half` is called with 0 on the caller's thread and with 1 on the second.
    public init(half: @escaping @Sendable (Int) -> Void) throws(LearningError) {
        let shared = Shared(half: half)
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(shared)
        let status = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let shared = unsafe Unmanaged<Shared>.fromOpaque(context).takeRetainedValue()
                shared.serve()
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            unsafe context.release()
            throw LearningError(.noThread, "the second training thread cannot start: error \(status)")
        }
        self.shared = shared
        self.thread = thread
    }

    deinit {
        shared.isOver = true
        shared.start.signal()
        pthread_join(thread, nil)
    }

    /// Does both halves.
    public func run() {
        shared.start.signal()
        shared.half(0)
        shared.done.wait()
    }

    /// What both threads see; the semaphores order their accesses.
    private final class Shared: @unchecked Sendable {
        // Unchecked: `isOver` is written before a signal of `start` and read after the wait for it.
        let half: @Sendable (Int) -> Void
        let start = CountingSemaphore()
        let done = CountingSemaphore()
        var isOver = false

        init(half: @escaping @Sendable (Int) -> Void) { self.half = half }

        func serve() {
            while true {
                start.wait()
                if isOver { return }
                half(1)
                done.signal()
            }
        }
    }
}

/// POSIX's unnamed semaphore, 0 at first.
@safe
final class CountingSemaphore: @unchecked Sendable {
    // Unchecked: sem_post and sem_wait may be called from any thread.
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        let status = unsafe sem_init(semaphore, 0, 0)
        precondition(status == 0, "sem_init with a valid count")
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func signal() { unsafe sem_post(semaphore) }

    /// Waits for a signal; interrupted waits go on.
    func wait() { while unsafe sem_wait(semaphore) != 0 {} }
}
