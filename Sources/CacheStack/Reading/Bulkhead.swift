internal import Synchronization

/// A cap on how many tasks are inside at once, with a bounded first-come queue before it.
public final class Bulkhead: Sendable {
    private struct State {
        var inside = 0
        var queue: [CheckedContinuation<Bool, Never>] = []
        var first = 0
    }

    private let concurrencyMax: Int
    private let queueMax: Int
    private let state = Mutex(State())

    /// A bulkhead that lets `concurrencyMax` in and `queueMax` wait.
    public init(concurrencyMax: Int, queueMax: Int) {
        precondition(concurrencyMax > 0 && queueMax >= 0, "a bulkhead lets someone in")
        self.concurrencyMax = concurrencyMax
        self.queueMax = queueMax
    }

    /// Tasks inside, and tasks waiting.
    public var depth: (inside: Int, waiting: Int) { state.withLock { ($0.inside, $0.queue.count - $0.first) } }

    /// Runs `body` inside, waiting in the queue if need be; nil, without waiting, where the queue is full.
    public func enter<R>(_ body: () async -> R) async -> R? {
        guard await acquire() else { return nil }
        let result = await body()
        leave()
        return result
    }

    private func acquire() async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.inside < concurrencyMax {
                    state.inside += 1
                    return true
                }
                guard state.queue.count - state.first < queueMax else { return false }
                state.queue.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    private func leave() {
        let next: CheckedContinuation<Bool, Never>? = state.withLock { state in
            guard state.first < state.queue.count else {
                state.inside -= 1
                return nil
            }
            let next = state.queue[state.first]
            state.first += 1
            if state.first * 2 >= state.queue.count {
                state.queue.removeFirst(state.first)
                state.first = 0
            }
            return next
        }
        next?.resume(returning: true)
    }
}
