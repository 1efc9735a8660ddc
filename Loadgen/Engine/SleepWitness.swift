internal import Glibc
internal import Synchronization
internal import Telemetry

/// A thread that sleeps a millisecond at a time and records how much too long it slept.
///
/// Where it is late the whole machine was: it tells a stall of the machine from one of the target or the generator.
final class SleepWitness: Sendable {
    private static let step: UInt64 = 1_000_000
    private let isStopped = Atomic<Bool>(false)
    private let isDone = Atomic<Bool>(false)
    private let overshoot = Mutex(HDRHistogram.latency())

    /// Starts the thread; without one (limit of the system) nothing is recorded.
    func start() {
        if BackgroundThread.start({ self.loop() }) != nil { isDone.store(true, ordering: .releasing) }
    }

    private func loop() {
        while !isStopped.load(ordering: .relaxed) {
            let wanted = MonotonicClock.now() + Self.step
            var time = timespec(tv_sec: Int(wanted / 1_000_000_000), tv_nsec: Int(wanted % 1_000_000_000))
            unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
            let late = Int64(MonotonicClock.now() - wanted)
            overshoot.withLock { $0.record(late) }
        }
        isDone.store(true, ordering: .releasing)
    }

    /// Ends the thread (within about a millisecond) and gives what it saw.
    func stop() -> HDRHistogram {
        isStopped.store(true, ordering: .relaxed)
        while !isDone.load(ordering: .acquiring) { usleep(200) }
        return overshoot.withLock { $0 }
    }
}
