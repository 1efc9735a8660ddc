internal import Foundation
internal import Synchronization

/// Runs made ahead by several threads and handed out in the order of their seeds, so that what is done with them does
/// not depend on the threads.
final class RunQueue: Sendable {
    private struct State {
        var next: UInt64
        /// The seed that is handed out next.
        var first: UInt64
        var reports: [UInt64: RunReport] = [:]
        var isClosed = false
        var threads: Int
    }

    /// How far ahead of the seed that is waited for.
    private static let aheadMax: UInt64 = 64

    private let state: Mutex<State>
    /// Guards nothing; whoever waits looks at `state` again after each signal.
    private let condition = NSCondition()
    private let run: @Sendable (UInt64) -> RunReport

    /// Starts `threads` threads on the seeds from `first` up to `end`, which is not run.
    init(from first: UInt64, upTo end: UInt64, threads: Int, _ run: @escaping @Sendable (UInt64) -> RunReport) {
        precondition(threads > 0, "somebody runs")
        state = Mutex(State(next: first, first: first, threads: threads))
        self.run = run
        for _ in 0..<threads {
            let thread = Thread { [self] in work(upTo: end) }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    private func work(upTo end: UInt64) {
        while let seed = wait(for: { Self.take(&$0, upTo: end) }) {
            guard let seed else { break }
            let report = run(seed)
            state.withLock { $0.reports[seed] = report }
            signal()
        }
        state.withLock { $0.threads -= 1 }
        signal()
    }

    /// The next seed; nil in it: there is none any more; nil: not yet.
    private static func take(_ state: inout State, upTo end: UInt64) -> UInt64?? {
        if state.isClosed || state.next >= end { return .some(nil) }
        guard state.next < state.first + aheadMax else { return nil }
        state.next += 1
        return state.next - 1
    }

    /// The report of the next seed in order; waits for it.
    func next() -> RunReport {
        let report = wait { state in
            state.reports.removeValue(forKey: state.first).map { report in
                state.first += 1
                return report
            }
        }
        signal()
        guard let report else { preconditionFailure("waiting ends with a report") }
        return report
    }

    /// Lets no further run begin and waits for those under way.
    func close() {
        state.withLock { $0.isClosed = true }
        signal()
        _ = wait { $0.threads == 0 ? true : nil }
    }

    private func signal() {
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }

    private func wait<R: Sendable>(for body: (inout sending State) -> R?) -> R? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let result = state.withLock({ body(&$0) }) { return result }
            condition.wait()
        }
    }
}
