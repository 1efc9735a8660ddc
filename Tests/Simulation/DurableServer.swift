internal import CacheStack

/// The one L3 of a run: `MemoryDurableTier` behind a clock row that one transaction holds at a time, with restarts,
/// restored backups and a clock that may step back. Every commit is written into the truth.
final class DurableServer: @unchecked Sendable {  // used by the scheduler's thread only
    private unowned let world: World
    let tier: MemoryDurableTier
    let lane: Lane
    private(set) var isDown = false
    var isReadOnly = false
    /// Raised by restarts: what was under way in an earlier one never commits.
    private(set) var generation = 0
    private var l3Offset: Int64 = 0
    private var lastCommit: Int64 = 0
    private var nextNonce: UInt64 = 1
    /// Tickets at which batches in doubt turned out committed, by nonce.
    private var marks: [UInt64: UInt64] = [:]
    private var backup: MemoryDurableTier.Backup?

    // The clock row.
    private var isHeld = false
    private var waiting: [(number: Int, turn: FirstAnswer<Bool>)] = []
    private var waiters = 0

    static let start: Int64 = 1_700_000_000_000_000

    init(_ world: World) {
        self.world = world
        lane = world.scheduler.lane()
        let clock = Clock()
        tier = MemoryDurableTier(schemas: World.schemas) { clock.read() }
        clock.server = self
    }

    /// Lets the tier read the clock of the server that owns it.
    private final class Clock: @unchecked Sendable {  // used by the scheduler's thread only
        weak var server: DurableServer?
        func read() -> Int64 { server?.microseconds ?? DurableServer.start }
    }

    /// L3's time, microseconds since 1970.
    var microseconds: Int64 { Self.start + world.scheduler.now / 1_000 + l3Offset }

    // MARK: The clock row

    /// Takes the clock row; false where it took longer than `timeout` or the server went down.
    func acquire(timeout: Int64) async -> Bool {
        guard !isDown else { return false }
        guard isHeld else {
            isHeld = true
            return true
        }
        waiters += 1
        let (number, turn) = (waiters, FirstAnswer<Bool>())
        waiting.append((number, turn))
        world.scheduler.after(timeout) { [self] in
            guard let place = waiting.firstIndex(where: { $0.number == number }) else { return }
            waiting.remove(at: place)
            turn.give(false)
        }
        return await turn.wait()
    }

    /// Gives the clock row to the next in the queue, if the holder is of this generation.
    func release(_ holder: Int) {
        guard holder == generation else { return }
        if waiting.isEmpty {
            isHeld = false
        } else {
            waiting.removeFirst().turn.give(true)
        }
    }

    // MARK: Transactions

    func makeNonce() -> UInt64 {
        nextNonce += 1
        return nextNonce
    }

    /// Commits a batch whose transaction holds the clock row.
    func apply(_ batch: [Transaction], nonce: UInt64) async -> [CommitOutcome] {
        if microseconds < lastCommit - 50_000, world.plan.mutant != .epochNotRaised { raiseEpoch() }
        lastCommit = microseconds
        guard case .decided(let outcomes) = await tier.commit(batch, until: .now) else { return [] }
        var committed: UInt64?
        for (transaction, outcome) in zip(batch, outcomes) {
            guard case .committed(let ticket, _, _) = outcome else { continue }
            committed = ticket.rawValue
            record(transaction, ticket: ticket.rawValue)
        }
        if let committed {
            marks[nonce] = committed
            world.truth.finish(ticket: committed, total: world.total, at: world.scheduler.now)
        }
        return outcomes
    }

    private func record(_ transaction: Transaction, ticket: UInt64) {
        let truth = world.truth
        for expectation in transaction.expectations {
            truth.checkBase(world.row(expectation.key), expected: expectation.version.rawValue, ticket: ticket)
        }
        var attempt: UInt64 = 0
        for group in transaction.writes.groups {
            for (index, id) in group.ids.enumerated() {
                let row = world.row(CacheKey(group.space, id))
                let bytes = group.mode == .delete ? nil : Array(group.bytes[index * 16..<index * 16 + 16])
                let content = Content(bytes) ?? Content()
                attempt = max(attempt, content.attempt)
                truth.write(row, content, ticket: ticket, at: world.scheduler.now)
            }
        }
        if let name = transaction.idempotency {
            truth.accept(attempt: name.bodyHash, intent: world.intent(ofAttempt: name.bodyHash), ticket: ticket)
        }
    }

    /// Whether the batch of that nonce is part of history.
    func isCommitted(nonce: UInt64) -> Bool { marks[nonce] != nil }

    // MARK: Faults

    /// Every connection breaks; transactions under way are rolled back.
    func goDown() {
        isDown = true
        generation += 1
        isHeld = false
        for (_, turn) in waiting { turn.give(false) }
        waiting = []
    }

    func comeUp() { isDown = false }

    func takeBackup() { backup = tier.backup() }

    /// Goes back to the last backup, in a new epoch: the tickets since are issued again, for other commits.
    func restoreBackup() {
        guard let backup else { return }
        goDown()
        comeUp()
        tier.restore(backup)
        marks = marks.filter { $0.value <= backup.newest.rawValue }
        restartTruth(at: backup.newest)
        self.backup = tier.backup()
        world.redis.forgetPublished()
    }

    private func raiseEpoch() {
        tier.restoreBackup(at: tier.newest)
        restartTruth(at: tier.newest)
        backup = nil
    }

    private func restartTruth(at ticket: Ticket) {
        let old = world.truth.epoch
        world.truth.restart(at: ticket.rawValue, epoch: old + 1, clockOffset: l3Offset, now: world.scheduler.now)
        world.recorder?.restart(old, at: ticket.rawValue, epoch: old + 1)
    }

    func stepClock(by microseconds: Int64) { l3Offset += microseconds }

    /// Starts history at `ticket`, and in epoch 2.
    func begin(at ticket: UInt64) { tier.restoreBackup(at: Ticket(ticket)) }

    /// Drops the outbox up to `count` tickets before the newest.
    func prune(keeping count: UInt64) {
        let newest = tier.newest.rawValue
        if newest > count { tier.prune(upTo: Ticket(newest - count)) }
    }
}
