internal import CPostgres
internal import Glibc

/// Threads that may block; the concurrency pool's may not.
enum Thread {
    /// Starts a detached thread of that name (at most 15 bytes are shown).
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let boxed = Unmanaged.passRetained(Body(name, body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                let body = Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                cpostgres_name_thread(body.name)
                body.run()
                return nil
            }, boxed.toOpaque())
        precondition(code == 0, "no thread could be started (errno \(code))")
        pthread_detach(thread)
    }

    /// Blocks the calling thread.
    static func sleep(_ duration: Duration) {
        usleep(UInt32(max(0, min(duration.milliseconds, 60_000))) * 1_000)
    }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}
