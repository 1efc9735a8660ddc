internal import Synchronization

/// L3 in memory, for tests: tickets, versions, outbox, idempotency and doubt as the real one has them, and faults at will.
///
/// Commits and loads are linearizable. Nothing survives the object.
public final class MemoryDurableTier: DurableTier {
    /// What goes wrong until it is set back.
    public struct Faults: Sendable {
        /// Loads, scans and pages fail with it.
        public var reads: TierError?
        /// Batches fail with it before anything was written.
        public var commits: TierError?
        /// The next batch's answer is lost: it took effect (true) or not (false).
        public var lostCommit: Bool?
        /// Whether a lost answer names the outcomes that were decided.
        public var lostCommitNamesOutcomes = true
        /// This many lookups of batches in doubt fail.
        public var failedResolutions = 0

        /// No faults.
        public init() {}
    }

    /// A point in a load, for tests that interleave.
    public enum Moment: Sendable {
        /// Before the snapshot, and after it but before the answer.
        case beforeSnapshot, afterSnapshot
    }

    fileprivate struct Row {
        var version: Ticket
        var payload: [UInt8]?
    }

    fileprivate struct State {
        var rows: [CacheKey: Row] = [:]
        var outbox: [ChangeRecord] = []
        var newest = Ticket.zero
        var epoch: UInt32 = 1
        var attempts: [String: CommitDecision.KnownAttempt] = [:]
        var nonces: [Ticket: UInt64] = [:]
        var nextNonce: UInt64 = 1
        var faults = Faults()
        var loads = 0
        var rowsLoaded = 0
        var hook: (@Sendable (Moment, [CacheKey]) async -> Void)?
    }

    private let state = Mutex(State())
    private let listed: Set<SpaceID>
    private let clock: @Sendable () -> Int64

    /// An empty L3 at ticket 0, epoch 1; `clock` gives its time in microseconds since 1970.
    public init(schemas: [SpaceSchema], clock: @escaping @Sendable () -> Int64) {
        listed = Set(schemas.filter(\.isShared).map(\.space))
        self.clock = clock
    }

    // MARK: For tests

    /// Changes what goes wrong.
    public func setFaults(_ body: (inout Faults) -> Void) { state.withLock { body(&$0.faults) } }

    /// Calls `hook` at each moment of every load.
    public func setHook(_ hook: (@Sendable (Moment, [CacheKey]) async -> Void)?) { state.withLock { $0.hook = hook } }

    /// Loads answered, and rows in them.
    public var loadCount: (loads: Int, rows: Int) { state.withLock { ($0.loads, $0.rowsLoaded) } }

    /// The newest ticket.
    public var newest: Ticket { state.withLock { $0.newest } }

    /// Drops the outbox up to `ticket`, as retention does.
    public func prune(upTo ticket: Ticket) { state.withLock { $0.outbox.removeAll { $0.ticket <= ticket } } }

    /// Goes back to an empty history that continues at `ticket` in the next epoch, as after restoring a backup.
    public func restoreBackup(at ticket: Ticket) {
        state.withLock { state in
            state.rows = state.rows.filter { $0.value.version <= ticket }
            state.outbox.removeAll { $0.ticket > ticket }
            state.newest = ticket
            state.epoch += 1
        }
    }

    /// What an L3 held at one time.
    package struct Backup: Sendable {
        /// The newest ticket then.
        package var newest: Ticket { state.newest }
        fileprivate var state: State
    }

    /// Everything committed so far.
    package func backup() -> Backup { Backup(state: state.withLock { $0 }) }

    /// Goes back to what `backup` held and on from there in the next epoch, as after restoring it.
    package func restore(_ backup: Backup) {
        state.withLock { state in
            let (epoch, nonce) = (state.epoch, state.nextNonce)
            state = backup.state
            (state.epoch, state.nextNonce) = (epoch + 1, nonce)
        }
    }

    // MARK: DurableTier

    /// The rows in one snapshot.
    public func load(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> LoadedRows {
        let hook = state.withLock { $0.hook }
        await hook?(.beforeSnapshot, keys)
        let answer = state.withLock { state -> Result<LoadedRows, TierError> in
            if let error = state.faults.reads { return .failure(error) }
            state.loads += 1
            state.rowsLoaded += keys.count
            let time = clock()
            let entries = keys.map { key in
                let row = state.rows[key]
                let certificate = Certificate(
                    version: row?.version ?? .zero, asOf: state.newest, asOfTime: time, epoch: state.epoch)
                return CertifiedEntry(key: key, certificate: certificate, payload: row?.payload)
            }
            return .success(LoadedRows(entries: entries, asOf: state.newest, asOfTime: time, epoch: state.epoch))
        }
        await hook?(.afterSnapshot, keys)
        return try answer.get()
    }

    /// Commits a batch under the next ticket, if any of it is accepted.
    public func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) async -> BatchOutcome {
        state.withLock { state in
            if let error = state.faults.commits { return .decided(batch.map { _ in .failed(error) }) }
            let ticket = Ticket(state.newest.rawValue + 1)
            let time = clock()
            var outcomes = Self.decide(batch, ticket: ticket, time: time, state)
            let mark = BatchMark(
                ticket: ticket, nonce: state.nextNonce,
                outcomes: state.faults.lostCommitNamesOutcomes ? outcomes : [])
            state.nextNonce += 1
            let lost = state.faults.lostCommit
            state.faults.lostCommit = nil
            if lost == false { return .inDoubt(mark) }
            if Self.insertsExisting(batch, outcomes, state) {
                let error = TierError(.constraint, "a row to be inserted exists already")
                outcomes = outcomes.map { if case .committed = $0 { .failed(error) } else { $0 } }
            }
            write(batch, outcomes, mark, &state)
            return lost == true ? .inDoubt(mark) : .decided(outcomes)
        }
    }

