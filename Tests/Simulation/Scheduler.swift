/// Virtual time and the order of all tasks of a run, both from one seed.
///
/// Every task runs on a `Lane` of this scheduler: where several could go on, the seed says which. When none can, time
/// jumps to the next timer. So one seed is one run, whatever the machine does.
package final class Scheduler: @unchecked Sendable {  // used by one thread only: that of `run`
    private struct Timer {
        var time: Int64
        var number: UInt64
        var action: Action
    }

    private enum Action {
        case resume(UnsafeContinuation<Void, Never>)
        case call(() -> Void)
    }

    /// Nanoseconds since the run began.
    package private(set) var now: Int64 = 0
    /// Task steps run.
    package private(set) var steps = 0
    /// FNV-1a over everything that was noted, and over time and order of all steps.
    package private(set) var trace: UInt64 = 0xCBF2_9CE4_8422_2325

    private var generator: SeededGenerator
    private var ready: [(job: UnownedJob, lane: Lane)] = []
    private var timers: [Timer] = []
    private var number: UInt64 = 0
    private var lanes: UInt64 = 0

    package init(seed: UInt64) { generator = SeededGenerator(seed: seed, stream: 1) }

    /// A new lane for the tasks of one process.
    package func lane() -> Lane {
        lanes += 1
        return Lane(self, lanes)
    }

    /// Mixes a number into the trace.
    package func note(_ value: UInt64) { trace = (trace ^ value) &* 0x100_0000_01B3 }

    /// Runs tasks and timers until `isDone`; returns false where nothing is left that could make it so.
    package func run(until isDone: () -> Bool) -> Bool {
        while !isDone() {
            if !ready.isEmpty {
                let index = ready.count == 1 ? 0 : generator.below(ready.count)
                let (job, lane) = ready[index]
                ready.swapAt(index, ready.count - 1)
                ready.removeLast()
                lane.step(job)
            } else if let timer = popTimer() {
                now = timer.time
                note(UInt64(bitPattern: now) ^ timer.number << 48)
                switch timer.action {
                case .resume(let continuation): continuation.resume()
                case .call(let body): body()
                }
            } else {
                return false
            }
        }
        return true
    }

    /// Waits for `nanoseconds` of virtual time.
    package func sleep(_ nanoseconds: Int64) async {
        await withUnsafeContinuation { push(now + max(0, nanoseconds), .resume($0)) }
    }

    /// Calls `body` after `nanoseconds`.
    package func after(_ nanoseconds: Int64, _ body: @escaping () -> Void) {
        push(now + max(0, nanoseconds), .call(body))
    }

    fileprivate func enqueue(_ job: UnownedJob, _ lane: Lane) { ready.append((job, lane)) }

    fileprivate func count(_ lane: Lane) {
        steps += 1
        note(lane.number)
    }

    // MARK: The heap of timers

    private static func precedes(_ a: Timer, _ b: Timer) -> Bool { (a.time, a.number) < (b.time, b.number) }

    private func push(_ time: Int64, _ action: Action) {
        number += 1
        timers.append(Timer(time: time, number: number, action: action))
        var index = timers.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard Self.precedes(timers[index], timers[parent]) else { return }
            timers.swapAt(index, parent)
            index = parent
        }
    }

    private func popTimer() -> Timer? {
        guard !timers.isEmpty else { return nil }
        timers.swapAt(0, timers.count - 1)
        let first = timers.removeLast()
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < timers.count else { return first }
            if child + 1 < timers.count, Self.precedes(timers[child + 1], timers[child]) { child += 1 }
            guard Self.precedes(timers[child], timers[index]) else { return first }
            timers.swapAt(child, index)
            index = child
        }
    }
}

/// Where the tasks of one process run: the scheduler gives each step its turn, and may hold all of them.
package final class Lane: TaskExecutor, @unchecked Sendable {  // used by the scheduler's thread only
    let number: UInt64
    private let scheduler: Scheduler
    private var held: [UnownedJob] = []
    package private(set) var isPaused = false

    fileprivate init(_ scheduler: Scheduler, _ number: UInt64) {
        self.scheduler = scheduler
        self.number = number
    }

    package func enqueue(_ job: consuming ExecutorJob) { scheduler.enqueue(UnownedJob(job), self) }

    fileprivate func step(_ job: UnownedJob) {
        if isPaused {
            held.append(job)
            return
        }
        scheduler.count(self)
        job.runSynchronously(on: asUnownedTaskExecutor())
    }

    /// Stops the process in the middle of whatever it does.
    package func pause() { isPaused = true }

    /// Lets it go on.
    package func resume() {
        isPaused = false
        for job in held { scheduler.enqueue(job, self) }
        held = []
    }

    /// Starts a task of this process.
    package func start(_ body: @escaping @Sendable () async -> Void) {
        Task(executorPreference: self) { await body() }
    }
}

/// One answer of two or more that race for it: the first counts.
final class FirstAnswer<Answer: Sendable>: @unchecked Sendable {  // used by the scheduler's thread only
    private var answer: Answer?
    private var waiter: UnsafeContinuation<Answer, Never>?

    func give(_ answer: Answer) {
        guard self.answer == nil else { return }
        self.answer = answer
        waiter?.resume(returning: answer)
        waiter = nil
    }

    func wait() async -> Answer {
        await withUnsafeContinuation { continuation in
            if let answer { continuation.resume(returning: answer) } else { waiter = continuation }
        }
    }
}
