internal import Glibc

/// A thread of its own for what blocks: nobody joins it, so whoever waits for its end says so by other means.
package enum BackgroundThread {
    private final class Work {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread.
    ///
    /// - Returns: nil, or why the system has no thread to give; `body` then never runs.
    package static func start(_ body: @escaping @Sendable () -> Void) -> String? {
        var thread = pthread_t()
        let work = unsafe Unmanaged.passRetained(Work(body)).toOpaque()
        let status = unsafe pthread_create(
            &thread, nil,
            { raw in
                guard let raw = unsafe raw else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().body()
                return nil
            }, work)
        guard status == 0 else {
            unsafe Unmanaged<Work>.fromOpaque(work).release()
            return unsafe String(cString: strerror(status))
        }
        pthread_detach(thread)
        return nil
    }
}
