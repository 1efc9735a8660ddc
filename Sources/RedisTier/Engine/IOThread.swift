internal import Glibc
internal import Synchronization

/// The thread that runs an `Engine`; no blocking call of the tier happens anywhere else.
final class IOThread: Sendable {
    private struct Handle: @unchecked Sendable {
        // A pthread_t is a number that any thread may join with.
        var thread: pthread_t
    }

    private enum Life {
        case fresh
        case running(Handle)
        case ended
    }

    private let shared: EngineShared
    private let life = Mutex(Life.fresh)
    private let makeEngine: @Sendable () -> Engine

    init(_ shared: EngineShared, _ makeEngine: @escaping @Sendable () -> Engine) {
        self.shared = shared
        self.makeEngine = makeEngine
    }

    /// Starts the thread, once; later calls and calls after `stop` do nothing.
    func start() {
        life.withLock { life in
            guard case .fresh = life else { return }
            let body = Unmanaged.passRetained(Body(makeEngine))
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { raw in
                    guard let raw else { return nil }
                    Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().makeEngine().run()
                    return nil
                }, body.toOpaque())
            precondition(code == 0, "out of threads")
            life = .running(Handle(thread: thread))
        }
    }

    /// Ends the thread and waits for it: a matter of microseconds, since it never blocks but in its own wait.
    func stop() {
        let handle = life.withLock { life in
            defer { life = .ended }
            if case .running(let handle) = life { return Optional(handle) }
            return nil
        }
        shared.stop()
        if let handle { pthread_join(handle.thread, nil) }
    }

    private final class Body {
        let makeEngine: @Sendable () -> Engine

        init(_ makeEngine: @escaping @Sendable () -> Engine) { self.makeEngine = makeEngine }
    }
}