    private static func decide(
        _ batch: [Transaction], ticket: Ticket, time: Int64, _ state: State
    ) -> [CommitOutcome] {
        let decisions = CommitDecision.decide(
            batch, current: { state.rows[$0]?.version }, idempotency: { state.attempts[$0.key] }, ticket: ticket,
            epoch: state.epoch)
        return decisions.map { decision in
            switch decision {
            case .accepted: .committed(ticket, time: time, epoch: state.epoch)
            case .conflict(let key, let current): .conflict(key, current: current)
            case .duplicate(let earlier): .duplicate(earlier)
            case .keyReused: .keyReused
            }
        }
    }

    private static func insertsExisting(_ batch: [Transaction], _ outcomes: [CommitOutcome], _ state: State) -> Bool {
        zip(batch, outcomes).contains { transaction, outcome in
            guard case .committed = outcome else { return false }
            return transaction.writes.groups.contains { group in
                group.mode == .insert && group.ids.contains { state.rows[CacheKey(group.space, $0)] != nil }
            }
        }
    }

    private func write(_ batch: [Transaction], _ outcomes: [CommitOutcome], _ mark: BatchMark, _ state: inout State) {
        var changed: [CacheKey] = []
        var isCommitted = false
        for (transaction, outcome) in zip(batch, outcomes) {
            guard case .committed = outcome else { continue }
            isCommitted = true
            if let key = transaction.idempotency {
                state.attempts[key.key] = .init(ticket: mark.ticket, bodyHash: key.bodyHash)
            }
            for group in transaction.writes.groups where !group.ids.isEmpty {
                let size = group.bytes.count / group.ids.count
                for (index, id) in group.ids.enumerated() {
                    let payload = Array(group.bytes[index * size..<(index + 1) * size])
                    let key = CacheKey(group.space, id)
                    state.rows[key] = Row(version: mark.ticket, payload: group.mode == .delete ? nil : payload)
                    if listed.contains(group.space) { changed.append(key) }
                }
            }
        }
        guard isCommitted else { return }
        state.newest = mark.ticket
        state.nonces[mark.ticket] = mark.nonce
        state.outbox.append(ChangeRecord(ticket: mark.ticket, keys: changed))
    }

    /// Whether the batch of that mark took effect.
    public func resolve(_ mark: BatchMark, until deadline: ContinuousClock.Instant) async throws(TierError) -> Bool {
        let answer: Bool? = state.withLock { state in
            guard state.faults.failedResolutions == 0 else {
                state.faults.failedResolutions -= 1
                return nil
            }
            return state.nonces[mark.ticket] == mark.nonce
        }
        guard let answer else { throw TierError(.unavailable, "the batch cannot be looked up yet") }
        return answer
    }

    /// The outbox after `ticket`.
    public func changes(
        after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> ChangePage {
        let answer = state.withLock { state -> Result<ChangePage, TierError> in
            if let error = state.faults.reads { return .failure(error) }
            let fresh = state.outbox.reversed().prefix { $0.ticket > ticket }
            let records = Array(fresh.reversed().prefix(limit))
            return .success(ChangePage(records: records, newest: state.newest, time: clock(), epoch: state.epoch))
        }
        return try answer.get()
    }

    /// Hands every live row to `body`, in the order of ids; a chunk ends where payloads have another size.
    public func scan(
        _ spaces: [SpaceID], until deadline: ContinuousClock.Instant,
        _ body: @escaping @Sendable (ScanChunk) -> Void
    ) async throws(TierError) -> Ticket {
        let (rows, newest, error) = state.withLock { ($0.rows, $0.newest, $0.faults.reads) }
        if let error { throw error }
        for space in spaces {
            var chunk = ScanChunk(space: space, ids: [], versions: [], bytes: [])
            for (key, row) in rows.filter({ $0.key.space == space }).sorted(by: { $0.key.id < $1.key.id }) {
                guard let payload = row.payload else { continue }
                if chunk.bytes.count != chunk.ids.count * payload.count {
                    body(chunk)
                    chunk = ScanChunk(space: space, ids: [], versions: [], bytes: [])
                }
                chunk.ids.append(key.id)
                chunk.versions.append(row.version.rawValue)
                chunk.bytes += payload
            }
            if !chunk.ids.isEmpty { body(chunk) }
        }
        return newest
    }
}
