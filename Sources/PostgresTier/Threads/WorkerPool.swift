internal import CacheStack
internal import Glibc

/// Threads of our own that run blocking calls, each with a state of its own, fed by one bounded queue.
///
/// A job whose deadline has passed while it waited is refused, not run. After `stop()` queued jobs are refused and the
/// threads end with the job they are at.
final class WorkerPool<State>: @unchecked Sendable {  // all `var`s below: under `mutex`
    private struct Job {
        var deadline: ContinuousClock.Instant
        var run: (State) -> Void
        var refuse: (TierError) -> Void
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
    private let ready: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)
    private let queueMax: Int
    private let makeState: @Sendable () -> State
    private var jobs = Deque<Job>()
    private var stopped = false
    private var running: Int
    private var waitingForEnd: [UnsafeContinuation<Void, Never>] = []

    /// Starts `threads` threads; `makeState` runs on each of them.
    init(_ name: String, threads: Int, queueMax: Int, makeState: @escaping @Sendable () -> State) {
        self.queueMax = queueMax
        self.makeState = makeState
        running = threads
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(ready, nil)
        for _ in 0..<threads { Thread.start(name) { self.loop() } }
    }

    deinit {
        pthread_cond_destroy(ready)
        ready.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Jobs waiting.
    var depth: Int { locked { jobs.count } }

    /// Runs `body` on a thread of the pool and waits for it without blocking the caller's.
    func run<R: Sendable>(
        until deadline: ContinuousClock.Instant, _ body: @escaping @Sendable (State) throws(DatabaseFault) -> R
    ) async throws(TierError) -> R {
        let result: Result<R, TierError> = await withUnsafeContinuation { continuation in
            let job = Job(
                deadline: deadline,
                run: { state in
                    do throws(DatabaseFault) {
                        continuation.resume(returning: .success(try body(state)))
                    } catch {
                        continuation.resume(returning: .failure(error.tierError))
                    }
                },
                refuse: { continuation.resume(returning: .failure($0)) })
            if let refusal = enqueue(job) { job.refuse(refusal) }
        }
        return try result.get()
    }

    /// Refuses what waits and what comes; the threads end with the job they are at.
    func requestStop() {
        let refused = locked {
            stopped = true
            return jobs.removeAll()
        }
        pthread_cond_broadcast(ready)
        for job in refused { job.refuse(Self.stoppedError) }
    }

    /// Requests the stop and returns when the threads have ended.
    func stop() async {
        requestStop()
        await withUnsafeContinuation { continuation in
            let hasEnded = locked {
                if running > 0 { waitingForEnd.append(continuation) }
                return running == 0
            }
            if hasEnded { continuation.resume() }
        }
    }

    private static var stoppedError: TierError { TierError(.unavailable, "the PostgreSQL tier was closed") }

    private func enqueue(_ job: Job) -> TierError? {
        let refusal: TierError? = locked {
            guard !stopped else { return Self.stoppedError }
            guard jobs.count < queueMax else {
                return TierError(.overloaded, "\(queueMax) calls wait for PostgreSQL already")
            }
            jobs.append(job)
            return nil
        }
        if refusal == nil { pthread_cond_signal(ready) }
        return refusal
    }

    private func loop() {
        do {
            let state = makeState()
            while let job = next() {
                if job.deadline > .now {
                    job.run(state)
                } else {
                    job.refuse(TierError(.deadline, "the deadline passed while the call waited for a connection"))
                }
            }
        }
        let waiting = locked {
            running -= 1
            defer { if running == 0 { waitingForEnd = [] } }
            return running == 0 ? waitingForEnd : []
        }
        for continuation in waiting { continuation.resume() }
    }

    private func next() -> Job? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.count == 0 && !stopped { pthread_cond_wait(ready, mutex) }
        return stopped ? nil : jobs.popFirst()
    }

    private func locked<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
