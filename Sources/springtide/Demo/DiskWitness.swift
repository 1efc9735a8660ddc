internal import Foundation
internal import Glibc
internal import Synchronization
internal import Telemetry

/// A thread that makes one small write durable ten times a second, on the disk PostgreSQL's log is on, and records how
/// long that took.
///
/// No order is acknowledged before PostgreSQL's own fdatasync has returned. Where this one stood still too, the disk
/// did, and not the database.
final class DiskWitness: Sendable {
    /// What the disk did: durations of fdatasync.
    struct Finding: Sendable {
        var median: Double
        var p99: Double
        var longest: Double
        /// Writes that took longer than the response time promised.
        var late: Int
        var count: Int

        /// In words, durations in milliseconds.
        var text: String {
            guard count > 0 else { return "fdatasync was not measured" }
            let figures = [median, p99, longest].map { String(format: "%.1f", $0) }
            return "fdatasync of 8 KiB beside it: median \(figures[0]) ms, p99 \(figures[1]) ms, longest "
                + "\(figures[2]) ms, \(late) of \(count) above 50 ms"
        }
    }

    private static let pause: useconds_t = 100_000
    private let path: String
    private let isStopped = Atomic<Bool>(false)
    private let isDone = Atomic<Bool>(false)
    private let durations = Mutex(HDRHistogram.latency())
    private let late = Atomic<Int>(0)

    /// - Parameter directory: on the disk to be watched; a file of 8 KiB is made there.
    init(directory: String) { path = "\(directory)/disk-witness" }

    /// Starts the thread; where the file cannot be made nothing is recorded.
    func start() { Thread.detachNewThread { self.loop() } }

    private func loop() {
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer {
            if file >= 0 { close(file) }
            isDone.store(true, ordering: .releasing)
        }
        let block = [UInt8](repeating: 1, count: 8_192)
        // Once whole, so that later writes change no metadata.
        guard file >= 0, unsafe pwrite(file, block, block.count, 0) == block.count, fsync(file) == 0 else { return }
        while !isStopped.load(ordering: .relaxed) {
            let start = ContinuousClock.now
            guard unsafe pwrite(file, block, block.count, 0) == block.count, fdatasync(file) == 0 else { return }
            let took = Int64((ContinuousClock.now - start) / .nanoseconds(1))
            durations.withLock { $0.record(took) }
            if took > 50_000_000 { late.add(1, ordering: .relaxed) }
            usleep(Self.pause)
        }
    }

    /// Ends the thread and says what it saw.
    func stop() async -> Finding {
        isStopped.store(true, ordering: .relaxed)
        while !isDone.load(ordering: .acquiring) { try? await Task.sleep(for: .milliseconds(10)) }
        let seen = durations.withLock { $0 }
        func milliseconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1e6 }
        return Finding(
            median: milliseconds(seen.value(atPercentile: 50)), p99: milliseconds(seen.value(atPercentile: 99)),
            longest: milliseconds(seen.greatest), late: late.load(ordering: .relaxed), count: Int(seen.count))
    }
}
