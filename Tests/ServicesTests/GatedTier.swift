import CacheStack
import Services
import Synchronization

/// A tier in memory whose commits can be held at the door, and counted.
final class GatedTier: DurableTier {
    private struct State {
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
        var attempts = 0
        var waiters: [(attempts: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    let memory: MemoryDurableTier
    private let state = Mutex(State())

    init(_ memory: MemoryDurableTier) { self.memory = memory }

    /// From now on commits wait.
    func hold() { state.withLock { $0.isHeld = true } }

    /// Lets the held commits go on, and all later ones.
    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    /// Commits that have arrived so far.
    var attempts: Int { state.withLock { $0.attempts } }

    /// Waits until that many commits have arrived.
    func arrived(_ attempts: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.attempts < attempts { state.waiters.append((attempts, continuation)) }
                return state.attempts >= attempts
            }
            if isThere { continuation.resume() }
        }
    }

    func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) async -> BatchOutcome {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let (isFree, woken) = state.withLock { state in
                state.attempts += 1
                let woken = state.waiters.filter { $0.attempts <= state.attempts }
                state.waiters.removeAll { $0.attempts <= state.attempts }
                if state.isHeld { state.held.append(continuation) }
                return (!state.isHeld, woken)
            }
            if isFree { continuation.resume() }
            for waiter in woken { waiter.continuation.resume() }
        }
        return await memory.commit(batch, until: deadline)
    }

    func load(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> LoadedRows {
        try await memory.load(keys, until: deadline)
    }

    func resolve(_ mark: BatchMark, until deadline: ContinuousClock.Instant) async throws(TierError) -> Bool {
        try await memory.resolve(mark, until: deadline)
    }

    func changes(
        after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> ChangePage {
        try await memory.changes(after: ticket, limit: limit, until: deadline)
    }

    func scan(
        _ spaces: [SpaceID], until deadline: ContinuousClock.Instant, _ body: @escaping @Sendable (ScanChunk) -> Void
    ) async throws(TierError) -> Ticket {
        try await memory.scan(spaces, until: deadline, body)
    }
}
