internal import CacheStack
internal import Dispatch
internal import Synchronization

/// Reads for stages that run on threads of their own: they may wait, threads of the concurrency pool may not.
enum BlockingRead {
    /// Carries the result from the task to the thread that waits for it.
    private final class Box: Sendable {
        let values = Mutex<[CachedValue]>([])
    }

    /// The values of `keys`, or none where the read failed: the caller decides what a missing value means.
    static func values(_ keys: [CacheKey], _ level: ReadLevel, of cache: CacheStack) -> [CachedValue] {
        guard !keys.isEmpty else { return [] }
        let done = DispatchSemaphore(value: 0)
        let box = Box()
        Task(name: "blocking read") {
            let values = (try? await cache.read(keys, level)) ?? []
            box.values.withLock { $0 = values }
            done.signal()
        }
        done.wait()
        return box.values.withLock { $0 }
    }
}
