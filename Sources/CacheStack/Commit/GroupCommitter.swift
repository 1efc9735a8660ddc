internal import Synchronization

/// Commits transactions in groups: one batch in flight, the next forms meanwhile.
///
/// No task of its own: the caller whose transaction finds no batch in flight leads. It commits one batch with its own
/// transaction in front, hands out the outcomes, and passes the lead to the front of the queue. So batches size
/// themselves by the time the last one took.
final class GroupCommitter: Sendable {
    enum Turn: Sendable {
        case lead
        case done(CommitOutcome)
    }

    typealias Queue = CommitQueue<CheckedContinuation<Turn, Never>>

    private struct State {
        var queue: Queue
        var isLed = false
    }

    private let state: Mutex<State>
    private let executor: (any TaskExecutor)?

    /// A committer with those limits; its batches run on `executor` (nil: the default one).
    init(_ limits: Queue.Limits, executor: (any TaskExecutor)? = nil) {
        state = Mutex(State(queue: Queue(limits)))
        self.executor = executor
    }

    /// Transactions waiting.
    var depth: Int { state.withLock { $0.queue.count } }

    /// Commits a transaction in some batch; `run` commits a batch and applies its outcomes, if the caller leads.
    func commit(
        _ transaction: Transaction, run: @escaping @Sendable ([Transaction]) async -> [CommitOutcome]
    ) async -> CommitOutcome {
        let turn = await withCheckedContinuation { (continuation: CheckedContinuation<Turn, Never>) in
            let turn: Turn? = state.withLock { state in
                guard state.queue.append(transaction, continuation) else {
                    return .done(.failed(TierError(.overloaded, "the commit queue is full; try again later")))
                }
                defer { state.isLed = true }
                return state.isLed ? nil : .lead
            }
            if let turn { continuation.resume(returning: turn) }
        }
        switch turn {
        case .done(let outcome): return outcome
        case .lead: return await lead(run)
        }
    }

    /// Commits the batch whose first member is the caller's, and returns the caller's outcome.
    private func lead(_ run: @escaping @Sendable ([Transaction]) async -> [CommitOutcome]) async -> CommitOutcome {
        let batch = state.withLock { $0.queue.takeBatch() }
        let transactions = batch.map(\.transaction)
        // A task of its own, awaited at once: the leader's cancellation is not that of the others.
        let outcomes = await Task(executorPreference: executor) { await run(transactions) }.value
        precondition(outcomes.count == batch.count, "one outcome for each member")
        let next = state.withLock { state in
            state.isLed = state.queue.count > 0
            return state.queue.front
        }
        next?.resume(returning: .lead)
        for (member, outcome) in zip(batch, outcomes).dropFirst() { member.waiter.resume(returning: .done(outcome)) }
        return outcomes[0]
    }
}
