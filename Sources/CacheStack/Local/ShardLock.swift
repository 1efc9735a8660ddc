internal import Glibc

/// A shard and its lock, a POSIX one: `Synchronization.Mutex` would do, but ThreadSanitizer does not see it taken in
/// its slow path, which lies in a library that is not instrumented, and then reports races where there are none.
///
/// Sendable unchecked: the shard is reached only with the lock held; readers use `LocalView`.
@safe
struct LockedShard: ~Copyable, @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let shard: UnsafeMutablePointer<LocalShard>

    init(_ shard: consuming LocalShard) {
        unsafe lock = .allocate(capacity: 1)
        unsafe lock.initialize(to: pthread_mutex_t())
        let code = unsafe pthread_mutex_init(lock, nil)
        precondition(code == 0, "a mutex is made")
        unsafe self.shard = .allocate(capacity: 1)
        unsafe self.shard.initialize(to: shard)
    }

    deinit {
        unsafe pthread_mutex_destroy(lock)
        unsafe lock.deallocate()
        unsafe shard.deinitialize(count: 1)
        unsafe shard.deallocate()
    }

    /// Runs `body` with the lock held; waits for it.
    func withLock<R>(_ body: (inout LocalShard) -> R) -> R {
        let code = unsafe pthread_mutex_lock(lock)
        precondition(code == 0, "the lock is taken")
        defer { unsafe _ = pthread_mutex_unlock(lock) }
        return unsafe body(&shard.pointee)
    }

    /// Runs `body` if the lock is free; nil where it is not.
    func withLockIfAvailable<R>(_ body: (inout LocalShard) -> R) -> R? {
        guard unsafe pthread_mutex_trylock(lock) == 0 else { return nil }
        defer { unsafe _ = pthread_mutex_unlock(lock) }
        return unsafe body(&shard.pointee)
    }
}
