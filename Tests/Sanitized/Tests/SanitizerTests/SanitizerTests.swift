import Foundation
import Synchronization
import Testing

/// That the sanitizers see what they must, and not what they must not.
///
/// The faults are made only where `SPRINGTIDE_FAULT` names one; `check.sh` expects the run to end in a report.
@Suite(.serialized) struct SanitizerTests {
    static let fault = ProcessInfo.processInfo.environment["SPRINGTIDE_FAULT"]

    /// Runs `body` in four threads at once and waits for them.
    private static func inThreads(_ body: @escaping @Sendable () -> Void) {
        let group = DispatchGroup()
        for _ in 0..<4 {
            group.enter()
            Thread {
                body()
                group.leave()
            }.start()
        }
        group.wait()
    }

    private final class Counter: Sendable {
        let value = Mutex(0)
    }

    /// The holder sleeps at times, so that the others go to the kernel for the lock; each adds 2,000.
    @Test("A Mutex that threads wait for is no race") func contention() {
        let counter = Counter()
        Self.inThreads {
            for step in 0..<2_000 {
                counter.value.withLock { value in
                    value += 1
                    if step % 100 == 0 { usleep(1_000) }
                }
            }
        }
        #expect(counter.value.withLock { $0 } == 8_000)
    }

    @Test("A counter without a lock is a race", .enabled(if: fault == "race", "makes a fault")) func race() {
        nonisolated(unsafe) let counter = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        counter.initialize(to: 0)
        Self.inThreads { for _ in 0..<1_000 { counter.pointee += 1 } }
        #expect(counter.pointee > 0)
        counter.deallocate()
    }

    @Test("A read past the end is one", .enabled(if: fault == "overflow", "makes a fault")) func overflow() {
        let words = UnsafeMutablePointer<Int>.allocate(capacity: 8)
        words.initialize(repeating: 1, count: 8)
        let count = ProcessInfo.processInfo.processorCount > 0 ? 9 : 8
        #expect((0..<count).reduce(0) { $0 + words[$1] } != 0)
        words.deallocate()
    }

    @Test("A read after the end of life is one", .enabled(if: fault == "after-free", "makes a fault"))
    func afterFree() {
        let words = UnsafeMutablePointer<Int>.allocate(capacity: 8)
        words.initialize(repeating: 1, count: 8)
        words.deallocate()
        #expect(words[ProcessInfo.processInfo.processorCount % 8] != 7)
    }

    @Test("Memory that nothing names is a leak", .enabled(if: fault == "leak", "makes a fault")) func leak() {
        var sum = 0
        for size in 1...100 {
            let words = UnsafeMutablePointer<Int>.allocate(capacity: size)
            words.initialize(repeating: size, count: size)
            sum += words[size - 1]
        }
        #expect(sum == 5_050)
    }
}
