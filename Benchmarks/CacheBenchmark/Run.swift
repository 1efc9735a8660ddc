import Foundation
import Glibc

/// One kind of load.
struct Load: Hashable {
    /// Keys of a batch; operations are a multiple of it.
    static let batch = 16

    /// Each fourth operation is a put; otherwise all are gets.
    var isMixed = false
    /// Gets of `batch` keys at a time.
    var isBatched = false
    let threads: Int

    var name: String {
        let kind = isBatched ? "get, \(Self.batch) keys at a time" : isMixed ? "75 % get, 25 % put" : "get"
        return kind + ", \(threads) thread\(threads == 1 ? "" : "s")"
    }

    /// What the peer calls it.
    var word: String { isBatched ? "batch" : isMixed ? "mixed" : "get" }
}

/// What one run took.
struct Run {
    /// From the first thread's start to the last one's end.
    let wallNanoseconds: Double
    /// Processor time of the whole process meanwhile.
    let cpuNanoseconds: Double
    let operations: Int
    let misses: Int

    var perSecond: Double { Double(operations) / wallNanoseconds * 1e9 }
}

/// Runs of one load on one cache, in rounds.
struct Series {
    private var round: [Double] = []
    private var (cpu, operations) = (0.0, 0)
    private(set) var misses = 0
    /// The best of the rounds' medians.
    private(set) var bestPerSecond = 0.0

    /// Processor time of an operation, over all runs.
    var cpuEach: Double { cpu / Double(operations) }

    mutating func append(_ run: Run) {
        round.append(run.perSecond)
        cpu += run.cpuNanoseconds
        operations += run.operations
        misses += run.misses
    }

    mutating func endRound() {
        if !round.isEmpty { bestPerSecond = max(bestPerSecond, round.sorted()[round.count / 2]) }
        round = []
    }
}

func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Runs `body` on threads of its own that begin together; `body` returns its misses.
func measure(threads: Int, operations: Int, _ body: @escaping @Sendable (Int) -> Int) -> Run {
    final class Results: @unchecked Sendable {
        // Guarded by `lock`; threads touch it only before and after their loops.
        let lock = NSCondition()
        var waiting = 0
        var ended = 0
        var (first, last, misses) = (Int64.max, Int64.min, 0)
    }
    let results = Results()
    let cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)
    for number in 0..<threads {
        Thread {
            results.lock.lock()
            results.waiting += 1
            results.lock.broadcast()
            while results.waiting < threads { results.lock.wait() }
            results.lock.unlock()
            let start = nanoseconds(CLOCK_MONOTONIC)
            let misses = body(number)
            let end = nanoseconds(CLOCK_MONOTONIC)
            results.lock.lock()
            results.first = min(results.first, start)
            results.last = max(results.last, end)
            results.misses += misses
            results.ended += 1
            results.lock.broadcast()
            results.lock.unlock()
        }.start()
    }
    results.lock.lock()
    while results.ended < threads { results.lock.wait() }
    defer { results.lock.unlock() }
    return Run(
        wallNanoseconds: Double(results.last - results.first),
        cpuNanoseconds: Double(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu), operations: threads * operations,
        misses: results.misses)
}
